package pipeline

import (
	"slices"
	"sync"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/disclosure"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/pseudonym"
)

// Tally counts what a run found and did. It holds nothing that identifies a person.
type Tally struct {
	Patients    int
	Decisions   map[string]map[string]int // outcome -> reason -> patients
	NotEnrolled int
	Warnings    map[string]int // warnings of decisions

	Worked

	Matrix         Matrix
	Unmapped       map[Slot]int // cells with a code that their map, which says unmapped: error, does not know
	Deliveries     []Delivered
	Withdrawn      Withdrawn
	Wrong          []WrongCell      // delivered with data of another patient
	Queries        int              // about cells of targets where people work, that somebody has to settle
	Tasks, Overdue int              // open ones, and those of them behind their deadline
	Awaited        []string         // items whose rules nobody has approved: their cells stayed as they were
	Sources        []fhir.PartState // of a study with several: how each of them stood at the end
	Lost, MayLose  int              // delivered patients whom this run loses without a person's word, and how many it may

	mu *sync.Mutex // of Rejected and Failed
}

// Worked is what was counted while subjects were computed: of one shard, or of all. Rejected and Failed also have what was found
// before and after.
type Worked struct {
	Read     map[string]int     // resources of permitted patients, by type
	Dropped  map[TypeReason]int // by consent
	Veil     pseudonym.Report
	Rejected []fhir.Rejected
	Failed   []Failure

	Computed, Skipped int // subjects whose casebook was computed, or whose input had not changed
	Cells             ecrf.Tally
	Filled            FilledCells
	Imaging           imaging.Counts
}

// Silent returns the sources of a study with several that did not answer.
func (t *Tally) Silent() []fhir.PartState {
	return slices.DeleteFunc(slices.Clone(t.Sources), func(s fhir.PartState) bool { return s.Silent == nil })
}

// TypeReason is a resource type and a reason.
type TypeReason struct{ Type, Reason string }

// Failure is a patient for whom nothing could be computed. Subject is empty when there is no number yet.
type Failure struct{ Subject, Stage, Reason string }

// StageSubject is the stage of failures to tell which subject a patient is.
const StageSubject = "subject"

// FilledCells counts cells that got a value in this run, by what they held before.
type FilledCells struct{ New, Changed int }

// Slot is an item of a form.
type Slot struct{ Form, Item string }

// Fill counts the cells of a slot.
type Fill struct {
	Filled  int
	Missing map[ecrf.MissingReason]int
}

// Delivered is what a target reported.
type Delivered struct {
	Target, Kind string
	Report       ecrf.DeliveryReport
	Disclosure   *disclosure.Report // nil where there is no disclosure control
}

func newTally() Tally {
	return Tally{
		Decisions: map[string]map[string]int{}, Warnings: map[string]int{}, Worked: newWorked(), Matrix: Matrix{}, Unmapped: map[Slot]int{}, mu: &sync.Mutex{},
	}
}

func newWorked() Worked { return Worked{Read: map[string]int{}, Dropped: map[TypeReason]int{}} }

func (f *FilledCells) take(c *ecrf.CellChange) {
	switch {
	case c.Cell.Value == "":
	case c.Before == nil || c.Before.Value == "":
		f.New++
	case c.Before.Value != c.Cell.Value:
		f.Changed++
	}
}

// Problems counts cells and files that targets did not take, and cells with unknown codes where the mapping says that
// these are errors. Those are counted in every run until the code map or the source is mended.
func (t *Tally) Problems() int {
	n := 0
	for _, cells := range t.Unmapped {
		n += cells
	}
	for _, d := range t.Deliveries {
		n += d.Report.Rejected + len(d.Report.Problems)
	}
	return n
}

func (t *Tally) decided(d consent.Decision) {
	outcome := d.Outcome().String()
	if t.Decisions[outcome] == nil {
		t.Decisions[outcome] = map[string]int{}
	}
	t.Decisions[outcome][string(d.Reason())]++
	for _, w := range d.Warnings().Codes() {
		t.Warnings[w]++
	}
}

// held counts a patient about whom nothing could be decided.
func (t *Tally) held(reason string) {
	if t.Decisions[outcomeHeld] == nil {
		t.Decisions[outcomeHeld] = map[string]int{}
	}
	t.Decisions[outcomeHeld][reason]++
}

func (t *Tally) reject(r fhir.Rejected) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Rejected = append(t.Rejected, r)
}

func (t *Tally) fail(f Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Failed = append(t.Failed, f)
}

func (w *Worked) fail(f Failure) { w.Failed = append(w.Failed, f) }

// add sums what was counted for one subject.
func (w *Worked) add(s *subjectResult) {
	for typ, n := range s.read {
		w.Read[typ] += n
	}
	for _, d := range s.drops.List() {
		w.Dropped[TypeReason{d.Type, string(d.Reason)}] += d.Count
	}
	w.Veil.Add(s.veil)
	w.Imaging.Add(s.imaging)
	if s.change == nil {
		w.Skipped++
		return
	}
	w.Computed++
	w.Cells = w.Cells.Plus(s.change.Tally())
	for i := range s.change.Cells {
		w.Filled.take(&s.change.Cells[i])
	}
}

// merge sums what was counted for a shard.
func (w *Worked) merge(o *Worked) {
	for typ, n := range o.Read {
		w.Read[typ] += n
	}
	for drop, n := range o.Dropped {
		w.Dropped[drop] += n
	}
	w.Veil.Add(o.Veil)
	w.Imaging.Add(o.Imaging)
	w.Rejected, w.Failed = append(w.Rejected, o.Rejected...), append(w.Failed, o.Failed...)
	w.Computed, w.Skipped = w.Computed+o.Computed, w.Skipped+o.Skipped
	w.Cells = w.Cells.Plus(o.Cells)
	w.Filled = FilledCells{w.Filled.New + o.Filled.New, w.Filled.Changed + o.Filled.Changed}
}
