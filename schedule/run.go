package schedule

import (
	"context"
	"time"
)

// State says what has become of a run.
type State string

// The states.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Done      State = "done"      // to its end, also with rejected resources
	Failed    State = "failed"    // and is not tried again
	Covered   State = "covered"   // a later night's run did its work
	Cancelled State = "cancelled" // by a person
)

// Over reports whether nothing happens to the run any more.
func (s State) Over() bool { return s != Waiting && s != Running }

// Run is one night of a job, or a run that somebody asked for.
type Run struct {
	ID      int64     `json:"id"`
	Job     string    `json:"job"`
	Nominal string    `json:"nominal"` // what names it; of a run that was asked for: when
	Asked   bool      `json:"asked"`   // not by the schedule
	By      string    `json:"by"`      // who asked for it, or cancelled it
	Due     time.Time `json:"due"`
	Begin   time.Time `json:"begin"` // it does not begin before
	State   State     `json:"state"`
	Attempt int       `json:"attempt"` // 1 for the first
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Exit    int       `json:"exit"`
	Note    string    `json:"note"`              // why it failed
	Covered int64     `json:"covered,omitempty"` // the run that did its work
}

// Result is how a run ended.
type Result struct {
	State  State
	Exit   int
	Note   string
	Report []byte // JSON
	By     string // who cancelled it
	Limit  bool   // a safety limit stopped it
	// Again says after which time a run that failed is tried again; State is then Waiting.
	Again time.Duration
}

// Pause keeps a job's runs waiting.
type Pause struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// Book keeps runs durably: what a method did is on disk when it returns. It may be used from several goroutines, and read
// by other processes meanwhile.
type Book interface {
	// Planned returns until when the nights of a job are entered; known is false for a job that is new.
	Planned(ctx context.Context, job string) (until time.Time, known bool, err error)
	// Enter enters nights, and until when all are entered now. A night that is there already stays as it is.
	Enter(ctx context.Context, job string, until time.Time, nights []Run) (added int, err error)
	// Ask enters a run that a person asked for, and returns it with its id.
	Ask(ctx context.Context, r Run) (Run, error)
	// Waiting returns the runs that wait, the earliest first.
	Waiting(ctx context.Context) ([]Run, error)
	// Start turns a waiting run into a running one, and closes the runs whose work it does. ok is false when it no longer waits, or
	// another run of its job is under way.
	Start(ctx context.Context, id int64, covers []int64, now time.Time) (ok bool, err error)
	// End says how a running run ended; one that is tried again waits until begin. A run that another process has meanwhile is let be.
	End(ctx context.Context, id int64, r Result, now time.Time) error
	// Cancel closes a run that waits. ok is false when it does not wait.
	Cancel(ctx context.Context, id int64, by string, now time.Time) (ok bool, err error)
	// Shared reports whether several processes may run the book's nights.
	Shared() bool
	// Beat says that this process is at its runs that are under way, and returns them.
	Beat(ctx context.Context) (mine []int64, err error)
	// Resume turns runs that were under way in a process that died into waiting ones, and returns how many they are. Where there may be several processes,
	// one is dead that has said nothing for so long.
	Resume(ctx context.Context, silent time.Duration) (int, error)

	Pauses(ctx context.Context) (map[string]Pause, error)
	// SetPause pauses a job, or lets it go on (nil).
	SetPause(ctx context.Context, job string, p *Pause) error

	// Runs returns the newest runs first: of one job, or of all ("").
	Runs(ctx context.Context, job string, limit int) ([]Run, error)
	// Report returns the report of a run, nil when it has none.
	Report(ctx context.Context, id int64) ([]byte, error)
	// Prune forgets all but the newest runs of a job that are over.
	Prune(ctx context.Context, job string, keep int) error
}
