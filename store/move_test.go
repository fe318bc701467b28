package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/audit/audittest"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
)

// lived is a ledger in SQLite of which every table has rows, the study whose audit it holds, and its path.
func lived(t *testing.T) (*store.Ledger, *audittest.Study, string) {
	t.Helper()
	d, s := ledgertest.Dictionary(t), audittest.NewStudy(t, 6)
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := store.OpenLedger(t.Context(), path, d)
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	recorded(t, s, l.Audit())
	run, err := l.Begin(t.Context(), ecrf.Run{AsOf: time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC), Inputs: map[string]string{"mapping": "x"}})
	check(t, err)
	for shard := range 3 {
		check(t, l.Apply(t.Context(), run, ecrf.Batch{Subjects: shardOf(t, l, d, shard), Checkpoint: ledgertest.Number(shard)}))
	}
	key := ecrf.CellKey{Event: "baseline", Form: "base", Item: "sex"}
	one := ledgertest.Number(1)
	check(t, l.MarkWritten(t.Context(), run, "edc", []ecrf.Delivered{{Subject: one, CellKey: key, Value: "1", State: ecrf.Written, Instance: 3}}))
	for _, number := range []string{one, ledgertest.Number(2)} { // the newest query is gone with its subject, and its number with it
		_, err = l.SettleQueries(t.Context(), run, "edc", []string{number}, []ecrf.Doubt{{Subject: number, CellKey: key, Cause: ecrf.CauseConflict, Stored: "2", Incoming: "1"}})
		check(t, err)
	}
	_, err = l.Forget(t.Context(), ledgertest.Number(2))
	check(t, err)
	check(t, l.Received(t.Context(), run, "tables", []string{"Zentrum Ä", "Zentrum Z"}))
	check(t, l.NameWithdrawn(t.Context(), 7, ledgertest.Number(3)))
	check(t, l.SeeJournal(t.Context(), 9))
	check(t, l.Advance(t.Context(), "monday", map[string]string{one: "a"}))
	check(t, l.Approve(t.Context(), ecrf.Approval{Mapping: "m", Rules: map[string]string{"base.sex": "x"}}))
	check(t, l.Finish(t.Context(), run, map[string]int64{"cells": 4}))
	return l, s, path
}

func dumped(t *testing.T, l ecrf.Ledger) string {
	t.Helper()
	var b bytes.Buffer
	check(t, ecrf.Dump(t.Context(), &b, l))
	return b.String()
}

func TestALedgerIsMovedAsAWholeAndOnce(t *testing.T) {
	sv := newServer(t)
	from, s, _ := lived(t)
	place := sv.place()
	moved, err := store.Move(t.Context(), from, place)
	check(t, err)
	for table, rows := range moved.Rows {
		if rows == 0 {
			t.Errorf("table %s was empty: the test proves nothing about it", table)
		}
	}
	again, err := store.Move(t.Context(), from, place)
	if err != nil || again.Checksum != moved.Checksum || len(moved.Checksum) != 64 {
		t.Errorf("once more: %+v, %v", again, err)
	}
	to := closed(t, openPostgres(t, place, ledgertest.Dictionary(t)))
	if want := dumped(t, from); dumped(t, to) != want || len(want) < 10000 {
		t.Error("the ledgers' dumps differ")
	}
	if r := verified(t, s, to.Audit()); !r.Sound() || r.Entries != 8 || r.Anchor != r.Head {
		t.Errorf("the audit: %+v", r)
	}
	runs, err := to.Runs(t.Context())
	if next, beginErr := to.Begin(t.Context(), ecrf.Run{}); err != nil || beginErr != nil || !runs[0].Finished || next != runs[0].ID+1 {
		t.Errorf("after run %+v comes run %d, %v", runs, next, errors.Join(err, beginErr))
	}
	key := ecrf.CellKey{Event: "baseline", Form: "base", Item: "weight"}
	_, err = to.SettleQueries(t.Context(), runs[0].ID, "edc", nil, []ecrf.Doubt{{Subject: ledgertest.Number(1), CellKey: key, Cause: ecrf.CauseConflict}})
	check(t, err)
	queries, err := to.Queries(t.Context())
	if check(t, err); len(queries) != 2 || queries[0].ID != 1 || queries[1].ID != 3 {
		t.Errorf("a number of a query was given twice: %+v", queries)
	}
	if _, err := store.Move(t.Context(), from, place); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("into a ledger that went on: %v", err)
	}
}

// TestAMoveThatIsInterruptedLeavesNothing ends it by a row that cannot be stored, by its end of patience and by the end of its connection.
func TestAMoveThatIsInterruptedLeavesNothing(t *testing.T) {
	sv := newServer(t)
	from, _, _ := lived(t)
	place := sv.place()
	check(t, openPostgres(t, place, ledgertest.Dictionary(t)).Close()) // makes the tables
	db := sv.as(t, "ledgers", place)
	db.MustExec("DELETE FROM slot; DELETE FROM page; DELETE FROM study")
	db.MustExec("ALTER TABLE approval ADD CONSTRAINT nothing CHECK (id < 0)")
	if _, err := store.Move(t.Context(), from, place); err == nil {
		t.Error("a row that cannot be stored was moved")
	}
	db.MustExec(`ALTER TABLE approval DROP CONSTRAINT nothing;
		CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
		CREATE TRIGGER away BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION away()`)
	if _, err := store.Move(t.Context(), from, place); err == nil {
		t.Error("a connection that ended moved everything")
	}
	db.MustExec("DROP TRIGGER away ON approval")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Move(ctx, from, place); err == nil {
		t.Error("a move that was called off was done")
	}
	var subjects int
	if check(t, db.Get(&subjects, "SELECT count(*) FROM subject")); subjects != 0 {
		t.Errorf("%d subjects are left", subjects)
	}
	if _, err := store.Move(t.Context(), from, place); err != nil {
		t.Errorf("done again: %v", err)
	}
}

// TestBothDatabasesHaveTheSameTables: what a migration adds to one must be added to the other, and moved.
func TestBothDatabasesHaveTheSameTables(t *testing.T) {
	sv := newServer(t)
	from, _, path := lived(t)
	place := sv.place()
	moved, err := store.Move(t.Context(), from, place)
	check(t, err)
	lite, err := sqlx.Open("sqlite3", path)
	check(t, err)
	defer func() { check(t, lite.Close()) }()
	var here, there []string
	check(t, lite.Select(&here, `SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE 'goose%'`))
	check(t, sv.as(t, "ledgers", place).Select(&there, `SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name NOT LIKE 'goose%'`, place.Schema))
	slices.Sort(here)
	slices.Sort(there)
	if !slices.Equal(here, there) {
		t.Errorf("SQLite has %v\nPostgreSQL has %v", here, there)
	}
	for _, column := range here {
		table, _, _ := strings.Cut(column, ".")
		if _, ok := moved.Rows[table]; !ok && table != "cells" {
			t.Errorf("table %s is not moved", table)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
