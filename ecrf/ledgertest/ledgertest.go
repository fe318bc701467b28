// Package ledgertest is the exam that every ecrf.Ledger passes.
package ledgertest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pseudonym"
)

// Candidate says how to make what is examined.
type Candidate struct {
	// Open opens the ledger that lies in the folder, or makes one there. The suite closes it.
	Open func(t testing.TB, dir string, d *ecrf.Dictionary) ecrf.Ledger
	// Subject makes a de-identified subject of site-a.
	Subject func(t testing.TB, number string) pseudonym.Subject
	// Holding returns the name of a file of the ledger's in whose bytes the text occurs, "" when there is none; nil looks through the folder.
	Holding func(t testing.TB, dir, text string) string
}

// Run examines a ledger.
func Run(t *testing.T, c Candidate) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"WhatIsStoredIsReadBackInCanonicalOrder", readBack},
		{"ASecondRunWritesNothing", rerun},
		{"AFailedBatchLeavesNothingAndCanBeDoneAgain", failure},
		{"AnUnfinishedRunIsResumedWithItsCheckpoints", resume},
		{"AVanishedSourceRaisesAQueryAndKeepsTheValue", vanish},
		{"AWithdrawnItemIsRemoved", withdraw},
		{"RepeatNumbersNeverChange", repeats},
		{"AForgottenSubjectLeavesNoTrace", forget},
		{"AFrozenSubjectStaysAsItIs", freeze},
		{"AnAnonymisedSubjectKeepsItsValuesAndNothingThatLeadsBack", anonymise},
		{"WhoWasGivenSomethingIsRemembered", recipients},
		{"TheNumberOfAWithdrawalIsKeptWhileItIsNeeded", names},
		{"WhatWasSeenOfTheJournalNeverFalls", seen},
		{"AWatermarkIsStoredWithWhatWasSeenOfSubjects", watermark},
		{"WhatATargetTookIsRemembered", delivered},
		{"AVersionChangesWithWhatIsDelivered", version},
		{"WhatAnOutputIsLeftWithIsRemembered", left},
		{"AQueryIsOpenedOnceAndKeepsItsHistory", queries},
		{"TheNewestApprovalOfAMappingCounts", approvals},
		{"AnotherStudyIsRefused", foreign},
		{"TenThousandSubjectsAreReadInBoundedMemory", many},
		{"ReadersSeeOneInstant", snapshot},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, newBench(t, c)) })
	}
}

// bench is a ledger under test and its folder.
type bench struct {
	Candidate
	dir string
	d   *ecrf.Dictionary
	l   ecrf.Ledger
	run ecrf.RunID
}

var asOf = time.Date(2026, 1, 15, 2, 0, 0, 0, time.UTC)

func newBench(t *testing.T, c Candidate) *bench {
	if c.Holding == nil {
		c.Holding = holding
	}
	b := &bench{Candidate: c, dir: t.TempDir(), d: Dictionary(t)}
	b.open(t)
	t.Cleanup(func() {
		if err := b.l.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) open(t *testing.T) {
	t.Helper()
	b.l = b.Open(t, b.dir, b.d)
	b.run = b.begin(t, "1")
}

func (b *bench) reopen(t *testing.T) {
	t.Helper()
	must(t, b.l.Close())
	b.open(t)
}

func (b *bench) begin(t *testing.T, hash string) ecrf.RunID {
	t.Helper()
	run, err := b.l.Begin(t.Context(), ecrf.Run{AsOf: asOf, Inputs: map[string]string{"mapping": hash}})
	must(t, err)
	return run
}

// change reconciles a book with the ledger.
func (b *bench) change(t *testing.T, n int, book Book) *ecrf.SubjectChange {
	t.Helper()
	stored, err := b.l.Subject(t.Context(), Number(n))
	must(t, err)
	return ecrf.Reconcile(stored, book.Casebook(t, b.d, b.Subject(t, Number(n))), "permitted", "broad-consent", "digest")
}

// put stores one subject and returns what changed.
func (b *bench) put(t *testing.T, n int, book Book) ecrf.Tally {
	t.Helper()
	change := b.change(t, n, book)
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{change}}))
	return change.Tally()
}

