package targettest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

// System is a system into which a target delivers and in which people work.
type System interface {
	// Open makes the target; it may be made any number of times.
	Open(t testing.TB) ecrf.Target
	// Enter is a person who enters a value, in canonical text; "" clears the cell.
	Enter(t testing.TB, subject string, cell ecrf.CellKey, value string)
	// Stored returns what a cell holds, in canonical text.
	Stored(t testing.TB, subject string, cell ecrf.CellKey) string
	// Lock is a person who locks the form of a cell, or opens it.
	Lock(t testing.TB, subject string, cell ecrf.CellKey, locked bool)
	// Writes returns how many values the system took from targets and changed.
	Writes() int
	// NextImport makes the next import misbehave, or have something happen just before it.
	NextImport(f Fault, before func())
}

// Fault is what becomes of an import.
type Fault int

// The faults.
const (
	NoFault Fault = iota
	LostAnswer
	NotDone
)

// Live says how to make a system, and with what it is examined.
type Live struct {
	New        func(t testing.TB) System // an empty one
	Dictionary *ecrf.Dictionary
	Books      []*ecrf.StoredCasebook // of two subjects or more, with two cells or more
	// Cell is a cell of the first book. Values are three values of it, each other than the one in the book. Bad is one that
	// the dictionary allows and the system refuses; "" when there is none.
	Cell   ecrf.CellKey
	Values [3]string
	Bad    string
}

// RunLive examines a target whose system people work in.
func RunLive(t *testing.T, c Live) {
	for name, test := range map[string]func(*stand, *testing.T){
		"ASecondDeliveryWritesNothing":                             (*stand).again,
		"ADeliveryWithoutARecordIsRefused":                         (*stand).recordless,
		"AnEntryOfAPersonIsNeverOverwritten":                       (*stand).conflict,
		"WhatAPersonClearedStaysClear":                             (*stand).cleared,
		"ACorrectionOfTheSourceUpdatesOurValue":                    (*stand).corrected,
		"WhatTheSourceNoLongerHasStaysAndIsQueried":                (*stand).vanished,
		"EverythingInAFilledSystemIsAPersons":                      (*stand).filled,
		"AnImportWhoseAnswerIsLostIsReadBackAndNotDoneAgain":       (*stand).lost,
		"AnImportThatFailedIsDoneAgain":                            (*stand).failed,
		"AnInterruptedDeliveryIsFinishedByTheNext":                 (*stand).interrupted,
		"WhatWasWrittenBeforeACrashIsKnownAsOurs":                  (*stand).crashed,
		"AnEditBetweenReadingAndWritingIsARace":                    (*stand).raced,
		"ALockedFormIsAStateAndItsCellsFollowWhenItIsOpened":       (*stand).locked,
		"ARefusedCellCostsNoOther":                                 (*stand).refused,
		"AWithdrawalRemovesOurValuesAndNobodyElses":                (*stand).withdrawn,
		"ADryRunWritesNothing":                                     (*stand).dry,
		"ACancelledDeliveryStops":                                  (*stand).cancelled,
		"TenThousandSubjectsAreDeliveredInBoundedMemoryAndNoTwice": (*stand).many,
	} {
		t.Run(name, func(t *testing.T) { test(&stand{Live: c, system: c.New(t), record: &Record{}}, t) })
	}
}

// stand is one system under examination.
type stand struct {
	Live
	system System
	record *Record
}

func (s *stand) delivery(books []*ecrf.StoredCasebook) ecrf.Delivery {
	d := Delivery(s.Dictionary, books)
	d.Record = s.record
	return d
}

