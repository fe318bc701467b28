package ucum

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxCached bounds a cache, because codes come from data. A hospital uses a
// few hundred; whoever sends more starts the cache anew.
const maxCached = 1024

// cache keeps results by key. Reading takes no lock: the map that readers see
// is never changed, a writer replaces it.
type cache[K comparable, V any] struct {
	kept    atomic.Pointer[map[K]V]
	writing sync.Mutex
}

// get returns the value kept for the key, or makes and keeps it. Two callers
// may make the same value at once; either is right.
func (c *cache[K, V]) get(key K, create func(K) V) V {
	if kept := c.kept.Load(); kept != nil {
		if v, ok := (*kept)[key]; ok {
			return v
		}
	}
	v := create(key)
	c.writing.Lock()
	defer c.writing.Unlock()
	next := map[K]V{}
	if kept := c.kept.Load(); kept != nil && len(*kept) < maxCached {
		next = maps.Clone(*kept)
	}
	next[key] = v
	c.kept.Store(&next)
	return v
}
