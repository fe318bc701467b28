package redcap

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/crflink/crflink/internal/wire"
)

// rowKey names a row of a project: an event of a record, or an instance of what repeats in it. form is empty in the rows of
// an event, instance 0 where nothing repeats.
type rowKey struct {
	record, event, form string
	instance            int
}

// snapshot is what some records held when they were read.
type snapshot struct {
	rows    map[rowKey]map[string]string
	records map[string]string // data access group by record
	grouped bool              // the export told of groups
	at      string            // Date of the answer
}

// text is a value of an export: most are strings, some are numbers.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	*t = text(n.String())
	return err
}

const (
	columnEvent      = "redcap_event_name"
	columnInstrument = "redcap_repeat_instrument"
	columnInstance   = "redcap_repeat_instance"
	columnGroup      = "redcap_data_access_group"
)

// statusOf is the column that says how far a form is.
func statusOf(form string) string { return form + "_complete" }

// read exports columns of some records. An export without records would be one of all.
func (t *Target) read(ctx context.Context, p *project, records, variables []string) (*snapshot, error) {
	s := &snapshot{rows: map[rowKey]map[string]string{}, records: map[string]string{}}
	if len(records) == 0 {
		return s, nil
	}
	asked := parameters{"type": "flat", "rawOrLabel": "raw", "exportDataAccessGroups": "true", "exportBlankForGrayFormStatus": "true"}
	asked.list("records", records).list("fields", append([]string{p.record}, variables...))
	wanted := map[string]bool{}
	for _, r := range records {
		wanted[r] = true
	}
	err := t.client.export(ctx, "record", "json", asked, func(answer []byte) error {
		var rows []map[string]text
		if err := decode(answer, &rows); err != nil {
			return err
		}
		clear(s.rows)
		clear(s.records)
		s.at = t.client.asked
		for _, row := range rows {
			if err := s.take(p, row, wanted); err != nil {
				return err
			}
		}
		return nil
	})
	return s, err
}

// readParts reads in halves where the server does not cope with the whole: its memory and its time are bounded.
func (t *Target) readParts(ctx context.Context, p *project, records, variables []string) (*snapshot, error) {
	s, err := t.read(ctx, p, records, variables)
	if err == nil || len(records) < 2 || !isUnknown(err) || ctx.Err() != nil {
		return s, err
	}
	half := len(records) / 2
	first, err := t.readParts(ctx, p, records[:half], variables)
	if err != nil {
		return nil, err
	}
	second, err := t.readParts(ctx, p, records[half:], variables)
	if err != nil {
		return nil, err
	}
	maps.Copy(first.rows, second.rows)
	maps.Copy(first.records, second.records)
	first.grouped = first.grouped || second.grouped
	return first, nil
}

func (s *snapshot) take(p *project, row map[string]text, wanted map[string]bool) error {
	id, ok := row[p.record]
	if !ok {
		return fmt.Errorf("%w: a row lacks the record ID; the account needs the right to export the full data set", wire.ErrBroken)
	}
	if !wanted[string(id)] {
		return nil
	}
	key := rowKey{record: string(id), event: string(row[columnEvent]), form: string(row[columnInstrument])}
	if n := row[columnInstance]; n != "" {
		instance, err := strconv.Atoi(string(n))
		if err != nil {
			return fmt.Errorf("%w: an instance is no number", wire.ErrBroken)
		}
		key.instance = instance
	}
	group, told := row[columnGroup]
	s.grouped = s.grouped || told
	s.records[key.record] = first(string(group), s.records[key.record])
	values := map[string]string{}
	for name, v := range row {
		values[name] = string(v)
	}
	s.rows[key] = values
	return nil
}

// instances returns the instances of what repeats that a record has, in order.
func (s *snapshot) instances(record, event, form string) []int {
	var all []int
	for key := range maps.Keys(s.rows) {
		if key.record == record && key.event == event && key.form == form && key.instance > 0 {
			all = append(all, key.instance)
		}
	}
	slices.Sort(all)
	return all
}