func (b *bench) dump(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	must(t, ecrf.Dump(t.Context(), &out, b.l))
	return out.String()
}

func (b *bench) cells(t *testing.T, n int) map[ecrf.CellKey]ecrf.StoredCell {
	t.Helper()
	book, err := b.l.Subject(t.Context(), Number(n))
	must(t, err)
	cells := map[ecrf.CellKey]ecrf.StoredCell{}
	if book != nil {
		for _, c := range book.Cells {
			cells[c.CellKey] = c
		}
	}
	return cells
}

func full() Book {
	return Book{Sex: "1", Weight: "81.5", Labs: []Lab{{"k1", "2024-01-01", "1.000"}, {"k2", "2024-02-01", "2.000"}}}
}

func psa(repeat int) ecrf.CellKey {
	return ecrf.CellKey{Event: "later", Form: "lab", Repeat: repeat, Item: "psa"}
}

func readBack(t *testing.T, b *bench) {
	b.put(t, 2, full())
	b.put(t, 1, Book{Weight: "70.0"})
	b.reopen(t)
	book, err := b.l.Subject(t.Context(), Number(2))
	must(t, err)
	var items []string
	for _, c := range book.Cells {
		items = append(items, c.Event+"."+c.Item)
	}
	want := []string{"baseline.sex", "baseline.weight", "later.lab_date", "later.psa", "later.lab_date", "later.psa"}
	if !slices.Equal(items, want) {
		t.Errorf("cells %v, want %v", items, want)
	}
	if p := cell("weight", "81.5").Provenance; book.Cells[1].Provenance != p {
		t.Errorf("provenance %+v, want %+v", book.Cells[1].Provenance, p)
	}
	wantFacts := ecrf.Facts{Subject: Number(2), Site: "site-a", Outcome: "permitted", Reason: "broad-consent", Digest: "digest"}
	if book.Facts != wantFacts {
		t.Errorf("facts %+v", book.Facts)
	}
	missing := b.cells(t, 1)[ecrf.CellKey{Event: "baseline", Form: "base", Item: "sex"}]
	if missing.Value != "" || missing.Missing != ecrf.NoResource || missing.State != ecrf.New {
		t.Errorf("missing cell %+v", missing)
	}
	if dump := b.dump(t); strings.Index(dump, Number(1)) > strings.Index(dump, Number(2)) {
		t.Error("subjects are not in the order of their numbers")
	}
	if unknown, err := b.l.Subject(t.Context(), "nobody"); unknown != nil || err != nil {
		t.Errorf("an unknown subject is %v, %v", unknown, err)
	}
}

func rerun(t *testing.T, b *bench) {
	b.put(t, 1, full())
	before := b.dump(t)
	b.reopen(t)
	if tally := b.put(t, 1, full()); tally.Writes() != 0 || tally.Unchanged != 6 {
		t.Errorf("second run: %+v", tally)
	}
	if after := b.dump(t); after != before {
		t.Errorf("the dump changed:\n%s\n%s", before, after)
	}
}

func failure(t *testing.T, b *bench) {
	good, broken := b.change(t, 1, full()), b.change(t, 2, full())
	broken.Cells[3].Cell.Item = "no_such_item"
	err := b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{good, broken}, Checkpoint: "s1"})
	if err == nil {
		t.Fatal("a cell without item was stored")
	}
	if dump := b.dump(t); dump != "" {
		t.Errorf("a failed batch left %s", dump)
	}
	if done, err := b.l.Checkpoints(t.Context(), b.run); err != nil || len(done) != 0 {
		t.Errorf("a failed batch left checkpoints %v, %v", done, err)
	}
	broken = b.change(t, 2, full())
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{broken, good}, Checkpoint: "s1"}))
	if n := len(b.cells(t, 2)); n != 6 {
		t.Errorf("%d cells after doing it again", n)
	}
	secret := b.change(t, 3, full())
	secret.Facts.Reason = "died 2024-01-01"
	if b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{secret}}) == nil {
		t.Error("a reason that is no code was stored")
	}
}

