package redcap

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/wire"
)

// intend tells the ledger what is about to be written, so that a delivery that dies behind it knows its own values again.
func (d *delivery) intend(ctx context.Context, writes []*cell) error {
	marks := make([]ecrf.Delivered, len(writes))
	for i, c := range writes {
		m := c.last
		m.Subject, m.CellKey, m.Instance, m.Value = c.subject.number, c.CellKey, c.instance, c.value
		m.Sent = c.incoming
		if m.State == "" {
			m.State = ecrf.New
		}
		marks[i] = m
	}
	if err := d.record.MarkWritten(ctx, marks); err != nil {
		return err
	}
	for i, c := range writes {
		c.last = marks[i]
	}
	return nil
}

// shipment is an import: rows of one event, one instrument and one set of boxes, so that all rows have the same columns.
type shipment struct {
	event, form string
	repetition  repetition
	clear       bool
	rows        [][]*cell // cells of one row each
	columns     []string
	statuses    []map[string]string // that go along, by row and column; set by mark
}

// write imports the cells. known is false when it is not known of some whether they were taken.
func (d *delivery) write(ctx context.Context, writes []*cell) (known bool, err error) {
	known = true
	for _, all := range d.shipments(writes) {
		for part := range slices.Chunk(all.rows, d.fitting(all)) {
			s := all
			s.rows = part
			ok, err := d.ship(ctx, &s)
			if err != nil {
				return false, err
			}
			known = known && ok
		}
	}
	return known, nil
}

// fitting is how many rows of the shipment one import takes.
func (d *delivery) fitting(s shipment) int {
	return max(1, min(d.rows, d.options.BatchCells/max(1, len(s.columns))))
}

// shipments parts cells into imports. A blank is no value in mode normal, and yet no box is ever left blank beside one that is
// written: rows that write other boxes go apart.
func (d *delivery) shipments(writes []*cell) []shipment {
	rows := map[rowKey][]*cell{}
	for _, c := range writes {
		rows[c.row()] = append(rows[c.row()], c)
	}
	groups := map[string]*shipment{}
	for _, key := range sortedRows(rows) {
		for _, clearing := range []bool{false, true} {
			cells := slices.DeleteFunc(slices.Clone(rows[key]), func(c *cell) bool { return c.clear != clearing })
			if len(cells) == 0 {
				continue
			}
			if !clearing {
				cells = append(cells, siblings(cells)...)
			}
			slices.SortFunc(cells, func(a, b *cell) int { return cmp.Compare(a.column.name, b.column.name) })
			group := strings.Join([]string{key.event, key.form, strconv.FormatBool(clearing), strconv.Itoa(int(cells[0].place.repetition)), exact(cells, clearing)}, "\x00")
			s := groups[group]
			if s == nil {
				s = &shipment{event: key.event, form: key.form, repetition: cells[0].place.repetition, clear: clearing}
				groups[group] = s
			}
			s.rows = append(s.rows, cells)
		}
	}
	var all []shipment
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		s := groups[group]
		s.columns = columnsOf(s.rows)
		all = append(all, *s)
	}
	return all
}

// exact names the columns in which the rows of an import must be alike: boxes, and all of them where blanks erase.
func exact(cells []*cell, clearing bool) string {
	var names []string
	for _, c := range cells {
		if clearing || c.column.spelling == checkbox {
			names = append(names, c.column.name)
		}
	}
	return strings.Join(names, " ")
}

// siblings are the other boxes of the same fields that hold already what they should: rows that write some of a field's boxes
// then write all of them.
func siblings(cells []*cell) []*cell {
	var more []*cell
	for _, c := range cells {
		if c.column.spelling != checkbox {
			continue
		}
		for _, other := range c.subject.cells {
			if other.column.variable == c.column.variable && other.row() == c.row() && other.action == ecrf.Keep && !other.clear && other.refused == "" &&
				other.incoming != "" && other.stored == other.incoming && !slices.Contains(more, other) && !slices.Contains(cells, other) {
				more = append(more, other)
			}
		}
	}
	return more
}

func sortedRows(rows map[rowKey][]*cell) []rowKey {
	keys := make([]rowKey, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b rowKey) int {
		return cmp.Or(cmp.Compare(a.record, b.record), cmp.Compare(a.event, b.event), cmp.Compare(a.form, b.form), cmp.Compare(a.instance, b.instance))
	})
	return keys
}

