package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/audit/audittest"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
)

// pair is a shard, an entry of the audit and a row of somebody else, stored together.
type pair struct {
	l   *store.Postgres
	s   *audittest.Study
	r   *audit.Recorder
	run ecrf.RunID
}

func newPair(t *testing.T, sv *server, p store.Place, s *audittest.Study) *pair {
	t.Helper()
	l := closed(t, openPostgres(t, p, ledgertest.Dictionary(t)))
	run, err := l.Begin(t.Context(), ecrf.Run{})
	check(t, err)
	return &pair{l, s, s.Recorder(t, l.Audit()), run}
}

func (p *pair) shard(t *testing.T, name string, number int) ecrf.Batch {
	t.Helper()
	book := ledgertest.Book{Sex: "1", Weight: "80.0"}.Casebook(t, ledgertest.Dictionary(t), newSubject(t, ledgertest.Number(number)))
	return ecrf.Batch{Subjects: []*ecrf.SubjectChange{ecrf.Reconcile(nil, book, "permitted", "", "d")}, Checkpoint: name}
}

// store stores a shard, says so in the audit and notes the job, all in one transaction; after runs at its end.
func (p *pair) store(ctx context.Context, batch ecrf.Batch, after func(context.Context) error) error {
	draft, err := p.r.Draft(audit.Event{Kind: audit.Inspected, Detail: audit.Inspection{Command: batch.Checkpoint}})
	if err != nil {
		return err
	}
	return p.l.Together(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := p.l.Apply(ctx, p.run, batch); err != nil {
			return err
		}
		if err := p.r.Append(ctx, draft); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO public.job (name) VALUES ($1)", batch.Checkpoint); err != nil {
			return err
		}
		return after(ctx)
	})
}

// stored counts subjects, entries of the audit, checkpoints and jobs.
func (p *pair) stored(t *testing.T, sv *server, place store.Place) (n [4]int) {
	t.Helper()
	db := sv.as(t, "ledgers", place)
	for i, table := range []string{"subject", "audit", "checkpoint", "public.job"} {
		check(t, db.Get(&n[i], "SELECT count(*) FROM "+table))
	}
	return n
}

func nothing(context.Context) error { return nil }

func TestAShardItsAuditAndItsJobStandTogetherOrNotAtAll(t *testing.T) {
	sv, s := newServer(t), audittest.NewStudy(t, 1)
	sv.SQL(t, "ledgers", "CREATE TABLE public.job (name text PRIMARY KEY)", "ALTER TABLE public.job OWNER TO ledgers")
	place := sv.place()
	p := newPair(t, sv, place, s)
	no := errors.New("no")
	for name, after := range map[string]func(context.Context) error{
		"an error":                func(context.Context) error { return no },
		"the end of a connection": func(context.Context) error { sv.SQL(t, "ledgers", endOfWriters); return nil },
		"a durable entry":         func(ctx context.Context) error { return p.r.Record(ctx, audit.Event{Kind: audit.Inspected}) },
		"an overwriting":          func(ctx context.Context) error { _, err := p.l.Forget(ctx, ledgertest.Number(1)); return err },
		"another transaction":     func(ctx context.Context) error { return p.l.Together(ctx, nil) },
		"a statement that fails": func(ctx context.Context) error {
			_ = p.l.NameWithdrawn(ctx, 1, "\xff") // even when nobody heeds it
			return nil
		},
	} {
		if err := p.store(t.Context(), p.shard(t, "001", 1), after); err == nil {
			t.Errorf("%s: it was stored", name)
		}
		if n := p.stored(t, sv, place); n != [4]int{} {
			t.Errorf("%s: subjects, entries, checkpoints and jobs are %v", name, n)
		}
	}
	check(t, p.store(t.Context(), p.shard(t, "001", 1), nothing))
	if n := p.stored(t, sv, place); n != [4]int{1, 1, 1, 1} {
		t.Errorf("subjects, entries, checkpoints and jobs are %v", n)
	}
	if err := p.store(t.Context(), p.shard(t, "001", 2), nothing); err == nil || p.stored(t, sv, place) != [4]int{1, 1, 1, 1} {
		t.Errorf("a job that was done before: %v, %v", err, p.stored(t, sv, place))
	}
	check(t, p.l.Apply(t.Context(), p.run, p.shard(t, "002", 2)))         // what failed left nothing behind
	check(t, p.r.Record(t.Context(), audit.Event{Kind: audit.Inspected})) // anchors
	if r := verified(t, s, p.l.Audit()); !r.Sound() || r.Entries != 2 {
		t.Errorf("%+v", r)
	}
}