func (s *stand) deliver(t *testing.T, books []*ecrf.StoredCasebook) ecrf.DeliveryReport {
	t.Helper()
	report, err := s.system.Open(t).Deliver(t.Context(), s.delivery(books))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (s *stand) subject() string { return s.Books[0].Facts.Subject }

// with returns the books with another value in the cell of the first; "" is a source that has it no more.
func (s *stand) with(value string) []*ecrf.StoredCasebook {
	book := *s.Books[0]
	book.Cells = slices.Clone(book.Cells)
	for i := range book.Cells {
		c := &book.Cells[i]
		switch {
		case c.CellKey != s.Cell:
		case value == "":
			c.State, c.Missing = ecrf.Query, ecrf.NoResource
		default:
			c.Value, c.Missing = value, ""
		}
	}
	return append([]*ecrf.StoredCasebook{&book}, s.Books[1:]...)
}

// stored expects what the cell holds.
func (s *stand) stored(t *testing.T, want string) {
	t.Helper()
	if got := s.system.Stored(t, s.subject(), s.Cell); got != want {
		t.Errorf("the cell holds %q, want %q", got, want)
	}
}

// pending expects the queries about the cell.
func (s *stand) pending(t *testing.T, want ...ecrf.Cause) {
	t.Helper()
	if got := s.record.Pending(s.subject(), s.Cell); !slices.Equal(got, want) {
		t.Errorf("queries %q, want %q", got, want)
	}
}

// believed compares what the record believes to have written with what the system holds.
func (s *stand) believed(t *testing.T) {
	t.Helper()
	for _, c := range s.record.All() {
		if got := s.system.Stored(t, c.Subject, c.CellKey); c.State == ecrf.Written && got != c.Value || c.Sent != "" {
			t.Errorf("%+v is believed, and the system holds %q", c, got)
		}
	}
}

// quiet expects that a further delivery writes nothing.
func (s *stand) quiet(t *testing.T, books []*ecrf.StoredCasebook) {
	t.Helper()
	before := s.system.Writes()
	report := s.deliver(t, books)
	if report.Written != 0 || s.system.Writes() != before {
		t.Errorf("a further delivery writes: %+v, and the system took %d values", report, s.system.Writes()-before)
	}
	s.believed(t)
}

// whole expects that the system holds all values of the books.
func (s *stand) whole(t *testing.T, books []*ecrf.StoredCasebook) {
	t.Helper()
	for _, b := range books {
		for _, c := range b.Cells {
			if got := s.system.Stored(t, b.Facts.Subject, c.CellKey); c.Value != "" && got != c.Value {
				t.Errorf("%s %+v holds %q, want %q", b.Facts.Subject, c.CellKey, got, c.Value)
			}
		}
	}
}

func (s *stand) again(t *testing.T) {
	first := s.deliver(t, s.Books)
	if first.Written == 0 || len(first.Problems) > 0 {
		t.Fatalf("the first delivery: %+v", first)
	}
	s.whole(t, s.Books)
	s.quiet(t, s.Books)
}

func (s *stand) recordless(t *testing.T) {
	if _, err := s.system.Open(t).Deliver(t.Context(), Delivery(s.Dictionary, s.Books)); err == nil || s.system.Writes() != 0 {
		t.Errorf("error %v", err)
	}
}

func (s *stand) conflict(t *testing.T) {
	s.deliver(t, s.Books)
	s.system.Enter(t, s.subject(), s.Cell, s.Values[0])
	report := s.deliver(t, s.with(s.Values[1]))
	if report.Conflicts != 1 || report.Written != 0 {
		t.Errorf("%+v", report)
	}
	s.stored(t, s.Values[0])
	s.pending(t, ecrf.CauseConflict)
	s.quiet(t, s.with(s.Values[1]))
	s.pending(t, ecrf.CauseConflict)
	s.system.Enter(t, s.subject(), s.Cell, s.Values[1]) // the person takes the source's value over
	s.quiet(t, s.with(s.Values[1]))
	s.pending(t)
}

func (s *stand) cleared(t *testing.T) {
	s.deliver(t, s.Books)
	s.system.Enter(t, s.subject(), s.Cell, "")
	s.quiet(t, s.Books)
	s.stored(t, "")
	s.pending(t, ecrf.CauseCleared)
}

func (s *stand) corrected(t *testing.T) {
	s.deliver(t, s.Books)
	if report := s.deliver(t, s.with(s.Values[0])); report.Written != 1 {
		t.Errorf("%+v", report)
	}
	s.stored(t, s.Values[0])
	s.pending(t)
	s.quiet(t, s.with(s.Values[0]))
}

func (s *stand) vanished(t *testing.T) {
	s.deliver(t, s.Books)
	before := s.system.Stored(t, s.subject(), s.Cell)
	s.quiet(t, s.with(""))
	s.stored(t, before)
	s.pending(t, ecrf.CauseVanished)
	s.quiet(t, s.Books)
	s.pending(t)
}

func (s *stand) filled(t *testing.T) {
	s.deliver(t, s.Books)
	s.record = &Record{} // the study's first run
	s.system.Enter(t, s.subject(), s.Cell, s.Values[0])
	report := s.deliver(t, s.Books)
	if report.Written != 0 || report.Conflicts != 1 {
		t.Errorf("%+v", report)
	}
	s.stored(t, s.Values[0])
	s.pending(t, ecrf.CauseConflict)
}

func (s *stand) lost(t *testing.T) {
	s.system.NextImport(LostAnswer, nil)
	s.deliver(t, s.Books)
	s.whole(t, s.Books)
	taken := s.system.Writes()
	s.quiet(t, s.Books)
	fresh := &stand{Live: s.Live, system: s.New(t), record: &Record{}}
	fresh.deliver(t, s.Books)
	if taken != fresh.system.Writes() {
		t.Errorf("%d values were taken, and %d without the fault", taken, fresh.system.Writes())
	}
	if report := s.deliver(t, s.with(s.Values[0])); report.Written != 1 {
		t.Errorf("what was taken is not known as ours: %+v", report)
	}
}

func (s *stand) failed(t *testing.T) {
	s.system.NextImport(NotDone, nil)
	s.deliver(t, s.Books)
	s.whole(t, s.Books)
	s.quiet(t, s.Books)
}

func (s *stand) interrupted(t *testing.T) {
	broken := errors.New("the ledger broke")
	d := s.delivery(nil)
	d.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			_ = yield(s.Books[0], nil) && yield(nil, broken)
		}
	}
	if _, err := s.system.Open(t).Deliver(t.Context(), d); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	s.deliver(t, s.Books)
	s.whole(t, s.Books)
	s.quiet(t, s.Books)
}