func resume(t *testing.T, b *bench) {
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Checkpoint: "s1"}))
	first := b.run
	b.reopen(t) // begins the same run
	if b.run != first {
		t.Fatalf("run %d is not resumed but %d begun", first, b.run)
	}
	if done, err := b.l.Checkpoints(t.Context(), b.run); err != nil || !slices.Equal(done, []string{"s1"}) {
		t.Errorf("checkpoints %v, %v", done, err)
	}
	if other := b.begin(t, "2"); other == first {
		t.Error("another computation resumed the run")
	}
	if done, err := b.l.Checkpoints(t.Context(), first); err != nil || len(done) != 0 {
		t.Errorf("a run that can be resumed no more keeps the checkpoints %v, %v", done, err)
	}
	again := b.begin(t, "1")
	must(t, b.l.Finish(t.Context(), again, map[string]int64{"cells": 7}))
	if next := b.begin(t, "1"); next == again {
		t.Error("a finished run was resumed")
	}
	runs, err := b.l.Runs(t.Context())
	must(t, err)
	i := slices.IndexFunc(runs, func(r ecrf.RunRecord) bool { return r.ID == again })
	if i < 0 || !runs[i].Finished || runs[i].Counts["cells"] != 7 || !runs[i].Run.AsOf.Equal(asOf) {
		t.Errorf("runs %+v", runs)
	}
	if b.l.Finish(t.Context(), 9999, nil) == nil {
		t.Error("a run that never began was finished")
	}
}

func vanish(t *testing.T, b *bench) {
	b.put(t, 1, full())
	gone := full()
	gone.Weight, gone.Labs = "", gone.Labs[1:]
	if tally := b.put(t, 1, gone); tally.Vanished != 3 || tally.Writes() != 3 {
		t.Errorf("vanishing: %+v", tally)
	}
	weight := b.cells(t, 1)[ecrf.CellKey{Event: "baseline", Form: "base", Item: "weight"}]
	if weight.Value != "81.5" || weight.State != ecrf.Query || weight.Missing != ecrf.NoResource {
		t.Errorf("vanished cell %+v", weight)
	}
	if tally := b.put(t, 1, gone); tally.Writes() != 0 {
		t.Errorf("vanished twice: %+v", tally)
	}
	if tally := b.put(t, 1, full()); tally.Corrected != 3 {
		t.Errorf("return: %+v", tally)
	}
	if back := b.cells(t, 1)[psa(1)]; back.Value != "1.000" || back.State != ecrf.New || back.Missing != "" {
		t.Errorf("returned cell %+v", back)
	}
}

func withdraw(t *testing.T, b *bench) {
	b.put(t, 1, full())
	denied := Book{Sex: "1", Uncovered: []string{"weight", "lab_date", "psa"}}
	if tally := b.put(t, 1, denied); tally.Revoked != 5 || tally.Writes() != 5 {
		t.Errorf("withdrawal: %+v", tally)
	}
	for key, c := range b.cells(t, 1) {
		if key.Item != "sex" && (c.Value != "" || c.State != ecrf.Withdrawn || c.Missing != ecrf.NoConsent || c.Provenance.OriginalValue != "" || c.Provenance.Resource != "") {
			t.Errorf("a withdrawn cell still says %+v", c)
		}
	}
	if tally := b.put(t, 1, denied); tally.Writes() != 0 {
		t.Errorf("withdrawn twice: %+v", tally)
	}
}

