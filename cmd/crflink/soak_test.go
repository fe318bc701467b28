package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/notice"
	"github.com/crflink/crflink/schedule"
)

// soakRuns is how many nights one program lives through.
const soakRuns = 500

// memoryFolder is a folder whose files are not on a disk.
const memoryFolder = "/dev/shm"

// usage is what a program takes that never ends.
type usage struct {
	goroutines, files  int
	heap, book, ledger int64
}

func (j *job) usage(t *testing.T) (u usage) {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	open, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	size := func(name string) (bytes int64) {
		for _, side := range []string{"", "-wal"} {
			if info, err := os.Stat(j.path(name + side)); err == nil {
				bytes += info.Size()
			}
		}
		return bytes
	}
	return usage{runtime.NumGoroutine(), len(open), int64(stats.HeapAlloc), size("out/serve/serve.db"), size("out/state/ledger.db")} // #nosec G115 -- a heap
}

// TestFiveHundredNightsTakeNoMoreThanTheFirst runs a small study night for night in one process. Its clock goes on by a day when
// a run has ended.
func TestFiveHundredNightsTakeNoMoreThanTheFirst(t *testing.T) {
	t.Setenv("CRFLINK_VAULT_KEY", testVaultKey)
	if _, err := os.Stat(memoryFolder); err == nil { // a disk's fsync takes most of the time, and is not what is looked at
		t.Setenv("TMPDIR", memoryFolder)
	}
	j := newJob(t, "files: ["+hospital(t, 4, 2)+"]")
	j.write(t, "serve.yaml", "crflink-serve: 1\ntimezone: Europe/Berlin\nstate: out/serve\nkeep: 50\nstudies:\n  - {file: study.yaml, schedule: \"30 2 * * *\"}\n")
	d := &daemon{log: slog.New(slog.DiscardHandler), started: time.Now(), desk: &notice.Desk{}, memory: newMemory()}
	config, plan, err := d.load(j.path("serve.yaml"))
	must(t, err)
	d.config = config
	unlock, err := d.lock()
	must(t, err)
	d.book, err = openBook(t.Context(), config)
	must(t, err)
	var clock atomic.Int64
	y, m, day := time.Now().Date()
	clock.Store(time.Date(y, m, day, 12, 0, 0, 0, config.Zone).UnixNano()) // from noon to noon there is one night, also when the clock is changed
	d.nights = schedule.New(d.book, plan, func() time.Time { return time.Unix(0, clock.Load()) }, d.log)
	must(t, d.watch(t.Context(), plan))
	ended := make(chan schedule.Result, 1)
	d.nights.Ended = func(r schedule.Run, result schedule.Result) { d.ended(r, result); ended <- result }
	soft, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.nights.Serve(soft, t.Context()) }()
	must(t, d.nights.Replace(t.Context(), plan)) // before its first night the study is new
	var early, late usage
	for n := range soakRuns {
		clock.Add(int64(24 * time.Hour))
		must(t, d.nights.Replace(t.Context(), plan))
		if result := <-ended; result.State != schedule.Done {
			t.Fatalf("run %d: %+v", n+1, result)
		}
		switch n + 1 {
		case soakRuns / 5:
			early = j.usage(t)
		case soakRuns:
			late = j.usage(t)
		}
	}
	stop()
	must(t, <-done)
	must(t, d.book.Close())
	must(t, unlock())
	t.Logf("after %d runs %+v, after %d %+v", soakRuns/2, early, soakRuns, late)
	runs := int64(soakRuns - soakRuns/2)
	switch {
	case late.goroutines > early.goroutines+2 || late.files > early.files+2:
		t.Error("goroutines or files grow")
	case late.heap > early.heap+4<<20:
		t.Error("memory grows")
	case late.book > early.book+64<<10:
		t.Error("the book grows, although it forgets old runs")
	case late.ledger > early.ledger+runs*12<<10: // each run is in the ledger with the completeness of its forms, events and sites, and in the audit, which only grows
		t.Error("the ledger grows by more than what its runs are told with")
	}
}
