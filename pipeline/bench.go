package pipeline

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/withdrawal"
)

// Piece is a shard as another process may be given it: sealed, so that who has not the study's vault learns nothing from it.
type Piece struct {
	Name     string
	Subjects int
	Sealed   []byte
}

// terms are what all shards of a run have in common.
type terms struct {
	Study, Program, Source string
	Run                    ecrf.RunID
	AsOf                   time.Time
	Full                   bool
	Inputs                 map[string]string
	Waiting                []string // items whose rules nobody has approved
	Journal                [][]byte // of withdrawals, as the run has it
}

// task is what is known of a subject before its data are read.
type task struct {
	Patient fhir.Key
	Number  string
	Noted   [32]byte
	Key     string
	Still   *note
}

// assignment is a shard as it is sealed.
type assignment struct {
	Checkpoint string
	Tasks      []task
}

// ErrOtherInputs is returned for a worker whose study is not the one that the run computes.
var ErrOtherInputs = errors.New("the study here is not the one that the run computes")

// Portable returns why the study's shards cannot be computed by another process; nil when they can.
func (s *Study) Portable() error {
	for i := range s.Sources {
		switch {
		case s.Sources[i].URL == "":
			return errors.New("the source is files, which are grouped in this process")
		case s.Sources[i].Export != nil:
			return errors.New("the source is an $export, whose spool this process has the key of")
		}
	}
	if len(s.Sources) > 1 { // one that answers only one of them would hide what a person refused elsewhere
		return errors.New("the study has several sources, and which of them answer is known in this process")
	}
	if s.Policy.Combined() {
		return errors.New("the study's forms are under several policies, whose decisions this process holds")
	}
	return nil
}

// Run returns the ledger's number of the run.
func (o *Order) Run() ecrf.RunID { return o.run.runID }

// Parts returns what the run works with.
func (o *Order) Parts() Parts { return o.run.Parts }

// Terms returns what every worker has to know, sealed.
func (o *Order) Terms() ([]byte, error) {
	r := o.run
	lines, err := r.Journal.Lines()
	if err != nil {
		return nil, err
	}
	t := terms{Study: r.Study.ID, Program: r.Program, Source: r.Source.Name(), Run: r.runID, AsOf: r.AsOf, Full: r.Full, Inputs: r.inputs, Journal: lines}
	if r.awaited != nil {
		t.Waiting = r.awaited.Items
	}
	return r.sealed(t, "terms")
}

// Begin returns the next shard to be given out. When there is none, or the run's budget is used up, ok is false.
func (o *Order) Begin() (p Piece, ok bool, err error) {
	s, ok := o.begin()
	if !ok {
		return p, false, nil
	}
	a := assignment{s.checkpoint, make([]task, len(s.work))}
	for i, w := range s.work {
		a.Tasks[i] = task{w.patient, w.subject.Number(), w.noted, w.key, w.still}
	}
	sealed, err := o.run.sealed(a, "shard "+s.name)
	return Piece{s.name, len(s.work), sealed}, true, err
}

// Waiting returns how many shards are to be begun.
func (o *Order) Waiting() int { return len(o.shards) - o.next }

// Finished returns the names of the shards that the run has finished before it was interrupted.
func (o *Order) Finished() []string { return o.finished }

// AtHome takes out of the order, and returns, what only this process can compute: shards whose changes are listed in a file before
// they are stored.
func (o *Order) AtHome() *Order {
	home := &Order{run: o.run}
	o.shards = slices.DeleteFunc(o.shards, func(s shard) bool {
		if !o.run.anyParted(&s) {
			return false
		}
		home.shards = append(home.shards, s)
		return true
	})
	return home
}

// Compute computes an order in this process.
func (o *Order) Compute(ctx context.Context) error { return here{}.Work(ctx, o) }

// Take takes up what a shard came to that is stored. What was left of it is the next to be given out. One goroutine calls
// Take, Begin and Waiting.
func (o *Order) Take(name string, sealed []byte) error {
	h, err := o.harvest(name, sealed)
	if err != nil || len(h.Left) == 0 {
		return err
	}
	i := slices.IndexFunc(o.shards, func(s shard) bool { return s.name == name })
	if i < 0 {
		return fmt.Errorf("shard %s leaves subjects, and is not of this run", name)
	}
	o.shards = slices.Insert(o.shards, o.next, o.shards[i].rest(h)) // first, or a run with a budget might finish none
	return nil
}

// Inherit takes up what a shard came to, or a part of one, that an earlier leader of the run has given out, and that is finished.
func (o *Order) Inherit(name string, sealed []byte) error {
	_, err := o.harvest(name, sealed)
	return err
}

func (o *Order) harvest(name string, sealed []byte) (*harvest, error) {
	text, err := o.run.opened(sealed, "harvest "+name)
	if err != nil {
		return nil, err
	}
	h, err := readHarvest(text)
	if err == nil {
		o.run.merge(h)
	}
	return h, err
}

// Isolate counts the subjects of a shard as failed that nobody could finish. What is stored of them stays.
func (o *Order) Isolate(name, reason string) {
	for _, s := range o.shards {
		if s.name != name {
			continue
		}
		for _, w := range s.work {
			o.run.out.Tally.fail(Failure{Subject: w.subject.Number(), Stage: "compute", Reason: reason})
		}
	}
}

// Bench is where pieces of one run are computed. It may be used from several goroutines.
type Bench struct{ run *runner }

// Bench returns one in the process that leads the run.
func (o *Order) Bench() *Bench { return &Bench{o.run} }