// crashed dies after each change of the record in turn.
func (s *stand) crashed(t *testing.T) {
	died := errors.New("died")
	for change := 1; change <= 2; change++ {
		c := &stand{Live: s.Live, system: s.New(t), record: &Record{}}
		n := 0
		c.record.Fail = func() error {
			if n++; n == change {
				return died
			}
			return nil
		}
		if _, err := c.system.Open(t).Deliver(t.Context(), c.delivery(c.Books)); !errors.Is(err, died) {
			t.Errorf("change %d: error %v", change, err)
		}
		c.record.Fail = nil
		if report := c.deliver(t, c.with(c.Values[0])); report.Conflicts != 0 {
			t.Errorf("change %d: what was written before is not known: %+v", change, report)
		}
		c.stored(t, c.Values[0])
		c.quiet(t, c.with(c.Values[0]))
	}
}

func (s *stand) raced(t *testing.T) {
	s.deliver(t, s.Books)
	s.system.NextImport(NoFault, func() { s.system.Enter(t, s.subject(), s.Cell, s.Values[1]) })
	s.deliver(t, s.with(s.Values[0]))
	s.pending(t, ecrf.CauseRace)
	s.quiet(t, s.with(s.Values[0]))
	s.pending(t, ecrf.CauseRace)
}

func (s *stand) locked(t *testing.T) {
	s.deliver(t, s.Books)
	s.system.Lock(t, s.subject(), s.Cell, true)
	before := s.system.Stored(t, s.subject(), s.Cell)
	for range 2 {
		report := s.deliver(t, s.with(s.Values[0]))
		if report.Locked != 1 || report.Rejected != 0 || report.Written != 0 {
			t.Errorf("%+v", report)
		}
	}
	s.stored(t, before)
	s.pending(t, ecrf.CauseLocked)
	if state := s.record.Cell(s.subject(), s.Cell).State; state != ecrf.Locked {
		t.Errorf("the cell is %s", state)
	}
	s.system.Lock(t, s.subject(), s.Cell, false)
	if report := s.deliver(t, s.with(s.Values[0])); report.Written != 1 || report.Locked != 0 {
		t.Errorf("when it is open: %+v", report)
	}
	s.stored(t, s.Values[0])
	s.pending(t)
	s.quiet(t, s.with(s.Values[0]))
}

