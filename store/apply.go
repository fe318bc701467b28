package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// Apply stores a batch. Rows go in sorted by key, whatever the order of the subjects, because SQLite is several times
// slower otherwise.
func (l *Ledger) Apply(ctx context.Context, run ecrf.RunID, batch ecrf.Batch) error {
	w := &l.normal
	if batch.Checkpoint != "" {
		w = &l.full
	}
	for _, s := range batch.Subjects {
		if err := checkFacts(s.Facts); err != nil {
			return err
		}
	}
	subjects := slices.Clone(batch.Subjects)
	slices.SortFunc(subjects, func(a, b *ecrf.SubjectChange) int { return cmp.Compare(a.Facts.Subject, b.Facts.Subject) })
	err := l.change(ctx, w, func(t *transaction) error {
		if err := t.apply(subjects); err != nil {
			return err
		}
		if batch.Checkpoint == "" {
			return nil
		}
		return t.exec(w.putCheckpoint, int64(run), batch.Checkpoint)
	})
	if err != nil {
		return fmt.Errorf("store a batch of %d subjects: %w", len(subjects), err)
	}
	return nil
}

// Facts are codes: a sentence, a date or a name cannot slip in.
var factPattern = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9:._-]{0,63})?$`)

func checkFacts(f ecrf.Facts) error {
	switch {
	case f.Subject == "":
		return errors.New("a change belongs to no subject")
	case !factPattern.MatchString(f.Outcome) || !factPattern.MatchString(f.Reason):
		return errors.New("a subject's outcome and reason must be codes of at most 64 letters, digits and :._-")
	}
	return nil
}

// pending are the rows of a batch.
type pending struct {
	instances, origins []any
	cells              []cellRow
	changed            []int64 // subjects that had cells before
}

type cellRow struct {
	subject, slot, origin int64
	*ecrf.StoredCell
}

func (t *transaction) apply(subjects []*ecrf.SubjectChange) error {
	ids, err := t.putFacts(subjects)
	if err != nil {
		return err
	}
	last, err := t.lastOrigins(ids)
	if err != nil {
		return err
	}
	var p pending
	for i, s := range subjects {
		if err := t.casebook(&p, ids[i], last[ids[i]], s); err != nil {
			return err
		}
	}
	slices.SortFunc(p.cells, func(a, b cellRow) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.slot, b.slot), cmp.Compare(a.Repeat, b.Repeat))
	})
	err = errors.Join(t.insert(t.w.instances, p.instances), t.insert(t.w.origins, p.origins))
	if err == nil {
		err = t.insertCells(p.cells)
	}
	if err != nil || len(p.changed) == 0 {
		return err
	}
	return t.sweep(p.changed)
}

// putFacts stores the subjects, and returns their ids in the same order.
func (t *transaction) putFacts(subjects []*ecrf.SubjectChange) ([]int64, error) {
	args, numbers := make([]any, 0, len(subjects)*t.w.facts.width), make([]string, len(subjects))
	for i, s := range subjects {
		f := s.Facts
		numbers[i], args = f.Subject, append(args, f.Subject, f.Site, f.Outcome, f.Reason, f.Digest, f.Links)
	}
	if err := t.insert(t.w.facts, args); err != nil {
		return nil, err
	}
	known, err := t.subjects(numbers)
	ids := make([]int64, len(subjects))
	for i, number := range numbers {
		ids[i] = known[number]
	}
	return ids, err
}

// lastOrigins returns the last number of an origin of each subject that has one.
func (t *transaction) lastOrigins(subjects []int64) (map[int64]int64, error) {
	list, err := t.l.dialect.list(subjects)
	if err != nil {
		return nil, err
	}
	var rows []struct{ Subject, Last int64 }
	if err := t.tx.list(t.ctx, t.w.lastOrigins, &rows, list); err != nil {
		return nil, err
	}
	last := make(map[int64]int64, len(rows))
	for _, r := range rows {
		last[r.Subject] = r.Last
	}
	return last, nil
}

// sweep removes the origins of subjects from which no cell is any more.
func (t *transaction) sweep(subjects []int64) error {
	list, err := t.l.dialect.list(subjects)
	if err != nil {
		return err
	}
	return t.exec(t.w.sweepOrigins, list, list)
}

// casebook adds what changed of a subject to the pending rows.
func (t *transaction) casebook(p *pending, id, lastOrigin int64, s *ecrf.SubjectChange) error {
	for _, in := range s.Instances {
		page, ok := t.l.slots.pages[[2]string{in.Event, in.Form}]
		if !ok {
			return fmt.Errorf("the ledger's dictionary has no form %s in event %s", in.Form, in.Event)
		}
		p.instances = append(p.instances, id, page, int64(in.Repeat), in.Key)
	}
	o := &origins{subject: id, last: lastOrigin, known: map[origin]int64{}}
	had := false
	for i := range s.Cells {
		had = had || s.Cells[i].Before != nil
		if err := t.cell(p, o, &s.Cells[i].Cell); err != nil {
			return err
		}
	}
	if had {
		p.changed = append(p.changed, id)
	}
	return nil
}

func (t *transaction) cell(p *pending, o *origins, c *ecrf.StoredCell) error {
	slot, err := t.slot(c.CellKey)
	if err != nil {
		return err
	}
	origin, err := o.add(t, p, c.Provenance)
	if err != nil {
		return err
	}
	p.cells = append(p.cells, cellRow{o.subject, slot, origin, c})
	return nil
}

// insertCells writes cells, a statement's worth after the other.
func (t *transaction) insertCells(cells []cellRow) error {
	atOnce := t.l.dialect.rowsAtOnce()
	args := make([]any, 0, min(atOnce, len(cells))*t.w.cells.width)
	for part := range slices.Chunk(cells, atOnce) {
		args = args[:0]
		for _, c := range part {
			var ids [4]int64
			for i, text := range [4]string{string(c.Missing), string(c.State), c.Provenance.Path, c.Provenance.Rule} {
				var err error
				if ids[i], err = t.word(text); err != nil {
					return err
				}
			}
			args = append(args, c.subject, c.slot, int64(c.Repeat), orNull(c.Value, ""), ids[0], ids[1], c.origin, ids[2], ids[3],
				orNull(c.Provenance.OriginalValue, c.Value), orNull(c.Provenance.OriginalUnit, ""))
		}
		if err := t.insert(t.w.cells, args); err != nil {
			return err
		}
	}
	return nil
}

// orNull returns nil for the text that NULL stands for.
func orNull(text, null string) any {
	if text == null {
		return nil
	}
	return text
}

// origins numbers the resource versions of one subject.
type origins struct {
	subject, last int64
	known         map[origin]int64
}

type origin struct{ source, resource, version, effective string }

func (o *origins) add(t *transaction, p *pending, v ecrf.Provenance) (int64, error) {
	key := origin{v.Source, v.Resource, v.Version, v.Effective}
	if n, ok := o.known[key]; ok {
		return n, nil
	}
	source, err := t.word(v.Source)
	if err != nil {
		return 0, err
	}
	o.last++
	o.known[key] = o.last
	p.origins = append(p.origins, o.subject, o.last, source, v.Resource, v.Version, v.Effective)
	return o.last, nil
}
