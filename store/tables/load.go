package tables

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/atomicfile"
)

// format is raised when the tables change their form: all are made anew then.
const format = "2"

// rowsAtOnce bounds the rows that wait to be loaded together.
const rowsAtOnce = 4096

// loader brings the tables to what a delivery has.
type loader struct {
	s       session
	tables  *tabular.Tables
	study   string
	version string // of everything but the rows of subjects
	notices []string

	known map[string]string // digests of subjects that are there, and not yet delivered again
	batch batch             // rows to be loaded
	gone  []string          // subjects whose rows are to be deleted before
	row   []string          // reused
	large map[string]int

	changed                   bool
	cells, written, unchanged int
}

func newLoader(s session, d ecrf.Delivery) *loader {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{format, d.Dictionary.Study, d.Dictionary.Hash()}, d.Notices...), "\x00")))
	return &loader{
		s: s, tables: tabular.Of(d.Dictionary), study: d.Dictionary.Study, version: hex.EncodeToString(sum[:]), notices: d.Notices,
		batch: newBatch(), large: map[string]int{},
	}
}

func (l *loader) deliver(ctx context.Context, d ecrf.Delivery) (err error) {
	if err := l.prepare(ctx, d.Dictionary); err != nil {
		return err
	}
	if l.known, err = l.s.pairs(ctx, "SELECT subject AS name, digest AS value FROM "+l.s.name(subjects.Name)); err != nil {
		return err
	}
	if l.cells, err = tabular.Each(ctx, d, func(book *ecrf.StoredCasebook) error { return l.book(ctx, book) }); err != nil {
		return err
	}
	for subject := range l.known {
		l.gone = append(l.gone, subject)
	}
	slices.Sort(l.gone)
	return l.flush(ctx)
}

// book takes a subject: nothing is done when all is as it was.
func (l *loader) book(ctx context.Context, book *ecrf.StoredCasebook) error {
	l.batch.begin()
	err := l.tables.Book(book, func(row tabular.Row) error {
		if row.Table == l.tables.Long {
			l.batch.hash(row.Values)
		}
		l.fitting(row)
		return nil
	})
	if err != nil {
		return err
	}
	subject, sum := book.Facts.Subject, l.batch.digest()
	before, known := l.known[subject]
	delete(l.known, subject)
	if known && before == sum {
		l.batch.drop()
		l.unchanged++
		return nil
	}
	l.written++
	if known {
		l.gone = append(l.gone, subject)
	}
	l.batch.add(subjects, subject, sum)
	if l.batch.rows < rowsAtOnce {
		return nil
	}
	return l.flush(ctx)
}

// fitting adds a row to the batch: without numbers that the database's types cannot hold, and with 0 as the repeat of what
// does not.
func (l *loader) fitting(row tabular.Row) {
	l.row = append(l.row[:0], row.Values...)
	for i := range row.Table.Columns {
		c := &row.Table.Columns[i]
		switch {
		case c.Type != ecrf.Integer:
		case c.Item == nil && l.row[i] == "" && i < row.Table.Keys:
			l.row[i] = "0" // repeat
		case c.Item != nil && !c.Fits(l.row[i]):
			l.row[i] = ""
			l.large[c.Name]++
		}
	}
	l.batch.add(row.Table, l.row...)
}

func (l *loader) problems() []string {
	var all []string
	for name, n := range l.large {
		all = append(all, fmt.Sprintf("item %s: %d values are too large for a number of the database; the table cells has them", name, n))
	}
	slices.Sort(all)
	return all
}

// flush deletes and loads what waits.
func (l *loader) flush(ctx context.Context) error {
	data := append([]*tabular.Table{subjects}, l.tables.Data()...)
	for _, subject := range l.gone {
		for _, t := range data {
			if err := l.s.exec(ctx, "DELETE FROM "+l.s.name(t.Name)+" WHERE subject = $1", subject); err != nil {
				return err
			}
		}
	}
	l.changed = l.changed || len(l.gone) > 0 || l.batch.rows > 0
	l.gone = l.gone[:0]
	for _, t := range data {
		if texts := l.batch.of[t]; texts != nil && len(texts.all) > 0 {
			if err := l.s.load(ctx, t, texts.all); err != nil {
				return err
			}
		}
	}
	l.batch.clear()
	return nil
}

// digest says what a file of a database holds.
func digest(path string) (atomicfile.Placed, error) {
	c, err := atomicfile.ContentOf(path)
	if err != nil {
		return atomicfile.Placed{}, errors.New("the file that was written cannot be read")
	}
	return atomicfile.Placed{Path: path, Content: c}, nil
}
