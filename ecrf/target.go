package ecrf

import (
	"context"
	"iter"
	"time"
)

// Target takes a study's cells. Deliver may be called again after any failure: what is there already stays.
type Target interface {
	Name() string // as configured
	Kind() string // such as csv, odm, redcap
	Deliver(ctx context.Context, d Delivery) (DeliveryReport, error)
}

// Delivery is what a target is given.
type Delivery struct {
	Dictionary *Dictionary
	AsOf       time.Time // the only time that may appear in the output
	// Casebooks yields the subjects in canonical order. It may be called more than once; every call begins anew.
	Casebooks func(ctx context.Context) iter.Seq2[*StoredCasebook, error]
	// Record keeps what a target took, for targets that are written cell by cell.
	Record DeliveryRecord
	// DryRun reads and compares, and neither writes to the target nor into the record.
	DryRun bool
	// Decided, where it is set, is told in a dry run what would become of each cell that does not stay as it is. It may be nil.
	Decided func(Decision)
	// Notices are sentences that every output must carry, such as that no consent was checked.
	Notices []string
}

// Decision is what a delivery would do with a cell: an Action that writes, or the Cause for which a person would be asked.
type Decision struct {
	Subject string
	CellKey
	Stored, Incoming string // in the target, and from the ledger
	Missing          MissingReason
	Does             string
	Provenance       Provenance
}

// DeliveryRecord is a target's memory, bound to it and to the run.
type DeliveryRecord interface {
	LastWritten(ctx context.Context, subject string) (map[CellKey]Delivered, error)
	MarkWritten(ctx context.Context, cells []Delivered) error
	// Settle takes what a delivery to the subjects doubts, and returns how many queries that opened.
	Settle(ctx context.Context, subjects []string, doubts []Doubt) (opened int, err error)
}

// DeliveryReport counts what a target did. For targets that are files, Written and Unchanged count files in Files, and Cells
// counts the cells in them.
type DeliveryReport struct {
	Cells     int
	Written   int
	Unchanged int
	Conflicts int
	Queries   int
	Rejected  int
	Locked    int
	Files     []DeliveredFile
	Problems  []string // without values and identifiers
	Notes     []string // what is no problem and worth a look, likewise
}

// DeliveredFile is a file of a delivery. Changed is false when it had the same content before.
type DeliveredFile struct {
	Path    string
	SHA256  string
	Size    int64
	Changed bool
}

// Bind gives a target's memory in the ledger.
func Bind(l Ledger, run RunID, target string) DeliveryRecord { return &boundRecord{l, run, target} }

type boundRecord struct {
	ledger Ledger
	run    RunID
	target string
}

func (b *boundRecord) LastWritten(ctx context.Context, subject string) (map[CellKey]Delivered, error) {
	return b.ledger.LastWritten(ctx, b.target, subject)
}

func (b *boundRecord) MarkWritten(ctx context.Context, cells []Delivered) error {
	return b.ledger.MarkWritten(ctx, b.run, b.target, cells)
}

func (b *boundRecord) Settle(ctx context.Context, subjects []string, doubts []Doubt) (int, error) {
	return b.ledger.SettleQueries(ctx, b.run, b.target, subjects, doubts)
}