// NewBench prepares to compute pieces of a run that another process leads. The parts are those of the same study, opened here; what
// a run needs besides is in its terms. Facts are what Prepare has read while the run was under way; nil reads them now.
func NewBench(ctx context.Context, parts Parts, facts *Facts, program string, run ecrf.RunID, sealed []byte) (*Bench, error) {
	veil, err := parts.Study.Veil(parts.Study.Dates)
	if err != nil {
		return nil, err
	}
	r := &runner{Parts: parts, Options: Options{Program: program}, veil: veil, runID: run, out: &Outcome{Tally: newTally()}}
	text, err := r.opened(sealed, "terms")
	if err != nil {
		return nil, err
	}
	var t terms
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&t); err != nil {
		return nil, fmt.Errorf("%w: another version of the program leads it", ErrOtherInputs)
	}
	if err := r.same(&t); err != nil {
		return nil, err
	}
	r.AsOf, r.Full, r.inputs = t.AsOf, t.Full, t.Inputs
	if len(t.Waiting) > 0 {
		r.awaited = &Awaited{Items: t.Waiting}
	}
	if r.Journal, err = withdrawal.Open(withdrawal.Frozen(t.Journal), JournalSigner(r.Vault)); err != nil {
		return nil, err
	}
	r.common = r.commonDigest()
	r.reach.partial, _ = fhir.Behind[fhir.Partial](r.Source) // without tolerance: what is read here has to be whole
	if r.facts = facts; facts == nil {
		r.facts, err = Prepare(ctx, parts)
	}
	return &Bench{r}, err
}

// same compares the study that was opened here with that of the run.
func (r *runner) same(t *terms) error {
	switch {
	case t.Study != r.Study.ID:
		return fmt.Errorf("%w: it is of study %q", ErrOtherInputs, t.Study)
	case t.Program != r.Program:
		return fmt.Errorf("%w: version %s leads it, and this is %s", ErrOtherInputs, t.Program, r.Program)
	case t.Source != r.Source.Name():
		return fmt.Errorf("%w: its source is named otherwise", ErrOtherInputs)
	}
	if name := r.Study.otherInput(t.Inputs); name != "" {
		return fmt.Errorf("%w: its %s differs", ErrOtherInputs, name)
	}
	return nil
}

// otherInput names a file of the study that is another than a run had; "" when none is.
func (s *Study) otherInput(run map[string]string) string {
	mine := s.Inputs()
	for _, name := range slices.Sorted(maps.Keys(mine)) {
		if mine[name] != run[name] {
			return name
		}
	}
	return ""
}

// Prepare reads the facts of the source's patients. What cannot be read counts against whoever it is about; the run itself has
// reported it.
func Prepare(ctx context.Context, parts Parts) (*Facts, error) {
	facts := FactsFrom(parts.Source, func(fhir.Rejected) {})
	for record, err := range parts.Source.Subjects(ctx, facts.Reject) {
		if err != nil {
			return nil, err
		}
		record.Release()
	}
	return facts, nil
}

// Compute computes a piece, or of one that takes longer than it may a part. The result is stored by Store, in one transaction with
// whatever keeps it from being stored twice.
func (b *Bench) Compute(ctx context.Context, p Piece, within time.Duration) (*ShardResult, error) {
	begin := b.run.Clock()
	text, err := b.run.opened(p.Sealed, "shard "+p.Name)
	if err != nil {
		return nil, err
	}
	var a assignment
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&a); err != nil {
		return nil, fmt.Errorf("%w: another version of the program leads it", ErrOtherInputs)
	}
	s := shard{name: p.Name, checkpoint: a.Checkpoint, work: make([]work, len(a.Tasks))}
	for i, t := range a.Tasks {
		subject, err := b.run.Vault.SubjectOf(ctx, t.Number)
		if err != nil {
			return nil, fmt.Errorf("a subject of the run is not in the vault that was opened here: %w", err)
		}
		s.work[i] = work{patient: t.Patient, subject: subject, noted: t.Noted, key: t.Key, still: t.Still}
	}
	return b.run.computeShard(ctx, s, nil, func() bool { return b.run.Clock().Sub(begin) >= within })
}

// Store stores a result, in the transaction of the context: all of it or nothing. The audit comes last, because whoever appends to it
// keeps other processes from doing so until the end of the transaction.
func (b *Bench) Store(ctx context.Context, s *ShardResult) error {
	if err := b.run.Ledger.Apply(ctx, b.run.runID, s.batch); err != nil {
		return err
	}
	return b.run.Audit.Append(ctx, s.drafts...)
}

// Harvest returns what the run takes note of, sealed.
func (b *Bench) Harvest(s *ShardResult) ([]byte, error) {
	text, err := s.harvest.bytes()
	if err != nil {
		return nil, err
	}
	return b.run.Vault.WorkSeal().Seal(text, b.run.bound("harvest "+s.harvest.Shard)), nil
}

// sealed writes a value so that only who has the study's vault can read it, in its place.
func (r *runner) sealed(value any, place string) ([]byte, error) {
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(value); err != nil {
		return nil, fmt.Errorf("write work for others: %w", err)
	}
	return r.Vault.WorkSeal().Seal(text.Bytes(), r.bound(place)), nil
}

func (r *runner) opened(sealed []byte, place string) ([]byte, error) {
	text, err := r.Vault.WorkSeal().Open(sealed, r.bound(place))
	if err != nil {
		return nil, fmt.Errorf("%w: what the run says cannot be opened with the vault that was opened here", ErrOtherInputs)
	}
	return text, nil
}

// bound binds what is sealed to its run and its place there.
func (r *runner) bound(place string) string { return fmt.Sprintf("run %d %s", r.runID, place) }
