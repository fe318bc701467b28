package ecrf

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Ledger stores what was computed and delivered for one study. An implementation passes the suite ecrf/ledgertest.
// One process writes, unless the implementation says more; methods are safe for concurrent use. Every method that changes something does so in one
// transaction: after a crash at any instant the change is there as a whole or not at all.
type Ledger interface {
	// Begin opens a run, or resumes the newest one when that has the same key and was not finished.
	Begin(ctx context.Context, run Run) (RunID, error)
	// Checkpoints returns the shards that the run has finished. Those of a run are forgotten when another one begins.
	Checkpoints(ctx context.Context, run RunID) ([]string, error)
	// Finish closes the run with its counts.
	Finish(ctx context.Context, run RunID, counts map[string]int64) error
	// Runs returns the runs, newest first.
	Runs(ctx context.Context) ([]RunRecord, error)

	// Facts returns what earlier runs decided about subjects, by study number; those that the ledger does not know are not in it.
	Facts(ctx context.Context, subjects []string) (map[string]Facts, error)
	// AllFacts yields the facts of every subject in the order of study numbers.
	AllFacts(ctx context.Context) iter.Seq2[Facts, error]
	// Standings yields how every subject stands, in the order of study numbers: less than facts, and sooner.
	Standings(ctx context.Context) iter.Seq2[Standing, error]
	// StandingsOf returns how subjects stand, by study number; those that the ledger does not know are not in it.
	StandingsOf(ctx context.Context, subjects []string) (map[string]Standing, error)
	// Subject returns all that is stored of a subject, or nil.
	Subject(ctx context.Context, subject string) (*StoredCasebook, error)
	// Apply stores a batch: all subjects of it, then the shard's checkpoint, in one transaction.
	Apply(ctx context.Context, run RunID, batch Batch) error
	// Casebooks yields every subject in the order of study numbers, cells in canonical order, as they are when
	// the iteration begins. The casebook is valid until the next one is asked for. It holds one subject in memory.
	Casebooks(ctx context.Context) iter.Seq2[*StoredCasebook, error]

	// LastWritten returns what was written to a target for a subject.
	LastWritten(ctx context.Context, target, subject string) (map[CellKey]Delivered, error)
	// MarkWritten stores what a target took or refused, durably before it returns. A cell that a target took is no longer New.
	MarkWritten(ctx context.Context, run RunID, target string, cells []Delivered) error
	// Forget removes every trace of subjects, in one transaction, and returns how many cells they had. It is durable, and the content is
	// overwritten on disk.
	Forget(ctx context.Context, subjects ...string) (cells int, err error)

	WithdrawalLedger
	QueryLedger
	ApprovalLedger
	SeenLedger
	OutputLedger
	Close() error
}

// WithdrawalLedger is what a Ledger keeps and does when subjects withdraw. What it changes is durable when the call returns.
type WithdrawalLedger interface {
	// Freeze makes a subject OutcomeWithdrawn, ReasonKept: what is stored of it stays. An unknown one is no error.
	Freeze(ctx context.Context, subject string) error
	// Anonymise gives a subject another number, makes it OutcomeWithdrawn, ReasonAnonymised, and removes for good what leads
	// back: the old number, keyed references, imaging links, keys of instances, and what targets took. It returns how many
	// cells stay, 0 for an unknown subject.
	Anonymise(ctx context.Context, subject, number string) (cells int, err error)
	// Received remembers who was given an output in a run; Recipients returns everybody who ever was.
	Received(ctx context.Context, run RunID, output string, recipients []string) error
	Recipients(ctx context.Context) ([]Recipient, error)
	// NameWithdrawn keeps the study number of a withdrawal, by its entry in the journal, while a task about it is open; the
	// first one given stands. UnnameWithdrawn removes it for good.
	NameWithdrawn(ctx context.Context, withdrawal int, number string) error
	UnnameWithdrawn(ctx context.Context, withdrawal int) error
	WithdrawnNames(ctx context.Context) (map[int]string, error)
	// SeeJournal remembers how many entries of the journal of withdrawals the ledger has seen; the number never falls.
	SeeJournal(ctx context.Context, entries int) error
	JournalSeen(ctx context.Context) (entries int, err error)
}

// SeenLedger keeps up to when a source was read, and what was seen of subjects until then, so that a later run need not read what
// has not changed. The texts are the caller's and hold nothing that leads to a person.
type SeenLedger interface {
	// Watermark returns what Advance stored last, "" before the first time.
	Watermark(ctx context.Context) (string, error)
	// Seen returns, by study number, what the last Advance said of subjects.
	Seen(ctx context.Context) (map[string]string, error)
	// Advance stores a watermark with what was seen of subjects that the ledger knows, and forgets what was seen of all others, in
	// one durable transaction. It is for the end of a run, when everything has been delivered.
	Advance(ctx context.Context, watermark string, seen map[string]string) error
}

// OutputLedger keeps what outputs were left with, so that a later run need not write again what would be the same. The texts are
// the caller's and hold nothing that leads to a person.
type OutputLedger interface {
	// Version is another one after every change of what Casebooks and AllFacts yield.
	Version(ctx context.Context) (string, error)
	// Left returns what Leave stored last of an output, "" before the first time. Leave is durable when it returns.
	Left(ctx context.Context, output string) (string, error)
	Leave(ctx context.Context, output, text string) error
}

// Facts.Outcome and Reason of subjects who withdrew and of whom something is kept.
const (
	OutcomeWithdrawn = "withdrawn"
	ReasonKept       = "kept"
	ReasonAnonymised = "anonymised"
)

// Recipient was given an output: a target, or the imaging sessions.
type Recipient struct{ Output, Name string }

// ErrNoQuery is the error of a query number that nobody has.
var ErrNoQuery = errors.New("there is no query with this number")

// RunID names a run in the ledger; it rises with time.
type RunID int64

// Run says what a run computes. Two runs with equal keys are the same computation.
type Run struct {
	AsOf   time.Time
	Inputs map[string]string // name (mapping, dictionary, policy, …) -> hash
}

// RunRecord is a stored run.
type RunRecord struct {
	ID       RunID
	Run      Run
	Finished bool
	Counts   map[string]int64
}

// Batch is what Apply stores in one transaction. Checkpoint names a shard that is finished with this batch; "" when
// none is.
type Batch struct {
	Subjects   []*SubjectChange
	Checkpoint string
}

// Delivered is what became of a cell at a target: State is Written, Unchanged, Conflict, Query, Rejected, Locked or Withdrawn, or
// New while the first writing is under way. Value is
// what was last written to the target in canonical text; a state other than Written does not change it.
type Delivered struct {
	Subject string
	CellKey
	Value string
	State State
	// Sent is what was about to be written when it was stored, "" when nothing is under way: a target that holds it took it.
	Sent string
	// Instance is the repeat number that the target knows the form by; 0 is the ledger's own.
	Instance int
}
