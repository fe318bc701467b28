package dicomweb

import (
	"container/list"
	"io"
	"sync"
)

// cache keeps the answers that were used last, up to a number of bytes as they came. It is in memory only: no answer of a
// PACS rests on a disk.
type cache struct {
	mu    sync.Mutex
	room  int
	order *list.List // of *kept, the last used first
	byID  map[string]*list.Element
}

type kept struct {
	id     string
	result *result
}

// overhead is what an answer takes beside its text.
const overhead = 512

func newCache(room int) *cache {
	return &cache{room: room, order: list.New(), byID: map[string]*list.Element{}}
}

func (c *cache) get(id string) *result {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.byID[id]
	if !ok {
		return nil
	}
	c.order.MoveToFront(at)
	k, _ := at.Value.(*kept)
	return k.result
}

func (c *cache) put(id string, r *result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[id]; ok || r.size+overhead > c.room {
		return
	}
	c.byID[id] = c.order.PushFront(&kept{id, r})
	c.room -= r.size + overhead
	for c.room < 0 {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(at *list.Element) {
	k, _ := at.Value.(*kept)
	delete(c.byID, k.id)
	c.order.Remove(at)
	c.room += k.result.size + overhead
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.order.Len() > 0 {
		c.drop(c.order.Back())
	}
}

// counted counts the bytes of an answer.
type counted struct {
	in io.Reader
	n  int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += n
	return n, err
}
