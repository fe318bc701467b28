package gather

import (
	"bytes"
	"iter"
	"sort"
	"strings"
	"sync"
)

// table is sorted rows on disk in which rows are found by what they begin with. Of every block the first row's key is in memory.
// A finished table may be read from several goroutines.
type table struct {
	spool  *Spool
	writer blockWriter
	keyOf  func(row []byte) []byte
	firsts []string // keys of the first rows, by block

	mu     sync.Mutex
	cached map[int][]byte
	order  []int // of what is cached, oldest first
}

const cachedBlocks = 48

// newTable makes an empty table. Rows are added in their order.
func newTable(folder string, keyOf func(row []byte) []byte) (*table, error) {
	spool, err := NewSpool(folder)
	if err != nil {
		return nil, err
	}
	t := &table{spool: spool, keyOf: keyOf, cached: map[int][]byte{}}
	t.writer = blockWriter{spool: spool, began: func(row []byte) { t.firsts = append(t.firsts, string(keyOf(row))) }}
	return t, nil
}

func (t *table) add(row []byte) error { return t.writer.add(row) }

// finish ends the writing.
func (t *table) finish() error { return t.writer.end() }

func (t *table) close() error { return t.spool.Close() }

// all yields all rows in order. A row is valid until the next one.
func (t *table) all() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := blockReader{spool: t.spool, blocks: t.writer.blocks}
		for {
			row, err := r.next()
			if row == nil && err == nil || !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// find yields the rows with the key. They must not be changed.
func (t *table) find(key []byte) iter.Seq2[[]byte, error] {
	wanted := string(key)
	return func(yield func([]byte, error) bool) {
		// The first row with the key may be in the block before the first one that begins with it.
		from := max(0, sort.Search(len(t.firsts), func(i int) bool { return t.firsts[i] >= wanted })-1)
		for n := from; n < len(t.firsts) && strings.Compare(t.firsts[n], wanted) <= 0; n++ {
			block, err := t.block(n)
			if err != nil {
				yield(nil, err)
				return
			}
			var row []byte
			for len(block) > 0 {
				row, block = cutRow(block)
				if bytes.Equal(t.keyOf(row), key) && !yield(row, nil) {
					return
				}
			}
		}
	}
}

// block returns the rows of a block, which are kept for a while.
func (t *table) block(n int) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if block, ok := t.cached[n]; ok {
		return block, nil
	}
	at := t.writer.blocks[n]
	block, err := t.spool.read(nil, at.offset, at.length)
	if err != nil {
		return nil, err
	}
	if len(t.order) >= cachedBlocks {
		delete(t.cached, t.order[0])
		t.order = t.order[1:]
	}
	t.cached[n], t.order = block, append(t.order, n)
	return block, nil
}
