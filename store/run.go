package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/ecrf"
)

type runRow struct {
	ID       int64
	AsOf     string `db:"as_of"`
	Inputs   string
	Finished bool
	Counts   string
}

const runColumns = "SELECT id, as_of, inputs, finished, counts FROM run ORDER BY id DESC"

// Begin opens a run, or resumes the newest one when that has the same key and was not finished.
func (l *Ledger) Begin(ctx context.Context, run ecrf.Run) (ecrf.RunID, error) {
	inputs, err := json.Marshal(run.Inputs) // sorts the names
	if err != nil {
		return 0, err
	}
	want := runRow{AsOf: run.AsOf.UTC().Format(time.RFC3339Nano), Inputs: string(inputs)}
	var id int64
	err = l.change(ctx, &l.full, func(t *transaction) error {
		if err := l.dialect.alone(t, "run"); err != nil {
			return err
		}
		var newest runRow
		err := t.one(&newest, runColumns+" LIMIT 1")
		if err == nil && !newest.Finished && newest.AsOf == want.AsOf && newest.Inputs == want.Inputs {
			id = newest.ID
			return nil
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return t.one(&id, "INSERT INTO run (as_of, inputs) VALUES (?, ?) RETURNING id", want.AsOf, want.Inputs)
	})
	if err != nil {
		return 0, fmt.Errorf("begin a run: %w", err)
	}
	return ecrf.RunID(id), nil
}

// Checkpoints returns the shards that the run has finished.
func (l *Ledger) Checkpoints(ctx context.Context, run ecrf.RunID) ([]string, error) {
	var shards []string
	if err := l.read.SelectContext(ctx, &shards, l.bind("SELECT shard FROM checkpoint WHERE run = ? ORDER BY shard"), int64(run)); err != nil {
		return nil, fmt.Errorf("read the checkpoints: %w", err)
	}
	return shards, nil
}

// Finish closes the run with its counts.
func (l *Ledger) Finish(ctx context.Context, run ecrf.RunID, counts map[string]int64) error {
	text, err := json.Marshal(counts)
	if err != nil {
		return err
	}
	err = l.change(ctx, &l.full, func(t *transaction) error {
		result, err := t.run("UPDATE run SET finished = 1, counts = ? WHERE id = ?", string(text), int64(run))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errors.New("the ledger has no such run"), err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("finish the run: %w", err)
	}
	return nil
}

// Runs returns the runs, newest first.
func (l *Ledger) Runs(ctx context.Context) ([]ecrf.RunRecord, error) {
	var rows []runRow
	if err := l.read.SelectContext(ctx, &rows, runColumns); err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	records := make([]ecrf.RunRecord, len(rows))
	for i, r := range rows {
		at, err := time.Parse(time.RFC3339Nano, r.AsOf)
		rec := ecrf.RunRecord{ID: ecrf.RunID(r.ID), Run: ecrf.Run{AsOf: at}, Finished: r.Finished}
		err = errors.Join(err, json.Unmarshal([]byte(r.Inputs), &rec.Run.Inputs), json.Unmarshal([]byte(r.Counts), &rec.Counts))
		if err != nil {
			return nil, fmt.Errorf("read run %d: %w", r.ID, err)
		}
		records[i] = rec
	}
	return records, nil
}
