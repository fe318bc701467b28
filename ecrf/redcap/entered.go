package redcap

import (
	"context"
	"errors"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

var _ ecrf.Reader = (*Target)(nil)

// Entered implements ecrf.Reader. The project's design is read once.
func (t *Target) Entered(ctx context.Context, subjects []string, cells []ecrf.CellKey) (map[string]ecrf.Entries, error) {
	all := map[string]ecrf.Entries{}
	if err := ctx.Err(); err != nil || len(subjects) == 0 || len(cells) == 0 {
		return all, err
	}
	l, err := t.readable(ctx, cells)
	if err != nil {
		return nil, wrapped(t.name, err)
	}
	for part := range slices.Chunk(subjects, t.options.BatchRows) {
		s, err := t.read(ctx, l.project, part, l.variablesOf(cells))
		if err != nil {
			return nil, wrapped(t.name, err)
		}
		for _, number := range part {
			if entries := l.entries(s, number, cells); len(entries) > 0 {
				all[number] = entries
			}
		}
	}
	return all, nil
}

// readable finds the place of the cells that are read.
func (t *Target) readable(ctx context.Context, cells []ecrf.CellKey) (*layout, error) {
	if t.options.Dictionary == nil {
		return nil, errors.New("the study's dictionary is needed")
	}
	t.reading.Lock()
	defer t.reading.Unlock()
	if t.design == nil {
		p, err := readProject(ctx, t.client)
		if err != nil {
			return nil, err
		}
		t.design = p
	}
	o := t.options
	o.Groups, o.MissingCodes = nil, nil
	o.Fills = func(event, form, item string) bool {
		return slices.ContainsFunc(cells, func(c ecrf.CellKey) bool { return c.Event == event && c.Form == form && c.Item == item })
	}
	l, _, err := fit(t.design, t.options.Dictionary, &o)
	return l, err
}

func (l *layout) variablesOf(cells []ecrf.CellKey) []string {
	var names []string
	for _, key := range cells {
		if c := l.columns[key.Item]; c != nil && !slices.Contains(names, c.variable) {
			names = append(names, c.variable)
		}
	}
	return names
}

// entries returns what stands in the cells of a subject. A box that nobody checked is no entry.
func (l *layout) entries(s *snapshot, number string, cells []ecrf.CellKey) ecrf.Entries {
	entries := ecrf.Entries{}
	for _, key := range cells {
		column, at := l.columns[key.Item], l.places[[2]string{key.Event, key.Form}]
		if column == nil || at == nil {
			continue
		}
		c := cell{CellKey: key, subject: &subject{number: number}, column: column, place: at, instance: key.Repeat}
		raw := s.rows[c.row()][column.name]
		if value := column.read(raw); value != "" && (column.spelling != checkbox || raw != "0") {
			entries[key] = value
		}
	}
	return entries
}
