package parquet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Target is an ecrf.Target that writes the files into a folder.
type Target struct{ name, folder string }

var _ ecrf.Eraser = (*Target)(nil)

// New returns a target. The folder is made with mode 0700 when it is delivered to and not there.
func New(name, folder string) (*Target, error) {
	if name == "" || folder == "" {
		return nil, errors.New("a parquet target needs a name and a folder")
	}
	return &Target{name, folder}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns parquet.
func (t *Target) Kind() string { return "parquet" }

// Deliver writes all files anew, each replaced as a whole; a file whose bytes are the same is left alone.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	return tabular.Deliver(t.name, t.folder, func(f *tabular.Folder) (cells int, problems []string, err error) {
		s := &set{folder: f, tables: tabular.Of(d.Dictionary), files: map[*tabular.Table]*file{}}
		defer s.free()
		if cells, err = s.write(ctx, d); err == nil {
			problems = s.problems()
		}
		return cells, problems, err
	})
}

// set is the files of one delivery.
type set struct {
	folder *tabular.Folder
	tables *tabular.Tables
	files  map[*tabular.Table]*file
}

func (s *set) all() []*tabular.Table { return append(s.tables.Data(), s.tables.Items, s.tables.Codes) }

func (s *set) write(ctx context.Context, d ecrf.Delivery) (cells int, err error) {
	for _, t := range s.all() {
		out, err := s.folder.Create(t.Name + extension)
		if err != nil {
			return 0, err
		}
		s.files[t] = newFile(out, schemaOf(t), t)
	}
	put := func(row tabular.Row) error { return s.files[row.Table].put(row.Values) }
	if err := errors.Join(s.tables.Describe(put), s.folder.Notice(d.Notices)); err != nil {
		return 0, err
	}
	cells, err = tabular.Each(ctx, d, func(book *ecrf.StoredCasebook) error { return s.tables.Book(book, put) })
	for _, t := range s.all() {
		if err == nil {
			err = s.files[t].close()
		}
	}
	return cells, err
}

// free frees what files hold that were not written to their ends.
func (s *set) free() {
	for _, f := range s.files {
		f.abort()
	}
}

// problems tells which values are in the long table only.
func (s *set) problems() []string {
	var all []string
	for _, t := range s.tables.Wide {
		for name, n := range s.files[t].large {
			all = append(all, fmt.Sprintf("item %s: %d values are too large for a number of the file %s%s; cells%s has them", name, n, t.Name, extension, extension))
		}
	}
	slices.Sort(all)
	return all
}
