package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A run's live memory is small beside what passes through it. Collecting at a fixed size instead of at a multiple of the
// live memory costs less time for small inputs and makes the peak the same for small and large ones. What lives decides
// only where there is much of it: collecting waits until it has doubled, as far as that stays small enough for a hospital's machine,
// and until there is half as much again in any case.
const (
	memoryGoal = 76 << 20  // bytes of Go's memory up to which collecting waits
	memoryBase = 16 << 20  // added to twice the live memory
	memoryMuch = 224 << 20 // up to which collecting waits until the live memory has doubled
)

// tuneMemory sets the collector unless the environment does.
func tuneMemory() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(memoryGoal)
	afterCollection()
}

// sentinel dies at every collection.
type sentinel struct{ _ [16]byte }

// afterCollection moves the goal after every collection, so that much live memory does not mean collecting all the time.
func afterCollection() {
	runtime.SetFinalizer(new(sentinel), func(*sentinel) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if live[0].Value.Kind() == metrics.KindUint64 {
			half := int64(live[0].Value.Uint64() / 2) // #nosec G115 -- memory is far below 2^62
			debug.SetMemoryLimit(max(memoryGoal, min(4*half+memoryBase, memoryMuch), 3*half))
		}
		afterCollection()
	})
}
