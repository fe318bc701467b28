package redcap

import (
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// decide says what is to be done with a cell, from what the record held just now.
func (d *delivery) decide(c *cell, s *snapshot) {
	c.action, c.clear = ecrf.Keep, false
	c.value = c.last.Value
	c.stored = c.readStored(s)
	c.status = s.rows[c.row()][statusOf(c.place.form)]
	if c.last.Sent != "" && (c.taken || c.stored == c.last.Sent) { // an import of which it was not known whether it was taken
		c.value = c.last.Sent
	}
	if c.sent && c.sure && c.last.Sent != "" && c.stored != c.last.Sent {
		c.value, c.raced = c.last.Sent, true
	}
	switch {
	case c.refused != "" || c.misfit != "" || c.raced:
	case c.uncovered:
		c.clear = c.ours() && d.options.ClearUncovered && !d.frozen(c)
		if c.clear && c.sure { // it was taken, and changed nothing
			c.clear, c.refused = false, causeOther
		}
	default:
		c.action = d.options.policy(c.Item).Merge(c.stored, c.incoming, ecrf.LastWritten{Value: c.value, Wrote: c.value != ""})
	}
}

// ours reports whether the cell still holds a value that we wrote. A box that we left unchecked holds none.
func (c *cell) ours() bool {
	return c.value != "" && c.stored == c.value && !(c.column.spelling == checkbox && c.value == "false")
}

func (d *delivery) frozen(c *cell) bool {
	return d.options.Freezes.Hold(d.asOf, c.subject.site, c.Form)
}

// readStored returns what a cell of the target holds, in canonical text.
func (c *cell) readStored(s *snapshot) string {
	row := s.rows[c.row()]
	raw := row[c.column.name]
	if c.column.spelling == checkbox && raw == "0" && !c.unchecked(row) {
		return ""
	}
	return c.column.read(raw)
}

// unchecked reports whether a box without a check says no. The API shows an answered no like a question that nobody has
// answered, so it is a no where ours is one too, and where somebody answered: checked another box of the field, or set the form
// complete.
func (c *cell) unchecked(row map[string]string) bool {
	if c.incoming == "false" || c.value == "false" || c.last.Sent == "false" {
		return true
	}
	if c.value == "" && row[statusOf(c.place.form)] == "2" {
		return true
	}
	for name, raw := range row {
		if raw == "1" && name != c.column.name && strings.HasPrefix(name, c.column.variable+"___") && !c.subject.ours(c, name) {
			return true
		}
	}
	return false
}

// ours reports whether we wrote what the column holds in the row of the cell.
func (s *subject) ours(of *cell, column string) bool {
	for _, c := range s.cells {
		if c.column.name == column && c.row() == of.row() {
			return c.last.Value == "true" || c.last.Sent == "true"
		}
	}
	return false
}

// doubts returns why a person must look at the cell, "" when nobody must.
func (d *delivery) doubts(c *cell) ecrf.Cause {
	switch {
	case c.raced:
		return ecrf.CauseRace
	case c.refused == causeLocked:
		return ecrf.CauseLocked
	case c.refused != "" || c.misfit != "":
		return ecrf.CauseRejected
	case c.uncovered:
		if c.ours() {
			return ecrf.CauseUncovered
		}
		return ""
	case c.action.Writes() && d.frozen(c):
		return ecrf.CauseFrozen
	}
	return map[ecrf.Action]ecrf.Cause{
		ecrf.QueryConflict: ecrf.CauseConflict, ecrf.QueryCleared: ecrf.CauseCleared, ecrf.QueryVanished: ecrf.CauseVanished,
		ecrf.QueryChanged: ecrf.CauseChanged, ecrf.QuerySuggested: ecrf.CauseSuggested,
	}[c.action]
}

// outcome is what the ledger keeps about a cell; ok is false where it keeps nothing.
func (d *delivery) outcome(c *cell) (now ecrf.Delivered, ok bool) {
	now = ecrf.Delivered{Subject: c.subject.number, CellKey: c.CellKey, Value: c.value, Instance: c.instance}
	known := c.last.State != ""
	switch cause := d.doubts(c); {
	case cause == ecrf.CauseLocked:
		now.State = ecrf.Locked
	case cause == ecrf.CauseRejected:
		now.State = ecrf.Rejected
	case cause == ecrf.CauseConflict:
		now.State = ecrf.Conflict
	case cause != "":
		now.State = ecrf.Query
	case c.uncovered:
		now.State, now.Value = ecrf.Withdrawn, ""
		return now, known
	case c.value != "" && c.stored == c.value:
		now.State = ecrf.Written
	case c.incoming != "" && c.stored == c.incoming:
		now.State = ecrf.Unchanged
		return now, known || c.instance > 0 // the instance that the value was found in is kept
	default:
		now.State = ecrf.Unchanged
		return now, known && c.last.State != ecrf.Unchanged
	}
	return now, true
}

// tell says in a dry run what would become of the cell.
func (d *delivery) tell(c *cell) {
	does := string(d.doubts(c))
	switch {
	case !d.dry || d.decided == nil:
		return
	case d.writes(c) && c.clear:
		does = "clear"
	case d.writes(c):
		does = string(c.action)
	case does == "":
		return
	}
	d.decided(ecrf.Decision{
		Subject: c.subject.number, CellKey: c.CellKey, Stored: c.stored, Incoming: c.incoming, Missing: c.from.Missing, Does: does, Provenance: c.from.Provenance,
	})
}
