package redcap

import (
	"fmt"
	"slices"
)

// FormStatus is what REDCap is told of how far a form is that we wrote into and that nobody has saved.
type FormStatus string

// The statuses. LeaveStatus is the default: the field stays blank until a person saves the form.
const (
	LeaveStatus FormStatus = ""
	Incomplete  FormStatus = "incomplete"
	Unverified  FormStatus = "unverified"
)

// code is what REDCap stores.
func (s FormStatus) code() string {
	return map[FormStatus]string{Incomplete: "0", Unverified: "1"}[s]
}

// instance is a form in its event and instance.
type instance struct {
	rowKey
	form string
}

func (c *cell) inForm() instance { return instance{c.row(), c.place.form} }

// marks returns the statuses that go along with a row of an import, by column: of forms into which it writes, whose status is blank,
// and in which nobody but us has left a value that we know of. Whoever saves a form gives it a status, so that there is none to be
// overwritten.
func (d *delivery) marks(cells []*cell) map[string]string {
	code := d.options.Status.code()
	if code == "" {
		return nil
	}
	marks := map[string]string{}
	for _, c := range cells {
		if c.action.Writes() && c.status == "" && !d.unmarked[c.inForm()] && !c.subject.touched(c.inForm()) {
			marks[statusOf(c.place.form)] = code
		}
	}
	return marks
}

// touched reports whether the form holds a value that is not ours.
func (s *subject) touched(in instance) bool {
	return slices.ContainsFunc(s.cells, func(c *cell) bool {
		unchecked := c.column.spelling == checkbox && c.stored == "false"
		return c.inForm() == in && c.stored != "" && c.stored != c.value && !unchecked
	})
}

// mark finds the statuses that go along with the shipment, remembers which cell of each form takes its status along, and returns of
// how many forms that is. Where blanks erase, none goes along.
func (d *delivery) mark(s *shipment) (forms int) {
	s.statuses = make([]map[string]string, len(s.rows))
	for i, cells := range s.rows {
		if !s.clear {
			s.statuses[i] = d.marks(cells)
		}
		forms += len(s.statuses[i])
		marked := map[string]bool{}
		for _, c := range cells {
			c.marks = ""
			if status := statusOf(c.place.form); s.statuses[i][status] != "" && !marked[status] && s.meant(c) {
				c.marks, marked[status] = status, true
			}
		}
	}
	return forms
}

// tellStatuses says of how many forms the status was set, or would be.
func (d *delivery) tellStatuses() {
	if d.statuses == 0 {
		return
	}
	did := "was"
	if d.dry {
		did = "would be"
	}
	d.report.Notes = append(d.report.Notes, fmt.Sprintf("the status of %d forms that nobody has saved %s set to %s", d.statuses, did, d.options.Status))
}
