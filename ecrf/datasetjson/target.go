package datasetjson

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Target is an ecrf.Target that writes the datasets into a folder.
type Target struct {
	name, folder string
	form         form
}

// form is how a dataset is written.
type form struct{ extension, rows, between, end string }

var (
	whole = form{extension: ".json", rows: `,"rows":[`, between: ",", end: "\n]}\n"}
	lines = form{extension: ".ndjson", rows: "}", end: "\n"}
)

var _ ecrf.Eraser = (*Target)(nil)

// New returns a target; inLines chooses NDJSON. The folder is made with mode 0700 when it is delivered to and not there.
func New(name, folder string, inLines bool) (*Target, error) {
	if name == "" || folder == "" {
		return nil, errors.New("a Dataset-JSON target needs a name and a folder")
	}
	t := &Target{name, folder, whole}
	if inLines {
		t.form = lines
	}
	return t, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns dataset-json.
func (t *Target) Kind() string { return "dataset-json" }

// Deliver writes all datasets anew, each replaced as a whole; a file whose bytes are the same is left alone. It reads the
// casebooks twice, because a dataset says how many rows it has before it has them.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	return tabular.Deliver(t.name, t.folder, func(f *tabular.Folder) (cells int, problems []string, err error) {
		s := &set{form: t.form, delivery: d, folder: f, tables: tabular.Of(d.Dictionary), files: map[*tabular.Table]*file{}}
		cells, err = s.write(ctx)
		return cells, nil, err
	})
}

// set is the files of one delivery.
type set struct {
	form     form
	delivery ecrf.Delivery
	folder   *tabular.Folder
	tables   *tabular.Tables
	files    map[*tabular.Table]*file
}

// file is one dataset under way.
type file struct {
	table         *tabular.Table
	out           *bufio.Writer
	form          form
	rows, records int
	line          []byte // reused
}

func (s *set) write(ctx context.Context) (cells int, err error) {
	records := map[*tabular.Table]int{}
	count := func(row tabular.Row) error {
		records[row.Table]++
		return nil
	}
	if _, err := s.each(ctx, count); err != nil {
		return 0, err
	}
	if err := s.folder.Notice(s.delivery.Notices); err != nil {
		return 0, err
	}
	all := append(s.tables.Data(), s.tables.Items, s.tables.Codes)
	for _, t := range all {
		out, err := s.folder.Create(t.Name + s.form.extension)
		if err != nil {
			return 0, err
		}
		if s.files[t], err = newFile(out, s.form, t, headOf(t, s.delivery, records[t])); err != nil {
			return 0, err
		}
	}
	if cells, err = s.each(ctx, func(row tabular.Row) error { return s.files[row.Table].put(row.Values) }); err != nil {
		return cells, err
	}
	for _, t := range all {
		if err := s.files[t].close(); err != nil {
			return cells, err
		}
	}
	return cells, nil
}

// each puts every row of the delivery, and those that describe them.
func (s *set) each(ctx context.Context, put func(tabular.Row) error) (cells int, err error) {
	if err := s.tables.Describe(put); err != nil {
		return 0, err
	}
	return tabular.Each(ctx, s.delivery, func(book *ecrf.StoredCasebook) error { return s.tables.Book(book, put) })
}

func newFile(w io.Writer, f form, t *tabular.Table, head dataset) (*file, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("describe the dataset: %w", err)
	}
	out := bufio.NewWriterSize(w, 1<<15)
	_, err = out.Write(append(text[:len(text)-1], f.rows...))
	return &file{table: t, out: out, form: f, records: head.Records}, err
}

func (f *file) put(values []string) error {
	f.line = appendRow(f.line[:0], f.table, values)
	return f.add(f.line)
}

// add writes a row on a line of its own.
func (f *file) add(row []byte) error {
	between := "\n"
	if f.rows > 0 {
		between += f.form.between
	}
	f.rows++
	_, first := f.out.WriteString(between)
	_, second := f.out.Write(row)
	return errors.Join(first, second)
}

func (f *file) close() error {
	if f.rows != f.records {
		return errors.New("the study's data changed while they were written")
	}
	_, err := f.out.WriteString(f.form.end)
	return errors.Join(err, f.out.Flush())
}
