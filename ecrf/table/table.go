package table

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
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
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (report ecrf.DeliveryReport, err error) {
	if err := os.MkdirAll(filepath.Join(t.folder, MissingFolder), 0o700); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	s := &set{folder: t.folder, dictionary: d.Dictionary}
	defer s.abort()
	if err := s.begin(d.Notices); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	for book, err := range d.Casebooks(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = s.casebook(book)
		}
		if err != nil {
			return report, fmt.Errorf("target %s: %w", t.name, err)
		}
	}
	if report, err = s.commit(); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	return report, nil
}

// set is the files of one delivery.
type set struct {
	folder     string
	dictionary *ecrf.Dictionary
	files      []*file
	long       *file
	wide       map[string]*wide
	cells      int
}

func (s *set) begin(notices []string) (err error) {
	if s.long, err = s.create("cells.csv", longColumns); err != nil {
		return err
	}
	s.wide = map[string]*wide{}
	for i := range s.dictionary.Forms {
		if err := s.addWide(&s.dictionary.Forms[i]); err != nil {
			return err
		}
	}
	if err := s.describe(); err != nil || len(notices) == 0 {
		return err
	}
	f, err := s.create("NOTICE.txt", nil)
	if err != nil {
		return err
	}
	_, err = f.buffer.WriteString(strings.Join(notices, "\n") + "\n")
	return err
}

// file is one CSV file under way.
type file struct {
	path   string
	atomic *atomicfile.File
	buffer *bufio.Writer
	csv    *csv.Writer
	row    []string // reused
}

func (s *set) create(name string, columns []string) (*file, error) {
	path := filepath.Join(s.folder, name)
	a, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, atomic: a, buffer: bufio.NewWriterSize(a, 1<<15)}
	s.files = append(s.files, f)
	f.csv = csv.NewWriter(f.buffer)
	if columns == nil {
		return f, nil
	}
	return f, f.csv.Write(columns)
}

// write adds a line; every text in it is made harmless.
func (f *file) write(columns ...string) error {
	f.row = f.row[:0]
	for _, c := range columns {
		f.row = append(f.row, Escape(c))
	}
	return f.csv.Write(f.row)
}

func (s *set) abort() {
	for _, f := range s.files {
		f.atomic.Abort()
	}
}

// commit replaces the files only when all of them could be written.
func (s *set) commit() (ecrf.DeliveryReport, error) {
	report := ecrf.DeliveryReport{Cells: s.cells}
	for _, f := range s.files {
		f.csv.Flush()
		if err := errors.Join(f.csv.Error(), f.buffer.Flush()); err != nil {
			return report, fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	for _, f := range s.files {
		c, err := f.atomic.Commit()
		if err != nil {
			return report, err
		}
		if c.Changed {
			report.Written++
		} else {
			report.Unchanged++
		}
		report.Files = append(report.Files, ecrf.DeliveredFile{Path: f.path, SHA256: c.SHA256, Size: c.Size, Changed: c.Changed})
	}
	return report, nil
}