// endOfWriters ends the connections that are in a transaction.
const endOfWriters = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND application_name = 'crflink ledger'"

// TestSeveralProcessesWriteOneLedger: each has a ledger of its own, as workers on different shards have; they add the same new words in another order,
// and one chain of entries.
func TestSeveralProcessesWriteOneLedger(t *testing.T) {
	sv, s := newServer(t), audittest.NewStudy(t, 1)
	sv.SQL(t, "ledgers", "CREATE TABLE public.job (name text PRIMARY KEY)", "ALTER TABLE public.job OWNER TO ledgers")
	place := sv.place()
	const processes, shards = 3, 12
	pairs := make([]*pair, processes)
	var group sync.WaitGroup
	for i := range pairs { // also they are opened at once: one makes the schema, and all get the same run
		group.Go(func() { pairs[i] = newPair(t, sv, place, s) })
	}
	group.Wait()
	for i, p := range pairs {
		if p == nil || p.run != pairs[0].run {
			t.Fatalf("process %d has run %+v", i, p)
		}
		group.Go(func() {
			for n := range shards {
				batch := p.shard(t, ledgertest.Number(1000+n*processes+i), n*processes+i)
				for j := range batch.Subjects[0].Cells {
					c := &batch.Subjects[0].Cells[j].Cell
					word := n
					if i%2 == 1 {
						word = shards - 1 - n
					}
					c.Provenance.Rule, c.Provenance.Path = ledgertest.Number(word), ledgertest.Number(word+j)
				}
				if err := p.store(t.Context(), batch, nothing); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	const all = processes * shards
	if n := pairs[0].stored(t, sv, place); n != [4]int{all, all, all, all} {
		t.Errorf("subjects, entries, checkpoints and jobs are %v, want %d each", n, all)
	}
	check(t, pairs[0].r.Record(t.Context(), audit.Event{Kind: audit.Inspected})) // anchors
	if r := verified(t, s, pairs[0].l.Audit()); !r.Sound() || r.Entries != all+1 {
		t.Errorf("%+v", r)
	}
	var dumps [processes]strings.Builder // a process also reads words that others have added
	for i, p := range pairs {
		check(t, ecrf.Dump(t.Context(), &dumps[i], p.l))
	}
	if want := dumps[0].String(); strings.Count(want, "S0000") < all || dumps[1].String() != want || dumps[2].String() != want {
		t.Error("the processes read different ledgers")
	}
}

func TestOneRunHasALedger(t *testing.T) {
	sv, d := newServer(t), ledgertest.Dictionary(t)
	place, other := sv.place(), sv.place()
	first, second := openPostgres(t, place, d), closed(t, openPostgres(t, place, d))
	check(t, first.HoldRun(t.Context()))
	if err := second.HoldRun(t.Context()); !errors.Is(err, store.ErrRunUnderWay) {
		t.Errorf("a second run: %v", err)
	}
	check(t, closed(t, openPostgres(t, other, d)).HoldRun(t.Context())) // another study in the same database
	if _, err := second.Begin(t.Context(), ecrf.Run{}); err != nil {
		t.Errorf("a worker on a shard of the run: %v", err)
	}
	check(t, first.Close())
	check(t, second.HoldRun(t.Context()))
}
