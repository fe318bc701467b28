package store_test

import (
	"sync"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
)

func TestSeveralGoroutinesWriteAndReadOneLedger(t *testing.T) {
	d := ledgertest.Dictionary(t)
	l := openLedger(t, t.TempDir(), d)
	defer func() { check(t, l.Close()) }()
	run, err := l.Begin(t.Context(), ecrf.Run{})
	check(t, err)
	one := ecrf.Reconcile(nil, ledgertest.Book{Sex: "1", Weight: "80.0"}.Casebook(t, d, newSubject(t, ledgertest.Number(0))), "permitted", "", "d")
	const workers, each = 4, 25
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range each {
				next := *one
				next.Facts.Subject = ledgertest.Number(worker*each + i)
				shard := ""
				if i == each-1 {
					shard = next.Facts.Subject
				}
				if err := l.Apply(t.Context(), run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{&next}, Checkpoint: shard}); err != nil {
					t.Error(err)
				}
			}
		})
		group.Go(func() {
			for book, err := range l.Casebooks(t.Context()) {
				if err != nil || len(book.Cells) != 2 || book.Cells[0].State != ecrf.New {
					t.Errorf("read %+v, %v", book, err)
					return
				}
			}
		})
	}
	group.Wait()
	done, err := l.Checkpoints(t.Context(), run)
	check(t, err)
	seen := 0
	for _, err := range l.Casebooks(t.Context()) {
		check(t, err)
		seen++
	}
	if seen != workers*each || len(done) != workers {
		t.Errorf("%d subjects, checkpoints %v", seen, done)
	}
}
