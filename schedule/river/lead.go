package river

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"

	"github.com/crflink/crflink/pipeline"
)

const giveBackTimeout = 5 * time.Second

// Lead returns the workshop of the process that leads a run. The process works off shards itself, as one of many.
func (s *Station) Lead() pipeline.Workshop { return workshop{s} }

type workshop struct{ *Station }

// Work gives the shards out and takes up what they came to.
func (w workshop) Work(ctx context.Context, order *pipeline.Order) error {
	ledger, ok := order.Parts().Ledger.(Together)
	why := order.Parts().Study.Portable()
	if !ok {
		why = errors.New("the study's ledger is not in PostgreSQL")
	}
	if why != nil {
		w.options.Log.Warn("the shards of this run are computed in this process alone", "study", order.Parts().Study.ID, "because", why.Error())
		return order.Compute(ctx)
	}
	if err := order.AtHome().Compute(ctx); err != nil {
		return err
	}
	l := &lead{Station: w.Station, order: order, taken: map[string]bool{}}
	if err := l.begin(ctx); err != nil {
		return err
	}
	defer w.lead(l.at, order.Bench(), ledger)()
	err := l.work(ctx)
	return errors.Join(err, l.end(context.WithoutCancel(ctx), err))
}

// lead is a run that this process leads.
type lead struct {
	*Station
	order *pipeline.Order
	at    atWork
	next  *pipeline.Piece // to be offered; nil when none is known to be
	out   int             // shards that are given out and not taken up
	all   bool            // nothing is to be given out
	taken map[string]bool
	ahead int       // shards that are not given out, as the others know
	gone  time.Time // since when the database does not answer
}

