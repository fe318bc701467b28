package table

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"path/filepath"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Target is an ecrf.Target that writes the tables into a folder.
type Target struct{ name, folder string }

var _ ecrf.Target = (*Target)(nil)

// New returns a target. The folder is made with mode 0700 when it is delivered to and not there.
func New(name, folder string) (*Target, error) {
	if name == "" || folder == "" {
		return nil, errors.New("a table target needs a name and a folder")
	}
	return &Target{name, folder}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns csv.
func (t *Target) Kind() string { return "csv" }

// MissingFolder is the folder of the siblings of the wide tables.
const MissingFolder = "missing"

// Deliver writes all tables anew, each replaced as a whole; a table whose bytes are the same is left alone. It holds one
// subject in memory.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	return tabular.Deliver(t.name, t.folder, func(f *tabular.Folder) (cells int, problems []string, err error) {
		s := &set{folder: f, tables: tabular.Of(d.Dictionary), files: map[*tabular.Table]pair{}}
		cells, err = s.write(ctx, d)
		return cells, nil, err
	}, MissingFolder)
}

// set is the files of one delivery.
type set struct {
	folder *tabular.Folder
	tables *tabular.Tables
	files  map[*tabular.Table]pair
	all    []*file
}

// pair is a table, and the sibling of a wide one.
type pair struct{ values, missing *file }

func (s *set) write(ctx context.Context, d ecrf.Delivery) (cells int, err error) {
	for _, t := range append(s.tables.Data(), s.tables.Items, s.tables.Codes) {
		if err := s.create(t); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(s.tables.Describe(s.put), s.folder.Notice(d.Notices)); err != nil {
		return 0, err
	}
	cells, err = tabular.Each(ctx, d, func(book *ecrf.StoredCasebook) error { return s.tables.Book(book, s.put) })
	if err != nil {
		return cells, err
	}
	for _, f := range s.all {
		f.csv.Flush()
		if err := errors.Join(f.csv.Error(), f.buffer.Flush()); err != nil {
			return cells, err
		}
	}
	return cells, nil
}

func (s *set) create(t *tabular.Table) (err error) {
	var p pair
	if p.values, err = s.open(t.Name+".csv", t); err != nil {
		return err
	}
	if t.Form != nil {
		p.missing, err = s.open(filepath.Join(MissingFolder, t.Name+".csv"), t)
	}
	s.files[t] = p
	return err
}

// file is one CSV file under way.
type file struct {
	buffer *bufio.Writer
	csv    *csv.Writer
	row    []string // reused
}

func (s *set) open(name string, t *tabular.Table) (*file, error) {
	a, err := s.folder.Create(name)
	if err != nil {
		return nil, err
	}
	f := &file{buffer: bufio.NewWriterSize(a, 1<<15)}
	f.csv = csv.NewWriter(f.buffer)
	s.all = append(s.all, f)
	return f, f.csv.Write(t.Names())
}

func (s *set) put(row tabular.Row) error {
	p := s.files[row.Table]
	err := p.values.write(row.Values)
	if p.missing != nil && err == nil {
		err = p.missing.write(row.Missing)
	}
	return err
}

// write adds a line; every text in it is made harmless.
func (f *file) write(columns []string) error {
	f.row = f.row[:0]
	for _, c := range columns {
		f.row = append(f.row, Escape(c))
	}
	return f.csv.Write(f.row)
}
