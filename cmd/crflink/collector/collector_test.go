package collector

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestCollectingWaitsForMemoryAndNotForGrowth(t *testing.T) {
	tune()
	if percent := debug.SetGCPercent(-1); percent != -1 {
		t.Errorf("collecting begins at %d %% of growth", percent)
	}
	if limit := debug.SetMemoryLimit(-1); limit < goal || limit > much {
		t.Errorf("collecting waits for %d bytes", limit)
	}
}

func TestTheGoalMovesWithWhatLives(t *testing.T) {
	tune()
	living := make([]byte, 2*goal)
	for debug.SetMemoryLimit(-1) < int64(len(living)) { // the goal moves soon after a collection
		runtime.GC()
	}
	runtime.KeepAlive(living)
	for debug.SetMemoryLimit(-1) != goal {
		runtime.GC()
	}
	Release()
}
