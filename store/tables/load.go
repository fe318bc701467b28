package tables

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/atomicfile"
)

// format is raised when the tables change their form: all are made anew then.
const format = "1"

// rowsAtOnce bounds the rows that wait to be loaded together.
const rowsAtOnce = 4096

// loader brings the tables to what a delivery has.
type loader struct {
	s       session
	tables  *tabular.Tables
	study   string
	version string // of everything but the rows of subjects
	notices []string

	known   map[string]string // digests of subjects that are there, and not yet delivered again
	waiting map[*tabular.Table][][]string
	gone    []string // subjects whose rows are to be deleted before the waiting ones are loaded
	rows    int
	large   map[string]int

	changed                   bool
	cells, written, unchanged int
}

func newLoader(s session, d ecrf.Delivery) *loader {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{format, d.Dictionary.Study, d.Dictionary.Hash()}, d.Notices...), "\x00")))
	return &loader{
		s: s, tables: tabular.Of(d.Dictionary), study: d.Dictionary.Study, version: hex.EncodeToString(sum[:]), notices: d.Notices,
		waiting: map[*tabular.Table][][]string{}, large: map[string]int{},
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
	subject, sum := book.Facts.Subject, digestOf(l.tables, book)
	before, known := l.known[subject]
	delete(l.known, subject)
	if known && before == sum {
		l.unchanged++
		return nil
	}
	l.written++
	if known {
		l.gone = append(l.gone, subject)
	}
	l.waiting[subjects] = append(l.waiting[subjects], []string{subject, sum})
	err := l.tables.Book(book, func(row tabular.Row) error {
		l.rows++
		l.waiting[row.Table] = append(l.waiting[row.Table], l.fitting(row))
		return nil
	})
	if err != nil || l.rows < rowsAtOnce {
		return err
	}
	return l.flush(ctx)
}

// fitting copies a row for the database: without numbers that its types cannot hold, and with 0 as the repeat of what does not.
func (l *loader) fitting(row tabular.Row) []string {
	values := slices.Clone(row.Values)
	for i := range row.Table.Columns {
		c := &row.Table.Columns[i]
		switch {
		case c.Name == "repeat" && values[i] == "":
			values[i] = "0"
		case c.Item != nil && c.Type == ecrf.Integer && !c.Fits(values[i]):
			values[i] = ""
			l.large[c.Name]++
		}
	}
	return values
}

func (l *loader) problems() []string {
	var all []string
	for name, n := range l.large {
		all = append(all, fmt.Sprintf("item %s: %d values are too large for a number of the database; the table cells has them", name, n))
	}
	slices.Sort(all)
	return all
}

// digestOf is a digest of all rows of a subject.
func digestOf(t *tabular.Tables, book *ecrf.StoredCasebook) string {
	sum := sha256.New()
	_ = t.Book(book, func(row tabular.Row) error { // neither this nor the hash can fail
		if row.Table == t.Long {
			for _, text := range row.Values {
				_, _ = fmt.Fprintf(sum, "%d:%s", len(text), text)
			}
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:16])
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
	l.changed = l.changed || len(l.gone) > 0
	l.gone, l.rows = l.gone[:0], 0
	for _, t := range data {
		if err := l.load(ctx, t, l.waiting[t]); err != nil {
			return err
		}
		l.waiting[t] = l.waiting[t][:0]
	}
	return nil
}

func (l *loader) load(ctx context.Context, t *tabular.Table, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	l.changed = true
	return l.s.load(ctx, t, rows)
}

// digest says what a file of a database holds.
func digest(path string) (atomicfile.Placed, error) {
	f, err := os.Open(path) // #nosec G304 -- the file that was delivered
	if err != nil {
		return atomicfile.Placed{}, errors.New("the file that was written cannot be read")
	}
	defer func() { _ = f.Close() }() // read only
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return atomicfile.Placed{Path: path, Content: atomicfile.Content{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n}}, err
}