func columnsOf(rows [][]*cell) []string {
	seen := map[string]bool{}
	for _, cells := range rows {
		for _, c := range cells {
			seen[c.column.name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// body writes the rows as JSON; all of them have the same names.
func (d *delivery) body(s *shipment) (string, error) {
	out := make([]map[string]string, len(s.rows))
	statuses := s.statusColumns()
	for i, cells := range s.rows {
		row := map[string]string{}
		for _, name := range slices.Concat(s.columns, statuses) {
			row[name] = ""
		}
		maps.Copy(row, s.statuses[i])
		for _, c := range cells {
			if !s.clear {
				row[c.column.name] = c.raw
			}
		}
		d.structure(row, s, cells[0])
		out[i] = row
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", errors.New("the import cannot be written")
	}
	return string(text), nil
}

// statusColumns are the columns of the statuses that any row of the shipment sets.
func (s *shipment) statusColumns() []string {
	names := map[string]string{}
	for _, statuses := range s.statuses {
		maps.Copy(names, statuses)
	}
	return slices.Sorted(maps.Keys(names))
}

// structure adds to a row where it stands. A record that is made goes into its group with its first row.
func (d *delivery) structure(row map[string]string, s *shipment, c *cell) {
	row[d.layout.record] = c.subject.number
	if d.layout.longitudinal() {
		row[columnEvent] = s.event
	}
	if s.repetition != once {
		row[columnInstrument], row[columnInstance] = s.form, strconv.Itoa(c.instance)
	}
	if len(d.options.Groups) > 0 {
		row[columnGroup] = ""
		if c.subject.made {
			row[columnGroup] = d.options.Groups[c.subject.site]
		}
	}
}

// ship imports one shipment. A refusal takes the cells that it names out; the next round sends the others. known is false when
// it is not known whether REDCap took it.
func (d *delivery) ship(ctx context.Context, s *shipment) (known bool, err error) {
	forms := d.mark(s)
	body, err := d.body(s)
	if err != nil {
		return false, err
	}
	p := parameters{"type": "flat", "overwriteBehavior": "normal", "dateFormat": "YMD", "returnContent": "ids", "data": body}
	if s.clear {
		p["overwriteBehavior"] = "overwrite"
	}
	taken := map[string]bool{}
	err = d.client.do(ctx, imports, "record", "json", p, func(answer []byte) error {
		var ids []text
		if err := decode(answer, &ids); err != nil {
			return err
		}
		for _, id := range ids {
			taken[string(id)] = true
		}
		return nil
	})
	switch r := asRefusal(err); {
	case err == nil:
		d.rows = min(d.options.BatchRows, d.rows+1)
		d.statuses += forms
		return s.shipped(taken), nil
	case ctx.Err() != nil:
		s.unknown()
		return false, ctx.Err()
	case r != nil:
		return true, d.refuse(ctx, s, r)
	case isUnknown(err):
		s.unknown()
		d.rows = max(1, d.rows/2)
		return false, nil
	}
	return false, err
}

// shipped marks the rows whose records REDCap named, and reports whether it named all.
func (s *shipment) shipped(taken map[string]bool) (all bool) {
	all = true
	for _, cells := range s.rows {
		for _, c := range cells {
			if !s.meant(c) {
				continue
			}
			c.sent, c.before = true, c.stored
			c.sure = taken[c.subject.number]
			all = all && c.sure
		}
	}
	return all
}

// meant reports whether the cell is to change, and does not only stand beside one that is.
func (s *shipment) meant(c *cell) bool { return s.clear || c.action.Writes() }

func (s *shipment) unknown() {
	for _, cells := range s.rows {
		for _, c := range cells {
			if s.meant(c) {
				c.sent, c.sure, c.before = true, false, c.stored
			}
		}
	}
}

// isUnknown reports errors behind which an import may have been done: no answer, half of one, a page, an error of the server or
// of a proxy before it.
func isUnknown(err error) bool {
	var status *wire.StatusError
	if errors.As(err, &status) {
		return wire.Passing(err) || status.Status == http.StatusRequestEntityTooLarge
	}
	return wire.Passing(err) || errors.Is(err, wire.ErrTooLarge)
}

// refuse marks the cells that a refusal names. Where it names none, the rows are sent apart, to find those it is about.
func (d *delivery) refuse(ctx context.Context, s *shipment, r *refusal) error {
	if r.status != http.StatusBadRequest {
		return r
	}
	hit := false
	for _, bad := range r.cells {
		hit = d.blame(s, bad) || hit
	}
	switch {
	case hit:
		return nil
	case len(s.rows) == 1:
		for _, c := range s.rows[0] {
			c.refused = causeOther
		}
		return nil
	}
	for _, half := range [][][]*cell{s.rows[:len(s.rows)/2], s.rows[len(s.rows)/2:]} {
		part := *s
		part.rows = half
		if _, err := d.ship(ctx, &part); err != nil {
			return err
		}
	}
	return nil
}

// blame marks the cells of the shipment that a quad is about: the named field of the record, or, where the quad is about the
// row itself, all of the record's rows.
func (d *delivery) blame(s *shipment, bad badCell) (hit bool) {
	if bad.event != "" && bad.event != s.event && bad.event != d.layout.labels[s.event] && slices.Contains(d.layout.events, bad.event) {
		return false
	}
	structural := slices.Contains([]string{columnEvent, columnInstrument, columnInstance, columnGroup, d.layout.record}, bad.field)
	for _, cells := range s.rows {
		for _, c := range cells {
			if c.subject.number == bad.record && bad.field == statusOf(c.place.form) { // the next import goes without it
				d.unmarked[c.inForm()], hit = true, true
				continue
			}
			if c.subject.number == bad.record && (structural || bad.field == c.column.name || bad.field == c.column.variable) {
				c.refused, hit = bad.cause, true
			}
		}
	}
	return hit
}
