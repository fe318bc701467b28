package fakeredcap

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Design is what a project's owner made. A project without events is classic.
type Design struct {
	Title        string
	Fields       []Field // the first is the record ID
	Events       []Event
	Repeating    []Repeating
	Groups       []Group // data access groups
	MissingCodes string  // such as "NASK, Not asked | UNK, Unknown"
	InProduction bool
	AutoNumber   bool
}

// Event is an event of a longitudinal project, in its arm.
type Event struct {
	Name   string // unique, such as visit_1_arm_1
	Label  string
	Arm    int
	Custom string
	ID     int
	Forms  []string // that are designated
}

// Repeating is a form that repeats in an event, or, without a form, an event that repeats as a whole. A classic project's
// event is "".
type Repeating struct{ Event, Form, Label string }

// Group is a data access group.
type Group struct {
	Name, Unique string
	ID           int
}

// column is one column of an export.
type column struct {
	field    *Field // nil for the status of a form
	code     string // of a checkbox
	form     string
	complete bool
}

func (d *Design) longitudinal() bool { return len(d.Events) > 0 }

func (d *Design) recordID() string { return d.Fields[0].Name }

// forms lists the forms in the sequence of the dictionary.
func (d *Design) forms() []string {
	var forms []string
	for i := range d.Fields {
		if f := d.Fields[i].Form; !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	return forms
}

// columns returns the names of a flat export's data columns in their sequence, and what they are.
func (d *Design) columns() (names []string, of map[string]column) {
	of = map[string]column{}
	add := func(name string, c column) {
		if _, taken := of[name]; !taken {
			names = append(names, name)
			of[name] = c
		}
	}
	for _, form := range d.forms() {
		for i := range d.Fields {
			f := &d.Fields[i]
			switch {
			case f.Form != form || f.Type == "descriptive":
			case f.Type == "checkbox":
				for _, code := range f.codes() {
					add(boxColumn(f.Name, code), column{field: f, code: code, form: form})
				}
			default:
				add(f.Name, column{field: f, form: form})
			}
		}
		add(form+"_complete", column{form: form, complete: true})
	}
	return names, of
}

func (d *Design) event(name string) *Event {
	for i := range d.Events {
		if d.Events[i].Name == name {
			return &d.Events[i]
		}
	}
	return nil
}

// designated reports whether a form is filled in an event.
func (d *Design) designated(event, form string) bool {
	e := d.event(event)
	return !d.longitudinal() || e != nil && slices.Contains(e.Forms, form)
}

func (d *Design) repeats(event, form string) bool {
	return slices.ContainsFunc(d.Repeating, func(r Repeating) bool { return r.Event == event && r.Form == form })
}

func (d *Design) group(unique string) *Group {
	for i := range d.Groups {
		if d.Groups[i].Unique == unique {
			return &d.Groups[i]
		}
	}
	return nil
}

// ReadEvents reads a list of events as the API exports it. Every form is designated for every event.
func (d *Design) ReadEvents(r io.Reader) error {
	rows, err := readCSV(r)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	at := func(row []string, name string) string {
		if i := slices.Index(rows[0], name); i >= 0 && i < len(row) {
			return row[i]
		}
		return ""
	}
	for _, row := range rows[1:] {
		arm, err := strconv.Atoi(at(row, "arm_num"))
		if err != nil || at(row, "unique_event_name") == "" {
			return errors.New("events: the columns arm_num and unique_event_name are needed")
		}
		id, _ := strconv.Atoi(at(row, "event_id"))
		d.Events = append(d.Events, Event{
			Name: at(row, "unique_event_name"), Label: at(row, "event_name"), Arm: arm, Custom: at(row, "custom_event_label"), ID: id, Forms: d.forms(),
		})
	}
	return nil
}

// clone returns a copy that shares nothing.
func (d Design) clone() Design {
	d.Fields, d.Repeating, d.Groups = slices.Clone(d.Fields), slices.Clone(d.Repeating), slices.Clone(d.Groups)
	d.Events = slices.Clone(d.Events)
	for i := range d.Events {
		d.Events[i].Forms = slices.Clone(d.Events[i].Forms)
	}
	return d
}