func repeats(t *testing.T, b *bench) {
	b.put(t, 1, full())
	b.reopen(t)
	more := full()
	more.Labs = []Lab{{"k0", "2023-01-01", "0.100"}, more.Labs[1], {"k9", "2022-01-01", "9.000"}}
	b.put(t, 1, more)
	want := map[int]string{1: "1.000", 2: "2.000", 3: "9.000", 4: "0.100"}
	got := map[int]string{}
	for key, c := range b.cells(t, 1) {
		if key.Item == "psa" {
			got[key.Repeat] = c.Value
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("values by repeat number %v, want %v", got, want)
	}
	book, err := b.l.Subject(t.Context(), Number(1))
	must(t, err)
	if len(book.Instances) != 4 || book.Instances[2].Key != "k9" || book.Instances[2].Repeat != 3 {
		t.Errorf("instances %+v", book.Instances)
	}
}

func forget(t *testing.T, b *bench) {
	b.put(t, 1, full())
	before := b.dump(t)
	token := "TOKEN" + strings.Repeat("x", 20)
	marked := b.change(t, 2, full())
	marked.Cells[0].Cell.Provenance.Resource = token
	marked.Cells[1].Cell.Provenance.OriginalValue = token
	marked.Instances[0].Key = token
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{marked}}))
	must(t, b.l.MarkWritten(t.Context(), b.run, "edc", []ecrf.Delivered{{Subject: Number(2), CellKey: psa(1), Value: token, State: ecrf.Written}}))
	if n, err := b.l.Forget(t.Context(), Number(2)); n != 6 || err != nil {
		t.Errorf("forgot %d cells, %v", n, err)
	}
	if n, err := b.l.Forget(t.Context(), Number(2)); n != 0 || err != nil {
		t.Errorf("forgot %d cells twice, %v", n, err)
	}
	if after := b.dump(t); after != before {
		t.Errorf("dump after forgetting:\n%s\nwant\n%s", after, before)
	}
	b.reopen(t)
	if b.Holding(t, b.dir, Number(1)) == "" {
		t.Error("no file holds the subject that stays: the search finds nothing")
	}
	for _, name := range []string{token, Number(2)} {
		if file := b.Holding(t, b.dir, name); file != "" {
			t.Errorf("%s still holds %q", file, name)
		}
	}
}

// holding returns the file of the folder in whose bytes the text occurs.
func holding(t testing.TB, dir, text string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		content, err := os.ReadFile(dir + string(os.PathSeparator) + e.Name()) // #nosec G304 -- a folder of the test
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		if bytes.Contains(content, []byte(text)) {
			return e.Name()
		}
	}
	return ""
}

func delivered(t *testing.T, b *bench) {
	b.put(t, 1, full())
	record := ecrf.Bind(b.l, b.run, "edc")
	took := ecrf.Delivered{Subject: Number(1), CellKey: psa(1), Value: "1.000", State: ecrf.Written, Instance: 3}
	refused := ecrf.Delivered{Subject: Number(1), CellKey: psa(2), State: ecrf.Conflict, Sent: "2.000"}
	must(t, record.MarkWritten(t.Context(), []ecrf.Delivered{took, refused}))
	b.reopen(t)
	got, err := b.l.LastWritten(t.Context(), "edc", Number(1))
	must(t, err)
	if want := map[ecrf.CellKey]ecrf.Delivered{psa(1): took, psa(2): refused}; !reflect.DeepEqual(got, want) {
		t.Errorf("last written %+v, want %+v", got, want)
	}
	if other, err := b.l.LastWritten(t.Context(), "other", Number(1)); len(other) != 0 || err != nil {
		t.Errorf("another target remembers %v, %v", other, err)
	}
	cells := b.cells(t, 1)
	if cells[psa(1)].State != ecrf.Written || cells[psa(2)].State != ecrf.New {
		t.Errorf("states %s, %s", cells[psa(1)].State, cells[psa(2)].State)
	}
	if tally := b.put(t, 1, full()); tally.Writes() != 0 {
		t.Errorf("a run after delivery: %+v", tally)
	}
	stranger := took
	stranger.Subject = "nobody"
	if b.l.MarkWritten(t.Context(), b.run, "edc", []ecrf.Delivered{stranger}) == nil {
		t.Error("a cell of an unknown subject was delivered")
	}
}

