package redcap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/wire"
)

// project is the design of a live project, as its server tells it.
type project struct {
	id        string
	record    string // the variable of the record ID
	variables map[string]*variable
	boxes     map[string]box          // by the name that our reader gives a checkbox's column
	forms     []string                // in the sequence of the dictionary
	events    []string                // unique names; none in a classic project
	labels    map[string]string       // of events, as they are shown
	arms      map[string]string       // number of the arm of each event
	filled    map[[2]string]bool      // event and form that are designated; nothing in a classic project
	repeats   map[[2]string]bool      // event and form that repeats; without a form the event does
	groups    map[string]bool         // data access groups, by unique name
	missing   []ecrf.Code             // missing-data codes
	names     ecrf.Names              // of the project, by the names that a dictionary drafted from it has
	drafted   *ecrf.Dictionary        // from the project as it is now
	exports   map[string]exportedName // by the column's name
}

// box is a column of a checkbox.
type box struct{ variable, column string }

type exportedName struct{ variable, choice string }

func (p *project) longitudinal() bool { return len(p.events) > 0 }

// repetition is how a form repeats in an event.
type repetition int

const (
	once repetition = iota
	byForm
	byEvent
)

func (p *project) repetition(event, form string) repetition {
	switch {
	case p.repeats[[2]string{event, form}]:
		return byForm
	case p.repeats[[2]string{event, ""}]:
		return byEvent
	}
	return once
}

// readProject asks for everything that a delivery has to know of a project's design.
func readProject(ctx context.Context, c *client) (*project, error) {
	p := &project{
		variables: map[string]*variable{}, boxes: map[string]box{}, labels: map[string]string{}, arms: map[string]string{}, filled: map[[2]string]bool{},
		repeats: map[[2]string]bool{}, groups: map[string]bool{}, exports: map[string]exportedName{},
	}
	info, err := p.info(ctx, c)
	if err != nil {
		return nil, err
	}
	x := Export{}
	var text []byte
	if text, err = p.sheet(ctx, c, "metadata", p.metadata); err != nil {
		return nil, err
	}
	x.Dictionary = bytes.NewReader(text)
	if _, err = p.sheet(ctx, c, "exportFieldNames", p.fieldNames); err != nil {
		return nil, err
	}
	if info["is_longitudinal"] == "1" {
		for _, part := range []struct {
			content string
			take    func(*sheet) error
		}{{"event", p.event}, {"formEventMapping", p.mapping}} {
			if text, err = p.sheet(ctx, c, part.content, part.take); err != nil {
				return nil, err
			}
			x.Events = append(x.Events, bytes.NewReader(text))
		}
	}
	if info["has_repeating_instruments_or_events"] == "1" {
		if text, err = p.sheet(ctx, c, "repeatingFormsEvents", p.repeating); err != nil {
			return nil, err
		}
		x.Repeating = bytes.NewReader(text)
	}
	if _, err = p.sheet(ctx, c, "dag", p.group); err != nil {
		return nil, err
	}
	return p, p.draft(x)
}

// info reads the project's own settings, all as texts.
func (p *project) info(ctx context.Context, c *client) (map[string]string, error) {
	settings := map[string]string{}
	err := c.export(ctx, "project", "json", nil, func(text []byte) error {
		raw := map[string]json.RawMessage{}
		if err := decode(text, &raw); err != nil {
			return err
		}
		for name, value := range raw {
			settings[name] = strings.Trim(string(value), `"`)
			var s string
			if json.Unmarshal(value, &s) == nil {
				settings[name] = s
			}
		}
		if settings["project_id"] == "" {
			return fmt.Errorf("%w: it is no project", wire.ErrBroken)
		}
		return nil
	})
	p.id, p.missing = settings["project_id"], Choices(settings["missing_data_codes"])
	return settings, err
}

// sheet asks for a table, has it read and returns it.
func (p *project) sheet(ctx context.Context, c *client, content string, take func(*sheet) error) (text []byte, err error) {
	err = c.export(ctx, content, "csv", nil, func(answer []byte) error {
		text = answer
		if len(bytes.TrimSpace(answer)) == 0 { // a table without rows
			return nil
		}
		s, err := readSheet(bytes.NewReader(answer), titles)
		if err != nil {
			return fmt.Errorf("%w: %w", wire.ErrBroken, err)
		}
		return take(s)
	})
	return text, err
}

var errColumns = fmt.Errorf("%w: the table lacks a column that REDCap's tables of this kind have", wire.ErrBroken)

func (p *project) metadata(s *sheet) error {
	if !s.has("field_name", "form_name", "field_type", "select_choices_or_calculations", "text_validation_type_or_show_slider_number", "field_annotation") {
		return errColumns
	}
	clear(p.variables)
	p.forms, p.record = nil, ""
	for _, row := range s.rows {
		v := &variable{
			name: s.get(row, "field_name"), form: s.get(row, "form_name"), kind: strings.ToLower(s.get(row, "field_type")),
			validation: strings.ToLower(s.get(row, "text_validation_type_or_show_slider_number")), annotation: s.get(row, "field_annotation"),
			choices: Choices(s.get(row, "select_choices_or_calculations")),
		}
		if p.record == "" {
			p.record = v.name
		}
		p.variables[v.name] = v
		if !slices.Contains(p.forms, v.form) {
			p.forms = append(p.forms, v.form)
		}
	}
	if p.record == "" {
		return fmt.Errorf("%w: the data dictionary has no field", wire.ErrBroken)
	}
	return nil
}

// fieldNames reads what columns are called; a checkbox has one for each choice.
func (p *project) fieldNames(s *sheet) error {
	if !s.has("original_field_name", "choice_value", "export_field_name") {
		return errColumns
	}
	for _, row := range s.rows {
		name, choice, column := s.get(row, "original_field_name"), s.get(row, "choice_value"), s.get(row, "export_field_name")
		p.exports[column] = exportedName{name, choice}
		if choice != "" {
			p.boxes[name+"___"+columnCode(choice)] = box{name, column}
		}
	}
	return nil
}

func (p *project) event(s *sheet) error {
	if !s.has("unique_event_name") {
		return errColumns
	}
	p.events = nil
	for _, row := range s.rows {
		name := s.get(row, "unique_event_name")
		p.events = append(p.events, name)
		p.labels[name], p.arms[name] = s.get(row, "event_name"), s.get(row, "arm_num")
	}
	return nil
}

func (p *project) mapping(s *sheet) error {
	if !s.has("unique_event_name", "form") {
		return errColumns
	}
	for _, row := range s.rows {
		p.filled[[2]string{s.get(row, "unique_event_name"), s.get(row, "form")}] = true
	}
	return nil
}

func (p *project) repeating(s *sheet) error {
	if !s.has("form_name") {
		return errColumns
	}
	for _, row := range s.rows {
		p.repeats[[2]string{s.get(row, "event_name"), s.get(row, "form_name")}] = true
	}
	return nil
}

func (p *project) group(s *sheet) error {
	if !s.has("unique_group_name") {
		return errColumns
	}
	for _, row := range s.rows {
		p.groups[s.get(row, "unique_group_name")] = true
	}
	return nil
}

// draft makes the dictionary that crflink init would make of the project now: a study's names are those.
func (p *project) draft(x Export) error {
	draft, err := ReadDictionary(x)
	if err != nil {
		return fmt.Errorf("the project's design: %w", err)
	}
	d, comments, _, err := draft.Dictionary("project")
	if err != nil {
		return fmt.Errorf("the project's design: %w", err)
	}
	p.drafted, p.names = d, comments.Sources
	return nil
}
