package book

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/store/database"
)

// Planned returns until when the nights of a job are entered.
func (b *Book) Planned(ctx context.Context, job string) (until time.Time, known bool, err error) {
	var micros int64
	err = b.db.GetContext(ctx, &micros, b.db.Rebind("SELECT planned FROM job WHERE name = ? AND planned <> 0"), job)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("the book of runs: %w", err)
	}
	return moment(micros), true, nil
}

const insert = `INSERT INTO run (job, nominal, asked, actor, due, begins, state, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job, nominal) DO NOTHING`

func values(r schedule.Run) []any {
	asked := int64(0)
	if r.Asked {
		asked = 1
	}
	return []any{r.Job, r.Nominal, asked, r.By, micro(r.Due), micro(r.Begin), string(r.State), int64(r.Attempt)}
}

// Enter enters nights.
func (b *Book) Enter(ctx context.Context, job string, until time.Time, nights []schedule.Run) (added int, err error) {
	err = b.change(ctx, func(tx *sqlx.Tx) error {
		added = 0
		for _, n := range nights {
			new, err := exec(ctx, tx, insert, values(n)...)
			if err != nil {
				return err
			}
			added += new
		}
		_, err := exec(ctx, tx, "INSERT INTO job (name, planned) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET planned = excluded.planned", job, micro(until))
		return err
	})
	return added, err
}

// Ask enters a run that a person asked for.
func (b *Book) Ask(ctx context.Context, r schedule.Run) (schedule.Run, error) {
	err := b.change(ctx, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &r.ID, tx.Rebind(insert+" RETURNING id"), values(r)...)
	})
	return r, err
}

// Waiting returns the runs that wait, the earliest first.
func (b *Book) Waiting(ctx context.Context) ([]schedule.Run, error) {
	return b.rows(ctx, "SELECT "+columns+" FROM run WHERE state = ? ORDER BY due, id", string(schedule.Waiting))
}

// Shared reports whether several processes may run the book's nights.
func (b *Book) Shared() bool { return database.IsPostgres(b.db) }

