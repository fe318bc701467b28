package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/jmoiron/sqlx"
)

// casebooks reads all that is stored of some subjects. The next call takes the memory of the casebooks back.
func (s *shelf) casebooks(rows []subjectRow) ([]ecrf.StoredCasebook, error) {
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	list, err := s.l.dialect.list(ids)
	if err != nil {
		return nil, err
	}
	s.list, s.places, s.from = list, make(map[int64]int, len(rows)), s.from[:0]
	for len(s.books) < len(rows) {
		s.books = append(s.books, ecrf.StoredCasebook{})
	}
	for i := range rows {
		b := &s.books[i]
		s.places[ids[i]], *b = i, ecrf.StoredCasebook{Facts: rows[i].facts(), Instances: b.Instances[:0], Cells: b.Cells[:0]}
	}
	for _, read := range []func() error{s.instances, s.origins, s.cells} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return s.books[:len(rows)], nil
}

// shelf is casebooks under way. Rows come sorted by subject.
type shelf struct {
	*view
	list   any // the subjects' ids
	places map[int64]int
	books  []ecrf.StoredCasebook
	from   []sourced
	order  sorting
}

// sourced is where cells of a subject come from.
type sourced struct {
	subject, n int64
	ecrf.Provenance
}

// query calls take with each row of a query about the subjects of the shelf.
func (s *shelf) query(stmt *sqlx.Stmt, columns int, take func(*columnReader) error) error {
	rows, err := s.stmt(stmt).QueryContext(s.ctx, s.list)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // the error is rows.Err's
	r := newColumnReader(columns)
	for rows.Next() {
		if err := rows.Scan(r.into...); err != nil {
			return err
		}
		r.at = 0
		if err := take(r); err != nil {
			return err
		}
		if r.wrong {
			return errDamaged
		}
	}
	return rows.Err()
}

var errDamaged = errors.New("a row has a value of another type than its column: the file is damaged")

func (s *shelf) instances() error {
	err := s.query(s.l.reads.instances, 4, func(r *columnReader) error {
		book := &s.books[s.places[r.integer()]]
		x, ok := s.l.slots.byPage[r.integer()]
		if !ok {
			return errUnknownForm
		}
		n := ecrf.Numbered{Repeat: int(r.integer())}
		n.Event, n.Form, n.Key = x.event, x.form, r.text()
		book.Instances = append(book.Instances, n)
		return nil
	})
	for _, i := range s.places {
		s.l.slots.orderInstances(s.books[i].Instances)
	}
	return err
}

func (s *shelf) origins() error {
	return s.query(s.l.reads.origins, 6, func(r *columnReader) error {
		x := sourced{subject: r.integer(), n: r.integer()}
		source := r.integer()
		words, err := s.knowing(source)
		if err != nil {
			return err
		}
		x.Source, x.Resource, x.Version, x.Effective = words[source], r.text(), r.text(), r.text()
		s.from = append(s.from, x)
		return nil
	})
}

func (s *shelf) knowing(ids ...int64) (vocabulary, error) {
	return s.l.words.knowing(s.ctx, s.l.read, ids...)
}

// originsOf returns the origins of a subject, in the order of their numbers.
func (s *shelf) originsOf(subject int64) []sourced {
	first := slices.IndexFunc(s.from, func(x sourced) bool { return x.subject == subject })
	if first < 0 {
		return nil
	}
	last := first
	for last < len(s.from) && s.from[last].subject == subject {
		last++
	}
	return s.from[first:last]
}

// cells reads the cells, subject by subject.
func (s *shelf) cells() error {
	subject := int64(-1)
	var origins []sourced
	var slots []int64
	var words vocabulary
	order := func() {
		if subject >= 0 {
			s.order.sort(&s.l.slots, slots, s.books[s.places[subject]].Cells)
		}
	}
	err := s.query(s.l.reads.cells, 11, func(r *columnReader) error {
		if id := r.integer(); id != subject {
			order()
			subject, origins, slots, words = id, s.originsOf(id), slots[:0], s.l.words.vocabulary()
		}
		book := &s.books[s.places[subject]]
		slot, c, err := s.cell(r, words, origins)
		book.Cells, slots = append(book.Cells, c), append(slots, slot)
		return err
	})
	order()
	return err
}

func (s *shelf) cell(r *columnReader, words vocabulary, origins []sourced) (int64, ecrf.StoredCell, error) {
	var c ecrf.StoredCell
	slot := r.integer()
	x, ok := s.l.slots.byID[slot]
	if !ok {
		return 0, c, errUnknownForm
	}
	c.Event, c.Form, c.Item, c.Repeat = x.event, x.form, x.item, int(r.integer())
	c.Value = r.text()
	missing, state, path, rule := r.integer(), r.integer(), r.integer(), r.integer()
	if !words.has(missing, state, path, rule) {
		var err error
		if words, err = s.knowing(missing, state, path, rule); err != nil {
			return 0, c, err
		}
	}
	c.Missing, c.State = ecrf.MissingReason(words[missing]), ecrf.State(words[state])
	original, hasOriginal := r.optional()
	unit, origin := r.text(), r.integer()
	i, found := slices.BinarySearchFunc(origins, origin, func(o sourced, n int64) int { return int(o.n - n) })
	if !found {
		return 0, c, fmt.Errorf("a cell has no origin: the file is damaged")
	}
	c.Provenance = origins[i].Provenance
	c.Provenance.Path, c.Provenance.Rule, c.Provenance.OriginalUnit = words[path], words[rule], unit
	if c.Provenance.OriginalValue = original; !hasOriginal {
		c.Provenance.OriginalValue = c.Value
	}
	return slot, c, nil
}

// columnReader takes a row's values one after the other.
type columnReader struct {
	values []any
	into   []any
	at     int
	wrong  bool // a value was of another type
}

func newColumnReader(columns int) *columnReader {
	r := &columnReader{values: make([]any, columns), into: make([]any, columns)}
	for i := range r.into {
		r.into[i] = &r.values[i]
	}
	return r
}

func (r *columnReader) next() any {
	v := r.values[r.at]
	r.at++
	return v
}

func (r *columnReader) integer() int64 {
	n, ok := r.next().(int64)
	r.wrong = r.wrong || !ok
	return n
}

// text returns a text, "" for NULL.
func (r *columnReader) text() string {
	s, _ := r.optional()
	return s
}

func (r *columnReader) optional() (s string, ok bool) {
	v := r.next()
	if v == nil {
		return "", false
	}
	s, ok = v.(string)
	r.wrong = r.wrong || !ok
	return s, true
}
