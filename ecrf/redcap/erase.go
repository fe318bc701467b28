package redcap

import (
	"context"
	"errors"
	"fmt"

	"github.com/crflink/crflink/ecrf"
)

var _ ecrf.Eraser = (*Target)(nil)

// Erase clears the values that we wrote and that nobody changed since. What people entered stays, and so does the record: its
// deletion is a right of its own in REDCap. Freezes do not hold a withdrawal up.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	if e.Record == nil {
		return 0, fmt.Errorf("target %s: without a record of what was written our values cannot be told from those of people", t.name)
	}
	d, err := t.erasure(ctx, e)
	if err != nil || len(d.batch) == 0 {
		return 0, wrapped(t.name, err)
	}
	if err := d.open(ctx, t.options.Dictionary); err != nil {
		return 0, wrapped(t.name, err)
	}
	all := d.batch
	d.batch = nil
	for _, s := range all {
		d.prepare(s)
		d.batch = append(d.batch, s)
		if len(d.batch) == d.options.BatchRows {
			if err := d.flush(ctx); err != nil {
				return cells, wrapped(t.name, err)
			}
		}
	}
	if err := d.flush(ctx); err != nil {
		return d.report.Written, wrapped(t.name, err)
	}
	if n := d.report.Rejected + d.report.Locked; n > 0 {
		return d.report.Written, fmt.Errorf("target %s: %d of our values could not be cleared, such as those of locked forms", t.name, n)
	}
	return d.report.Written, nil
}

func wrapped(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("target %s: %w", name, err)
}

// erasure is a delivery that clears. Its subjects are those of which something was written.
func (t *Target) erasure(ctx context.Context, e ecrf.Erasure) (*delivery, error) {
	if t.options.Dictionary == nil {
		return nil, errors.New("the study's dictionary is needed")
	}
	clearing := *t
	clearing.options.ClearUncovered, clearing.options.Freezes, clearing.options.Groups = true, nil, nil
	d := &delivery{Target: &clearing, record: unsettled{e.Record}, report: &ecrf.DeliveryReport{}, rows: t.options.BatchRows}
	items := map[string]bool{}
	for _, number := range e.Subjects {
		last, err := e.Record.LastWritten(ctx, number)
		if err != nil {
			return nil, err
		}
		s := &subject{number: number, last: map[ecrf.CellKey]ecrf.Delivered{}}
		for key, was := range last {
			if was.Value != "" || was.Sent != "" {
				s.last[key] = was
				items[key.Item] = true
			}
		}
		if len(s.last) > 0 {
			d.batch = append(d.batch, s)
		}
	}
	clearing.options.Fills = func(_, _, item string) bool { return items[item] }
	return d, nil
}

// prepare makes cells of all that was written of a subject.
func (d *delivery) prepare(s *subject) {
	for key := range s.last {
		if c := d.newCell(s, &ecrf.StoredCell{CellKey: key, Missing: ecrf.NoConsent}); c != nil {
			s.cells = append(s.cells, c)
		}
	}
}

// unsettled is a record that opens no queries: nothing is doubtful about what is to go.
type unsettled struct{ ecrf.DeliveryRecord }

func (unsettled) Settle(context.Context, []string, []ecrf.Doubt) (int, error) { return 0, nil }
