package river

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
)

// yard is a station, and the ledger in whose schema it is.
type yard struct {
	*Station
	ledger *store.Postgres
	run    ecrf.RunID
}

func newYard(t *testing.T) *yard {
	t.Helper()
	cluster := shared.Postgres(t)
	place := store.Place{Schema: "ledger"}
	place.URL, place.Password = cluster.Database(t, "study"), cluster.Password
	l, err := store.OpenPostgres(t.Context(), place, ledgertest.Dictionary(t))
	fine(t, err)
	t.Cleanup(func() { fine(t, l.Close()) })
	study := &pipeline.Study{Sources: []pipeline.SourceSpec{{URL: "http://hospital.example/fhir"}}}
	s, err := Open(t.Context(), place, study, Options{AtOnce: 2, AtSource: 3, Log: slog.New(slog.DiscardHandler)})
	fine(t, err)
	t.Cleanup(func() { fine(t, s.Close()) })
	run, err := l.Begin(t.Context(), ecrf.Run{})
	fine(t, err)
	return &yard{s, l, run}
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// offers makes a leader's offer of one shard and returns its arguments.
func (y *yard) offers(t *testing.T) shardArgs {
	t.Helper()
	args := shardArgs{Run: int64(y.run), Shard: "1/1"}
	fine(t, y.pool.QueryRow(t.Context(), `INSERT INTO shard_run (run, epoch, terms) VALUES ($1, 1, '')
		ON CONFLICT (run) DO UPDATE SET epoch = shard_run.epoch + 1 RETURNING epoch`, args.Run).Scan(&args.Epoch))
	_, err := y.pool.Exec(t.Context(), `INSERT INTO shard_offer (run, shard, epoch, job, piece) VALUES ($1, $2, $3, 7, 'sealed')
		ON CONFLICT (run, shard) DO UPDATE SET epoch = excluded.epoch`, args.Run, args.Shard, args.Epoch)
	fine(t, err)
	return args
}

func (y *yard) begins(t *testing.T, args shardArgs) *offer {
	t.Helper()
	o, err := y.take(t.Context(), args, 7)
	fine(t, err)
	return o
}

// stores stores what an attempt came to; between the fence and the end of the transaction it writes the checkpoint.
func (y *yard) stores(ctx context.Context, o *offer) error {
	return y.ledger.Together(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := y.ledger.Apply(ctx, y.run, ecrf.Batch{Checkpoint: o.Shard}); err != nil {
			return err
		}
		return y.fence(ctx, tx, o, []byte("harvest"))
	})
}

func (y *yard) checkpoints(t *testing.T) int {
	t.Helper()
	names, err := y.ledger.Checkpoints(t.Context(), y.run)
	fine(t, err)
	return len(names)
}

func TestAnAttemptThatComesTooLateStoresNothing(t *testing.T) {
	y := newYard(t)
	args := y.offers(t)
	late := y.begins(t, args)
	asleep, awake := make(chan struct{}), make(chan struct{})
	result := make(chan error)
	go func() {
		close(asleep)
		<-awake
		result <- y.stores(t.Context(), late)
	}()
	<-asleep
	newer := y.begins(t, args)
	if err := y.beatOnce(t.Context(), late); !errors.Is(err, errFenced) {
		t.Errorf("the older attempt is still at work: %v", err)
	}
	close(awake)
	if err := <-result; !errors.Is(err, errFenced) || y.checkpoints(t) != 0 {
		t.Fatalf("%v, and %d shards are stored", err, y.checkpoints(t))
	}
	fine(t, y.beatOnce(t.Context(), newer))
	fine(t, y.stores(t.Context(), newer))
	if y.checkpoints(t) != 1 {
		t.Error("the newer attempt has stored nothing")
	}
	if err := y.stores(t.Context(), newer); !errors.Is(err, errFenced) {
		t.Errorf("it was stored twice: %v", err)
	}
	if _, err := y.take(t.Context(), args, 7); !errors.Is(err, errOver) {
		t.Errorf("a shard that is stored was begun again: %v", err)
	}
}

func TestWhatAnOlderLeaderGaveOutIsVoid(t *testing.T) {
	y := newYard(t)
	old := y.offers(t)
	late := y.begins(t, old)
	now := y.offers(t)
	if err := y.stores(t.Context(), late); !errors.Is(err, errFenced) || y.checkpoints(t) != 0 {
		t.Errorf("%v, and %d shards are stored", err, y.checkpoints(t))
	}
	if _, err := y.take(t.Context(), old, 7); !errors.Is(err, errOver) {
		t.Error(err)
	}
	if _, err := y.take(t.Context(), now, 8); !errors.Is(err, errOver) {
		t.Errorf("a job was let in whose place another has taken: %v", err)
	}
	fine(t, y.stores(t.Context(), y.begins(t, now)))
}

func TestASourceIsAskedForNoMoreThanItsSlots(t *testing.T) {
	y := newYard(t)
	var held []*slot
	for range y.options.AtSource {
		s, err := y.takeSlot(t.Context())
		if err != nil || s == nil {
			t.Fatal(s, err)
		}
		held = append(held, s)
	}
	if s, err := y.takeSlot(t.Context()); s != nil || err != nil {
		t.Fatal("there is one slot too many", err)
	}
	held[1].giveBack()
	s, err := y.takeSlot(t.Context())
	if s == nil || err != nil {
		t.Fatal("a slot that was given back is not free", err)
	}
	_ = held[0].conn.Conn().Close(t.Context()) // as when its process dies
	held[0].conn.Release()
	again, err := y.takeSlot(t.Context())
	for again == nil && err == nil { // until the database has seen that it is gone
		again, err = y.takeSlot(t.Context())
	}
	fine(t, err)
	for _, s := range []*slot{s, again, held[2]} {
		s.giveBack()
	}
}
