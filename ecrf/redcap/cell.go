package redcap

import (
	"github.com/crflink/crflink/ecrf"
)

// subject is one subject of a batch.
type subject struct {
	number, site string
	cells        []*cell
	last         map[ecrf.CellKey]ecrf.Delivered
	there, made  bool   // the record; that this delivery makes it
	blocked      string // why nothing is written, "" when it may be
}

// cell is one cell of a batch on its way.
type cell struct {
	ecrf.CellKey
	subject  *subject
	column   *column
	place    *place
	instance int // 0 where nothing repeats

	incoming, raw string // as it will be read back, and as it is imported; "" for none
	outdated      bool   // nobody has approved the rule that fills it now: it is not written
	uncovered     bool   // the consent no longer covers the item
	misfit        cause  // why it cannot be imported, "" when it can
	from          *ecrf.StoredCell

	last   ecrf.Delivered // as the ledger has it
	stored string         // in the target
	value  string         // that we know to have written
	action ecrf.Action
	clear  bool // our own value is to be removed

	sent, sure bool   // in this delivery; REDCap said that it took it
	before     string // what was stored when it was decided to send
	status     string // of its form, in the target
	marks      string // the column of the form's status, where it went along with the cell
	refused    cause
	raced      bool
	taken      bool // the log says that an earlier delivery's import was taken, which the ledger does not know
}

// row is the row in which the cell stands.
func (c *cell) row() rowKey {
	key := rowKey{record: c.subject.number, event: c.place.event}
	if c.place.repetition != once {
		key.instance = c.instance
	}
	if c.place.repetition == byForm {
		key.form = c.place.form
	}
	return key
}

// writes reports whether the cell is to be imported.
func (d *delivery) writes(c *cell) bool {
	return (c.clear || c.action.Writes()) && !d.frozen(c) && !c.outdated && c.subject.blocked == ""
}

// newCell prepares a stored cell for delivery.
func (d *delivery) newCell(s *subject, from *ecrf.StoredCell) *cell {
	c := &cell{CellKey: from.CellKey, subject: s, column: d.layout.columns[from.Item], place: d.layout.places[[2]string{from.Event, from.Form}]}
	if c.column == nil || c.place == nil {
		return nil
	}
	if d.decided != nil {
		kept := *from // the casebook does not last
		c.from = &kept
	}
	c.last = s.last[c.CellKey]
	c.instance = c.last.Instance
	c.uncovered, c.outdated = from.Missing == ecrf.NoConsent, from.State == ecrf.Outdated
	switch {
	case from.Value != "" && from.Missing == "":
		value, raw, err := c.column.settled(from.Value)
		if err != nil {
			c.misfit = causeFormat
			return c
		}
		c.incoming, c.raw = value, raw
	case from.Value == "" && !c.uncovered && c.column.missing && c.column.spelling != checkbox:
		if code := d.options.MissingCodes[from.Missing]; code != "" {
			c.incoming, c.raw = c.column.read(code), code
		}
	}
	return c
}