// clock is the time by which processes tell whether another one is still there: the database's where there are several.
func (b *Book) clock(ctx context.Context, tx *sqlx.Tx) (micros int64, err error) {
	if !b.Shared() {
		return 0, nil
	}
	err = tx.GetContext(ctx, &micros, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")
	return micros, err
}

// Start turns a waiting run into a running one. The row of its job keeps two of them from beginning at once.
func (b *Book) Start(ctx context.Context, id int64, covers []int64, now time.Time) (ok bool, err error) {
	err = b.change(ctx, func(tx *sqlx.Tx) error {
		if _, err := exec(ctx, tx, "UPDATE job SET planned = planned WHERE name = (SELECT job FROM run WHERE id = ?)", id); err != nil {
			return err
		}
		beat, err := b.clock(ctx, tx)
		if err != nil {
			return err
		}
		n, err := exec(ctx, tx, `UPDATE run SET state = ?, started = ?, holder = ?, beat = ? WHERE id = ? AND state = ?
			AND NOT EXISTS (SELECT 1 FROM run AS other WHERE other.job = run.job AND other.state = ?)`,
			string(schedule.Running), micro(now), b.holder, beat, id, string(schedule.Waiting), string(schedule.Running))
		if ok = n == 1; err != nil || !ok {
			return err
		}
		for _, c := range covers {
			_, err := exec(ctx, tx, "UPDATE run SET state = ?, covered = ?, ended = ? WHERE id = ? AND state = ?", string(schedule.Covered), id, micro(now), c, string(schedule.Waiting))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ok, err
}

// End says how a running run ended.
func (b *Book) End(ctx context.Context, id int64, r schedule.Result, now time.Time) error {
	begins, attempts := int64(0), 0
	if r.State == schedule.Waiting {
		begins, attempts = micro(now.Add(r.Again)), 1
	}
	return b.change(ctx, func(tx *sqlx.Tx) error {
		_, err := exec(ctx, tx, `UPDATE run SET state = ?, code = ?, note = ?, report = coalesce(?, report), ended = ?, attempt = attempt + ?,
			begins = coalesce(nullif(CAST(? AS BIGINT), 0), begins), actor = coalesce(nullif(?, ''), actor) WHERE id = ? AND state = ? AND holder = ?`,
			string(r.State), int64(r.Exit), r.Note, r.Report, micro(now), attempts, begins, r.By, id, string(schedule.Running), b.holder)
		return err
	})
}

// Cancel closes a run that waits.
func (b *Book) Cancel(ctx context.Context, id int64, by string, now time.Time) (ok bool, err error) {
	err = b.change(ctx, func(tx *sqlx.Tx) error {
		n, err := exec(ctx, tx, "UPDATE run SET state = ?, actor = ?, ended = ? WHERE id = ? AND state = ?", string(schedule.Cancelled), by, micro(now), id, string(schedule.Waiting))
		ok = n == 1
		return err
	})
	return ok, err
}

// Beat says that this process is at its runs, and returns those that it has.
func (b *Book) Beat(ctx context.Context) (mine []int64, err error) {
	err = b.change(ctx, func(tx *sqlx.Tx) error {
		beat, err := b.clock(ctx, tx)
		if err != nil {
			return err
		}
		return tx.SelectContext(ctx, &mine, tx.Rebind("UPDATE run SET beat = ? WHERE state = ? AND holder = ? RETURNING id"), beat, string(schedule.Running), b.holder)
	})
	return mine, err
}

// Resume turns the runs of processes that are not there any more into waiting ones.
func (b *Book) Resume(ctx context.Context, silent time.Duration) (n int, err error) {
	err = b.change(ctx, func(tx *sqlx.Tx) error {
		now, err := b.clock(ctx, tx)
		if err != nil {
			return err
		}
		since := now - silent.Microseconds()
		if !b.Shared() {
			since = now // whoever had them is gone: the file has one program at a time
		}
		n, err = exec(ctx, tx, "UPDATE run SET state = ?, attempt = attempt + 1 WHERE state = ? AND beat <= ?", string(schedule.Waiting), string(schedule.Running), since)
		return err
	})
	return n, err
}

// Pauses returns the jobs whose nights are kept waiting.
func (b *Book) Pauses(ctx context.Context) (map[string]schedule.Pause, error) {
	var rows []struct {
		Name  string
		Since int64  `db:"pause_since"`
		By    string `db:"pause_by"`
	}
	if err := b.db.SelectContext(ctx, &rows, "SELECT name, pause_since, pause_by FROM job WHERE pause_since <> 0"); err != nil {
		return nil, fmt.Errorf("the book of runs: %w", err)
	}
	all := map[string]schedule.Pause{}
	for _, r := range rows {
		all[r.Name] = schedule.Pause{Since: moment(r.Since), By: r.By}
	}
	return all, nil
}

// SetPause pauses a job, or lets it go on.
func (b *Book) SetPause(ctx context.Context, job string, p *schedule.Pause) error {
	if p == nil {
		p = &schedule.Pause{}
	}
	return b.change(ctx, func(tx *sqlx.Tx) error {
		_, err := exec(ctx, tx, `INSERT INTO job (name, pause_since, pause_by) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET pause_since = excluded.pause_since, pause_by = excluded.pause_by`, job, micro(p.Since), p.By)
		return err
	})
}

// Runs returns the newest runs first.
func (b *Book) Runs(ctx context.Context, job string, limit int) ([]schedule.Run, error) {
	return b.rows(ctx, "SELECT "+columns+" FROM run WHERE ? = '' OR job = ? ORDER BY due DESC, id DESC LIMIT ?", job, job, limit)
}

// Report returns the report of a run.
func (b *Book) Report(ctx context.Context, id int64) (report []byte, err error) {
	err = b.db.GetContext(ctx, &report, b.db.Rebind("SELECT report FROM run WHERE id = ?"), id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, schedule.ErrUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("the book of runs: %w", err)
	}
	return report, nil
}

// Prune forgets all but the newest runs of a job that are over.
func (b *Book) Prune(ctx context.Context, job string, keep int) error {
	return b.change(ctx, func(tx *sqlx.Tx) error {
		_, err := exec(ctx, tx, `DELETE FROM run WHERE job = ? AND state NOT IN ('waiting', 'running') AND id NOT IN
			(SELECT id FROM run WHERE job = ? AND state NOT IN ('waiting', 'running') ORDER BY due DESC, id DESC LIMIT ?)`, job, job, keep)
		return err
	})
}