func foreign(t *testing.T, b *bench) {
	text := strings.Replace(study, "ledger-test", "another-study", 1)
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(text))
	must(t, err)
	failed := make(chan bool, 1)
	go func() { // Open ends the goroutine of a fake T
		defer func() { failed <- recover() != nil }()
		b.Open(&refusal{TB: t}, b.dir, d)
	}()
	if !<-failed {
		t.Error("the ledger of another study was opened")
	}
}

// refusal is a testing.TB whose failure is what the test wants.
type refusal struct{ testing.TB }

func (r *refusal) Helper()               {}
func (r *refusal) Fatal(...any)          { panic("refused") }
func (r *refusal) Fatalf(string, ...any) { panic("refused") }

func many(t *testing.T, b *bench) {
	const subjects, batch = 10000, 500
	one := ecrf.Reconcile(nil, full().Casebook(t, b.d, b.Subject(t, Number(0))), "permitted", "", "d")
	for first := 0; first < subjects; first += batch {
		var changes []*ecrf.SubjectChange
		for n := first; n < first+batch; n++ {
			next := *one
			next.Facts.Subject = Number(n)
			if n%3 == 0 {
				next.Facts.Outcome, next.Facts.Reason = "held", fmt.Sprintf("reason-%d", n)
			}
			changes = append(changes, &next)
		}
		slices.Reverse(changes) // the ledger sorts
		must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: changes}))
	}
	runtime.GC()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	seen, cells, last := 0, 0, ""
	for book, err := range b.l.Casebooks(t.Context()) {
		must(t, err)
		if book.Facts.Subject <= last {
			t.Fatal("subjects are not in order")
		}
		last = book.Facts.Subject
		seen, cells = seen+1, cells+len(book.Cells)
		if seen%2500 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&during)
			if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 { // #nosec G115 -- a process has less than 2^63 bytes
				t.Errorf("%d bytes more are in use after %d subjects", grown, seen)
			}
		}
	}
	if seen != subjects || cells != 6*subjects {
		t.Errorf("%d subjects with %d cells", seen, cells)
	}
	var standings []ecrf.Standing
	for s, err := range b.l.Standings(t.Context()) {
		must(t, err)
		standings = append(standings, s)
	}
	some, err := b.l.StandingsOf(t.Context(), []string{Number(7), Number(subjects), Number(9)})
	must(t, err)
	if want := map[string]ecrf.Standing{Number(7): standings[7], Number(9): standings[9]}; !maps.Equal(some, want) {
		t.Errorf("%v, want %v", some, want)
	}
	for f, err := range b.l.AllFacts(t.Context()) {
		must(t, err)
		if len(standings) == 0 || standings[0] != (ecrf.Standing{Subject: f.Subject, Outcome: f.Outcome, Reason: f.Reason, Digest: f.Digest}) {
			t.Fatalf("%s does not stand as its facts say", f.Subject)
		}
		standings = standings[1:]
	}
	if len(standings) > 0 {
		t.Errorf("%d subjects more stand than there are", len(standings))
	}
}

func snapshot(t *testing.T, b *bench) {
	b.put(t, 1, full())
	b.put(t, 2, full())
	seen := 0
	for book, err := range b.l.Casebooks(t.Context()) {
		must(t, err)
		if seen++; seen == 1 {
			b.put(t, 2, Book{Sex: "2", Weight: "99.9"})
			b.put(t, 3, full())
		}
		if book.Facts.Subject == Number(2) && book.Cells[0].Value != "1" {
			t.Error("a change after the beginning is seen")
		}
	}
	if seen != 2 {
		t.Errorf("%d subjects seen", seen)
	}
}