// begin makes this process the newest leader of the run: what an earlier one has given out is void from now on.
func (l *lead) begin(ctx context.Context) error {
	terms, err := l.order.Terms()
	if err != nil {
		return err
	}
	l.at.run = int64(l.order.Run())
	l.mu.Lock()
	call := l.called
	l.mu.Unlock()
	return told(pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM shard_run WHERE run <> $1", l.at.run); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `INSERT INTO shard_run (run, epoch, terms, call) VALUES ($1, 1, $2, $3)
			ON CONFLICT (run) DO UPDATE SET epoch = shard_run.epoch + 1, terms = excluded.terms, call = excluded.call RETURNING epoch`, l.at.run, terms, call).Scan(&l.at.epoch)
		if err != nil {
			return err
		}
		if err := l.inherit(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE shard_offer o SET closed = TRUE, piece = '', lost = lost + "+wordless+" WHERE run = $1 AND harvest IS NULL AND NOT closed", l.at.run)
		return err
	}))
}

// whole is the shard whose rest, or the rest of whose rest, a shard is.
const whole = "split_part(shard, '+', 1)"

// inherit takes up what shards came to that were finished under an earlier leader, with all their parts.
func (l *lead) inherit(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT shard, harvest FROM shard_offer WHERE run = $1 AND harvest IS NOT NULL AND "+whole+" = ANY ($2)", l.at.run, l.order.Finished())
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
	if err != nil {
		return err
	}
	for _, f := range found {
		if err := l.order.Inherit(f.Shard, f.Harvest); err != nil {
			return err
		}
	}
	return nil
}

type stored struct {
	Shard   string
	Harvest []byte
}

// work gives out, takes up and looks after the shards until all are done.
func (l *lead) work(ctx context.Context) error {
	every := time.NewTicker(l.options.Poll)
	defer every.Stop()
	for {
		err := l.turn(ctx)
		switch {
		case err != nil && !l.bears(ctx, err):
			return err
		case err == nil && l.all && l.out == 0:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}

func (l *lead) turn(ctx context.Context) error {
	for _, step := range []func(context.Context) error{l.hold, l.give, l.gather, l.rescue} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	l.gone = time.Time{}
	return nil
}

// databaseError is a failure that may pass.
type databaseError struct{ error }

func (e databaseError) Unwrap() error { return e.error }

// bears reports whether the leader waits for the database to come back. What was given out goes on meanwhile, or is given out again.
func (l *lead) bears(ctx context.Context, err error) bool {
	var db databaseError
	if ctx.Err() != nil || !errors.As(err, &db) {
		return false
	}
	now := time.Now()
	if l.gone.IsZero() {
		l.gone = now
		l.options.Log.Warn("the database does not answer; the run waits for it", "run", l.at.run, "error", err.Error())
	}
	return now.Sub(l.gone) < l.options.Patience
}

// passingClasses are those of PostgreSQL's errors that say nothing of the statement: connections, conflicts, resources, the operator.
var passingClasses = []string{"08", "40", "53", "57"}

func passing(err error) error {
	var answered *pgconn.PgError
	if err == nil || errors.As(err, &answered) && !slices.Contains(passingClasses, answered.Code[:2]) {
		return told(err)
	}
	return databaseError{told(err)}
}

// holder is a ledger that keeps other runs of the study away.
type holder interface{ HoldRun(context.Context) error }

// hold takes the run again after the database has let go of it.
func (l *lead) hold(ctx context.Context) error {
	h, ok := l.order.Parts().Ledger.(holder)
	if !ok || l.gone.IsZero() {
		return nil
	}
	return passing(h.HoldRun(ctx))
}

// shardsAhead is how many shards are given out beyond those that are done: enough for many processes, few enough for a budget.
const shardsAhead = 64

// give gives shards out. One whose offer the database did not take is offered again.
func (l *lead) give(ctx context.Context) error {
	for l.out < shardsAhead && (l.next != nil || !l.all) {
		if l.next == nil {
			p, ok, err := l.order.Begin()
			if err != nil {
				return err
			}
			if !ok {
				l.all = true
				break
			}
			l.next = &p
		}
		if err := l.offer(ctx, *l.next); err != nil {
			return err
		}
		l.next = nil
	}
	if n := l.order.Waiting(); n != l.ahead {
		if _, err := l.pool.Exec(ctx, "UPDATE shard_call SET ahead = $1", n); err != nil {
			return passing(err)
		}
		l.ahead = n
	}
	return nil
}

// errSucceeded ends a run that another process has taken over.
var errSucceeded = errors.New("another process leads the run now")

// offer makes a shard's row with its job, unless it has been. What parts of it came to under an earlier leader is void. One that was tried
// too often under earlier leaders is given up at once.
func (l *lead) offer(ctx context.Context, p pipeline.Piece) error {
	var lost int
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		var epoch int64
		err := tx.QueryRow(ctx, "SELECT epoch FROM shard_run WHERE run = $1 FOR SHARE", l.at.run).Scan(&epoch)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && epoch != l.at.epoch {
			return errSucceeded
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE shard_offer SET harvest = NULL, closed = TRUE WHERE run = $1 AND epoch < $2 AND "+whole+" = $3 AND shard <> $3", l.at.run, l.at.epoch, p.Name); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `INSERT INTO shard_offer (run, shard, epoch, piece) VALUES ($1, $2, $3, $4)
			ON CONFLICT (run, shard) DO UPDATE SET epoch = excluded.epoch, piece = excluded.piece, harvest = NULL, closed = FALSE, beat = NULL, taken = FALSE, offered = now()
			WHERE shard_offer.epoch < excluded.epoch RETURNING lost`, l.at.run, p.Name, l.at.epoch, p.Sealed).Scan(&lost)
		if errors.Is(err, pgx.ErrNoRows) { // the database took it, and did not come to say so
			return nil
		}
		if err != nil || lost >= l.options.Attempts {
			return err
		}
		return l.insert(ctx, tx, p.Name)
	})
	switch {
	case errors.Is(err, errSucceeded):
		return told(err)
	case err != nil:
		return passing(err)
	case lost >= l.options.Attempts:
		return l.isolate(ctx, p.Name)
	}
	l.out++
	return nil
}

// insert inserts a job for a shard.
func (l *lead) insert(ctx context.Context, tx pgx.Tx, shard string) error {
	inserted, err := l.client.InsertTx(ctx, tx, shardArgs{l.at.run, l.at.epoch, shard}, nil)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE shard_offer SET job = $3 WHERE run = $1 AND shard = $2", l.at.run, shard, inserted.Job.ID)
	return err
}

// gather takes up what is stored. That a shard is taken is written down behind that, so that it is not asked for again.
func (l *lead) gather(ctx context.Context) error {
	rows, err := l.pool.Query(ctx, "SELECT shard, harvest FROM shard_offer WHERE run = $1 AND epoch = $2 AND harvest IS NOT NULL AND NOT taken", l.at.run, l.at.epoch)
	if err != nil {
		return passing(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
	if err != nil || len(found) == 0 {
		return passing(err)
	}
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = f.Shard
		if l.taken[f.Shard] {
			continue
		}
		if err := l.order.Take(f.Shard, f.Harvest); err != nil {
			return err
		}
		l.taken[f.Shard] = true
		l.out--
		l.all = false // a rest of it is given out
	}
	_, err = l.pool.Exec(ctx, "UPDATE shard_offer SET taken = TRUE WHERE run = $1 AND epoch = $2 AND shard = ANY ($3)", l.at.run, l.at.epoch, names)
	return passing(err)
}

// wordless is 1 where the newest attempt has begun and said nothing of its end.
const wordless = "CASE WHEN o.attempt > o.failed + o.lost THEN 1 ELSE 0 END"

// silent are the shards that nobody works at any more: their attempt says nothing, or their job is over and they are not done.
const silent = `SELECT o.shard, o.failed, o.lost + ` + wordless + ` AS lost, o.reason FROM shard_offer o LEFT JOIN river_job j ON j.id = o.job
	WHERE o.run = $1 AND o.epoch = $2 AND o.harvest IS NULL AND NOT o.closed AND (
		j.id IS NULL OR j.state IN ('completed', 'cancelled', 'discarded')
		OR j.state = 'running' AND greatest(j.attempted_at, o.beat) < now() - $3 * interval '1 microsecond')`

type silence struct {
	Shard        string
	Failed, Lost int
	Reason       string
}

// rescue gives such shards to somebody else, or gives them up.
func (l *lead) rescue(ctx context.Context) error {
	rows, err := l.pool.Query(ctx, silent, l.at.run, l.at.epoch, l.options.Silence.Microseconds())
	if err != nil {
		return passing(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[silence])
	if err != nil {
		return passing(err)
	}
	for _, f := range found {
		switch {
		case f.Failed >= l.options.Attempts:
			return fmt.Errorf("shard %s: %s", f.Shard, f.Reason)
		case f.Lost >= l.options.Attempts:
			err = l.giveUp(ctx, f.Shard)
		default:
			l.options.Log.Warn("nobody works at a shard any more; it is given out again", "run", l.at.run, "shard", f.Shard, "lost", f.Lost, "failed", f.Failed)
			err = passing(l.again(ctx, f))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// again gives a shard to whoever comes. The job that it had before is void.
func (l *lead) again(ctx context.Context, f silence) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE shard_offer SET lost = $3 WHERE run = $1 AND shard = $2", l.at.run, f.Shard, f.Lost); err != nil {
			return err
		}
		return l.insert(ctx, tx, f.Shard)
	})
}

func (l *lead) giveUp(ctx context.Context, shard string) error {
	if err := l.isolate(ctx, shard); err != nil {
		return err
	}
	l.out--
	return nil
}

// isolate closes a shard that ended every process that tried it. The others are delivered without it.
func (l *lead) isolate(ctx context.Context, shard string) error {
	t, err := l.pool.Exec(ctx, "UPDATE shard_offer SET closed = TRUE, piece = '' WHERE run = $1 AND epoch = $2 AND shard = $3 AND harvest IS NULL AND NOT closed", l.at.run, l.at.epoch, shard)
	if err != nil || t.RowsAffected() == 0 { // it came at the last moment
		return passing(err)
	}
	l.order.Isolate(shard, fmt.Sprintf("shard %s was given up: %d attempts ended without a word, and may have ended their processes", shard, l.options.Attempts))
	l.lost.Add(1)
	l.options.Log.Error("a shard is given up", "run", l.at.run, "shard", shard)
	return nil
}

// end forgets the run's shards; those of one that stopped are void, and what they came to is kept for the next leader.
func (l *lead) end(ctx context.Context, stopped error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var err error
	if stopped == nil {
		_, err = l.pool.Exec(ctx, "DELETE FROM shard_run WHERE run = $1 AND epoch = $2", l.at.run, l.at.epoch)
	} else {
		_, err = l.pool.Exec(ctx, "UPDATE shard_run SET epoch = epoch + 1 WHERE run = $1 AND epoch = $2", l.at.run, l.at.epoch)
	}
	return told(err)
}

// sweep closes studies that were opened for runs that are over.
func (s *Station) sweep(ctx context.Context) {
	s.mu.Lock()
	old := map[atWork]*bench{}
	for at, b := range s.bench {
		select {
		case <-b.ready:
			old[at] = b
		default:
		}
	}
	s.mu.Unlock()
	for at, b := range old {
		if _, _, err := s.terms(ctx, at); errors.Is(err, errOver) {
			s.forget(at, b)
		}
	}
}

var _ river.JobArgs = shardArgs{}
