package odm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/atomicfile"
)

// Options of a document.
type Options struct {
	Version Version // "" is V1
	// Transactional makes a document of transactions, each with its AuditRecord: what a receiver is to insert or update. Without it
	// the document is a snapshot.
	Transactional bool
	// Provenance adds an AuditRecord with SourceID to each ItemData of a snapshot, too. It makes the document several times larger.
	Provenance bool

	queries []ecrf.DataQuery // that are written beside their cells
}

// Version is a version of ODM.
type Version string

// The versions that are written.
const (
	V1 Version = "1.3.2"
	V2 Version = "2.0"
)

// Versions lists them.
func Versions() []string { return []string{string(V1), string(V2)} }

func (o Options) two() bool { return o.Version == V2 }

func (o Options) audited() bool { return o.Transactional || o.Provenance }

// Target is an ecrf.Target that writes a document into a file.
type Target struct {
	name, file string
	options    Options
}

var _ ecrf.Target = (*Target)(nil)

// New returns a target. The file's folder is made with mode 0700 when it is delivered to and not there.
func New(name, file string, o Options) (*Target, error) {
	if name == "" || file == "" {
		return nil, errors.New("an ODM target needs a name and a file")
	}
	if o.Version != "" && o.Version != V1 && o.Version != V2 {
		return nil, fmt.Errorf("ODM %s is not written", o.Version)
	}
	return &Target{name, file, o}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns odm.
func (t *Target) Kind() string { return "odm" }

// Deliver replaces the file by a document of the study, unless it has the same bytes already.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	report, err := replace(t.file, func(w io.Writer) (int, error) { return Write(ctx, w, d, t.options) })
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	return report, nil
}

// replace writes a file anew as a whole; write returns how many cells it holds.
func replace(path string, write func(io.Writer) (int, error)) (report ecrf.DeliveryReport, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return report, err
	}
	c, err := atomicfile.Replace(path, func(w io.Writer) (err error) {
		report.Cells, err = write(w)
		return err
	})
	if err != nil {
		return report, err
	}
	tabular.Report(&report, atomicfile.Placed{Path: path, Content: c})
	return report, nil
}
