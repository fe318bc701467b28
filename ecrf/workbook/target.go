package workbook

import (
	"context"
	"errors"
	"fmt"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Target is an ecrf.Target that writes the workbook.
type Target struct{ name, file string }

var _ ecrf.Eraser = (*Target)(nil)

// New returns a target. The file's folder is made with mode 0700 when it is delivered to and not there.
func New(name, file string) (*Target, error) {
	if name == "" || file == "" {
		return nil, errors.New("an xlsx target needs a name and a file")
	}
	return &Target{name, file}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns xlsx.
func (t *Target) Kind() string { return "xlsx" }

// Deliver replaces the file by a workbook of the study, unless it has the same bytes already.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (report ecrf.DeliveryReport, err error) {
	b, err := newBook(t.file)
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	defer b.abort()
	if report.Cells, err = b.fill(ctx, d); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	placed, err := b.commit()
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	tabular.Report(&report, placed)
	for _, s := range b.sheets {
		if s.cut > 0 {
			report.Problems = append(report.Problems, fmt.Sprintf("sheet %s: %d texts are too long for a cell and were cut", s.name, s.cut))
		}
	}
	return report, nil
}

const noticeSheet = "notice"

// fill writes all sheets.
func (b *book) fill(ctx context.Context, d ecrf.Delivery) (cells int, err error) {
	if err := b.notice(d.Notices); err != nil {
		return 0, err
	}
	tables := tabular.Of(d.Dictionary)
	sheets := map[*tabular.Table]*sheet{}
	all := append([]*tabular.Table{tables.Items, tables.Codes}, append(tables.Wide, tables.Long)...)
	for i, t := range all {
		if sheets[t], err = b.add(sheetName(t.Name, i), columnsOf(t)); err != nil {
			return 0, err
		}
	}
	put := func(row tabular.Row) error { return sheets[row.Table].put(row.Values) }
	if err := tables.Describe(put); err != nil {
		return 0, err
	}
	return tabular.Each(ctx, d, func(book *ecrf.StoredCasebook) error { return tables.Book(book, put) })
}

func (b *book) notice(notices []string) error {
	if len(notices) == 0 {
		return nil
	}
	s, err := b.add(noticeSheet, []column{{name: "notice", kind: ecrf.Text}})
	for _, n := range notices {
		if err == nil {
			err = s.put([]string{n})
		}
	}
	return err
}

func columnsOf(t *tabular.Table) []column {
	var all []column
	for _, c := range t.Columns {
		all = append(all, column{c.Name, c.Type, c.Decimals})
	}
	return all
}
