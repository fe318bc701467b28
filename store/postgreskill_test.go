package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
)

// TestALedgerWhoseConnectionsEndAtAnyInstantEndsInTheSameBytes ends the server's processes behind a ledger that is being filled, again and again.
func TestALedgerWhoseConnectionsEndAtAnyInstantEndsInTheSameBytes(t *testing.T) {
	sv := newServer(t)
	change := ecrf.Reconcile(nil, ledgertest.Book{Sex: "1", Weight: "80.0", Labs: []ledgertest.Lab{{Key: "k", Date: "2024-01-01", PSA: "1.000"}}}.
		Casebook(t, ledgertest.Dictionary(t), newSubject(t, ledgertest.Number(0))), "permitted", "", "d")
	calm := sv.place()
	check(t, fillPostgres(t.Context(), calm, ledgertest.Dictionary(t), change))
	want := dumped(t, closed(t, openPostgres(t, calm, ledgertest.Dictionary(t))))
	place, killer := sv.place(), sv.as(t, "owner", calm)
	random := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for {
		ended := make(chan error, 1)
		go func() { ended <- fillPostgres(context.Background(), place, ledgertest.Dictionary(t), change) }()
		<-time.After(time.Duration(random.IntN(60)) * time.Millisecond)
		if kills < 12 {
			killer.MustExec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crflink ledger' AND backend_type = 'client backend'")
		}
		if err := <-ended; err == nil {
			break
		}
		if kills++; kills > 100 {
			t.Fatal("it never comes to its end")
		}
		whole(t, sv, place)
	}
	t.Logf("%d kills", kills)
	if got := dumped(t, closed(t, openPostgres(t, place, ledgertest.Dictionary(t)))); got != want || strings.Count(want, "subject") < shards*shardSubjects {
		t.Error("after kills the dump differs")
	}
}

// fillPostgres does what a run does: each shard that has no checkpoint, whole.
func fillPostgres(ctx context.Context, p store.Place, d *ecrf.Dictionary, change *ecrf.SubjectChange) error {
	l, err := store.OpenPostgres(ctx, p, d)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // its connections may be gone
	run, err := l.Begin(ctx, ecrf.Run{})
	if err != nil {
		return err
	}
	done, err := l.Checkpoints(ctx, run)
	if err != nil {
		return err
	}
	for shard := range shards {
		batch := ecrf.Batch{Checkpoint: fmt.Sprintf("%03d", shard)}
		if slices.Contains(done, batch.Checkpoint) {
			continue
		}
		for i := range shardSubjects {
			next := *change
			next.Facts.Subject = ledgertest.Number(shard + i*shards)
			batch.Subjects = append(batch.Subjects, &next)
		}
		if err := l.Apply(ctx, run, batch); err != nil {
			return err
		}
	}
	return nil
}

// whole checks that each shard is there as a whole, with its checkpoint, or not at all.
func whole(t *testing.T, sv *server, p store.Place) {
	t.Helper()
	check(t, openPostgres(t, p, ledgertest.Dictionary(t)).Close()) // killed before it was made?
	var n struct{ Shards, Subjects, Cells, Instances int }
	check(t, sv.as(t, "ledgers", p).Get(&n, `SELECT (SELECT count(*) FROM checkpoint) AS shards, (SELECT count(*) FROM subject) AS subjects,
		(SELECT count(*) FROM cell) AS cells, (SELECT count(*) FROM instance) AS instances`))
	if n.Subjects != n.Shards*shardSubjects || n.Cells != 4*n.Subjects || n.Instances != n.Subjects {
		t.Fatalf("after a kill there are %+v", n)
	}
}
