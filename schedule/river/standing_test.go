package river

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

func (y *yard) does(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := y.pool.Exec(t.Context(), statement, args...)
	fine(t, err)
}

// gives has a leader give shards out.
func (y *yard) gives(t *testing.T, names ...string) *lead {
	t.Helper()
	l := &lead{Station: y.Station, at: atWork{run: int64(y.run)}}
	fine(t, y.pool.QueryRow(t.Context(), `INSERT INTO shard_run (run, epoch, terms) VALUES ($1, 1, '')
		ON CONFLICT (run) DO UPDATE SET epoch = shard_run.epoch + 1 RETURNING epoch`, l.at.run).Scan(&l.at.epoch))
	for _, name := range names {
		fine(t, l.offer(t.Context(), pipeline.Piece{Name: name, Sealed: []byte("sealed")}))
	}
	return l
}

func TestTheStandingOfARunCountsItsShards(t *testing.T) {
	y := newYard(t)
	stands := func(want Standing) {
		t.Helper()
		got, err := y.Standing(t.Context())
		fine(t, err)
		if waits := got.Oldest > 0; waits != (want.Oldest > 0) {
			t.Errorf("the oldest waits %s", got.Oldest)
		}
		if got.Oldest = want.Oldest; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	stands(Standing{})
	fine(t, y.present(t.Context()))
	fine(t, y.present(t.Context()))
	y.does(t, "INSERT INTO shard_process (id, seen) VALUES ('another', now()), ('gone', now() - interval '10 minutes')")
	stands(Standing{Workers: 2})
	y.does(t, "INSERT INTO shard_call (nth, ahead) VALUES (1, 30)")
	l := y.gives(t, "1/5", "2/5", "3/5", "4/5", "5/5")
	stands(Standing{Waiting: 35, Workers: 2, Oldest: 1})
	y.does(t, "UPDATE river_job SET state = 'running', attempted_at = now() WHERE args->>'shard' IN ('2/5', '3/5')")
	y.does(t, "UPDATE shard_offer SET harvest = 'sealed' WHERE shard = '4/5'")
	y.does(t, "UPDATE shard_offer SET closed = TRUE WHERE shard = '5/5'")
	stands(Standing{Waiting: 31, Running: 2, Done: 1, GivenUp: 1, Workers: 2, Oldest: 1})
	y.does(t, "UPDATE shard_call SET ahead = 0")
	fine(t, l.end(t.Context(), nil))
	fine(t, y.leave(t.Context()))
	stands(Standing{Workers: 1})
}

func TestALeaderWhomAnotherHasSucceededGivesNothingOut(t *testing.T) {
	y := newYard(t)
	old := y.gives(t, "1/2", "2/2+1")
	y.does(t, "UPDATE shard_offer SET harvest = 'of the old one'")
	y.gives(t, "1/2", "2/2")
	if err := old.offer(t.Context(), pipeline.Piece{Name: "1/2", Sealed: []byte("stale")}); !errors.Is(err, errSucceeded) {
		t.Error(err)
	}
	var void int
	fine(t, y.pool.QueryRow(t.Context(), "SELECT count(*) FROM shard_offer WHERE piece <> 'stale' AND harvest IS NULL AND closed = (shard = '2/2+1')").Scan(&void))
	if void != 3 {
		t.Errorf("%d shards are as the new leader wants them", void)
	}
}

func TestAShardThatWasGivenOutIsNotGivenOutAgain(t *testing.T) {
	y := newYard(t)
	l := y.gives(t, "1/1")
	y.does(t, "UPDATE shard_offer SET harvest = 'stored'")
	fine(t, l.offer(t.Context(), pipeline.Piece{Name: "1/1", Sealed: []byte("again")})) // whose first answer was lost
	var stored, jobs int
	fine(t, y.pool.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE harvest = 'stored'), (SELECT count(*) FROM river_job) FROM shard_offer").Scan(&stored, &jobs))
	if stored != 1 || jobs != 1 {
		t.Errorf("%d are stored, and there are %d jobs", stored, jobs)
	}
}

// portable is a study whose shards others may compute.
var portable = &pipeline.Study{Sources: []pipeline.SourceSpec{{URL: "http://hospital.example/fhir"}}, Policy: consent.BuiltIn()}

// ward is a source that yields nobody, once it may.
type ward struct {
	fhir.Source
	may  chan struct{}
	read chan struct{}
}

func (w *ward) Subjects(ctx context.Context, _ func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		close(w.read)
		select {
		case <-w.may:
		case <-ctx.Done():
			yield(nil, ctx.Err())
		}
	}
}

func TestAWorkerReadsTheFactsWhileTheLeaderDecides(t *testing.T) {
	y := newYard(t)
	far := &Station{options: y.options, pool: y.pool, heard: -1, bench: map[atWork]*bench{}}
	far.options.Log = slog.New(slog.DiscardHandler)
	var source *ward
	closed := 0
	far.options.Open = func(context.Context) (Guest, error) {
		return Guest{Parts: pipeline.Parts{Source: source}, Close: func() error { closed++; return nil }}, nil
	}
	call := func() int64 {
		source = &ward{may: make(chan struct{}), read: make(chan struct{})}
		workshop{y.Station}.Call(t.Context(), portable)
		far.listen(t.Context())
		return y.called
	}
	workshop{y.Station}.Call(t.Context(), portable)
	far.listen(t.Context())
	if far.ahead != nil {
		t.Error("a run was prepared for that had begun before")
	}
	unused := call()
	<-source.read
	y.listen(t.Context())
	if y.ahead != nil {
		t.Error("the leader prepares for its own run")
	}
	nth := call() // the run before came to nothing
	<-source.read
	if closed != 1 || far.prepared(t.Context(), unused) != nil {
		t.Errorf("what was prepared for the run before was closed %d times", closed)
	}
	close(source.may)
	a := far.prepared(t.Context(), nth)
	if a == nil || a.facts == nil {
		t.Fatal("nothing was prepared")
	}
	if far.prepared(t.Context(), nth) != nil {
		t.Error("it is used twice")
	}
	fine(t, a.guest.Close())
	call()
	<-source.read
	far.ahead.since = time.Now().Add(-2 * preparedAt)
	far.listen(t.Context())
	if far.ahead != nil || closed != 3 {
		t.Errorf("what nobody asks for is kept, %d were closed", closed)
	}
}