func (s *stand) refused(t *testing.T) {
	if s.Bad == "" {
		t.Skip("the system refuses nothing that the dictionary allows")
	}
	for range 2 {
		if report := s.deliver(t, s.with(s.Bad)); report.Rejected != 1 {
			t.Errorf("%+v", report)
		}
		s.pending(t, ecrf.CauseRejected)
	}
	s.stored(t, "")
	s.whole(t, s.Books[1:])
	if report := s.deliver(t, s.Books); report.Written != 1 {
		t.Errorf("%+v", report)
	}
	s.pending(t)
}

func (s *stand) withdrawn(t *testing.T) {
	s.deliver(t, s.Books)
	eraser, ok := s.system.Open(t).(ecrf.Eraser)
	if !ok {
		t.Skip("the target cannot erase: a withdrawal leaves a task to a person")
	}
	s.system.Enter(t, s.subject(), s.Cell, s.Values[0])
	own := 0
	for _, c := range s.record.All() {
		if c.Subject == s.subject() && c.CellKey != s.Cell && c.State == ecrf.Written && c.Value != "false" { // a box that nobody checked cannot be cleared
			own++
		}
	}
	for round, want := range []int{own, 0} {
		cells, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{s.subject(), "nobody"}, Record: s.record})
		if err != nil || cells != want {
			t.Errorf("round %d: %d cells are erased, want %d: %v", round, cells, want, err)
		}
	}
	for _, c := range s.Books[0].Cells {
		want := ""
		if c.CellKey == s.Cell {
			want = s.Values[0] // a person's
		}
		if got := s.system.Stored(t, s.subject(), c.CellKey); got != want && (got != "false" || want != "") {
			t.Errorf("%+v holds %q, want %q", c.CellKey, got, want)
		}
	}
	s.whole(t, s.Books[1:])
}

func (s *stand) dry(t *testing.T) {
	d := s.delivery(s.Books)
	d.DryRun = true
	report, err := s.system.Open(t).Deliver(t.Context(), d)
	if err != nil || report.Written == 0 || s.system.Writes() != 0 || len(s.record.All()) != 0 {
		t.Errorf("%+v, %v; the system took %d values", report, err, s.system.Writes())
	}
	if real := s.deliver(t, s.Books); real.Written != report.Written {
		t.Errorf("%d values are written, and the dry run said %d", real.Written, report.Written)
	}
}

func (s *stand) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.system.Open(t).Deliver(ctx, s.delivery(s.Books)); !errors.Is(err, context.Canceled) || s.system.Writes() != 0 {
		t.Errorf("error %v", err)
	}
}

// many delivers to ten thousand subjects. The system and the record grow with the first delivery, so that only the second,
// which must not write, tells what a target itself holds.
func (s *stand) many(t *testing.T) {
	subjects := 10000
	if testing.Short() { // with the race detector
		subjects = 1000
	}
	small := *s.Books[0]
	small.Cells = slices.Clone(small.Cells[:2])
	var before, during runtime.MemStats
	measure := false
	d := s.delivery(nil)
	d.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for n := range subjects {
				next := small
				next.Facts.Subject = fmt.Sprintf("S%06d", n)
				if !yield(&next, nil) {
					return
				}
				if measure && n%(subjects/4) == subjects/4-1 {
					runtime.GC()
					runtime.ReadMemStats(&during)
					if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 { // #nosec G115 -- a process has less than 2^63 bytes
						t.Errorf("%d bytes more are in use after %d subjects", grown, n+1)
					}
				}
			}
		}
	}
	first, err := s.system.Open(t).Deliver(t.Context(), d)
	if err != nil || first.Written == 0 || first.Cells != subjects*len(small.Cells) {
		t.Fatalf("%+v, %v", first, err)
	}
	measure = true
	target := s.system.Open(t)
	runtime.GC()
	runtime.ReadMemStats(&before)
	second, err := target.Deliver(t.Context(), d)
	if err != nil || second.Written != 0 || s.system.Writes() != first.Written {
		t.Errorf("%+v, %v; the system took %d values", second, err, s.system.Writes())
	}
}
