// Package collector tunes Go's garbage collector for the program that imports it, before the packages behind it in the order of
// initialization make their tables.
//
// A run's live memory is small beside what passes through it. Collecting at a fixed size instead of at a multiple of the
// live memory costs less time for small inputs and makes the peak the same for small and large ones. What lives decides
// only where there is much of it: then half as much again costs less than collecting at every quarter, and of tens of thousands of
// patients even that is collecting too often.
package collector

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	goal = 76 << 20  // bytes of Go's memory up to which collecting waits
	base = 24 << 20  // added to five quarters of the live memory
	many = 128 << 20 // taken off four times the live memory
	much = 224 << 20 // up to which collecting waits for many patients
)

// init sets the collector unless the environment does.
func init() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	tune()
}

func tune() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(goal)
	afterCollection()
}

// Release gives memory back that a run has used, before the process waits for the next one: nothing else would, where collecting waits
// for memory to be used up.
func Release() { debug.FreeOSMemory() }

// sentinel dies at every collection.
type sentinel struct{ _ [16]byte }

// afterCollection moves the goal after every collection, so that much live memory does not mean collecting all the time.
func afterCollection() {
	runtime.SetFinalizer(new(sentinel), func(*sentinel) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if live[0].Value.Kind() == metrics.KindUint64 {
			quarter := int64(live[0].Value.Uint64() / 4) // #nosec G115 -- memory is far below 2^62
			debug.SetMemoryLimit(max(goal, 5*quarter+base, 6*quarter, min(16*quarter-many, much)))
		}
		afterCollection()
	})
}
