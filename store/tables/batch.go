package tables

import (
	"encoding/hex"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/crflink/crflink/ecrf/tabular"
)

// batch is rows that wait to be loaded together. Those of the newest subject can be dropped again.
type batch struct {
	of   map[*tabular.Table]*texts
	rows int

	sums [2]*xxhash.Digest
	line []byte // reused
	from int    // rows before the newest subject
}

// texts are the columns of the rows of a table, one behind the other.
type texts struct {
	all  []string
	from int
}

func newBatch() batch {
	return batch{of: map[*tabular.Table]*texts{}, sums: [2]*xxhash.Digest{xxhash.New(), xxhash.NewWithSeed(1)}}
}

func (b *batch) begin() {
	b.sums[0].Reset()
	b.sums[1].ResetWithSeed(1)
	b.from = b.rows
	for _, t := range b.of {
		t.from = len(t.all)
	}
}

func (b *batch) add(table *tabular.Table, columns ...string) {
	t := b.of[table]
	if t == nil {
		t = &texts{}
		b.of[table] = t
	}
	t.all = append(t.all, columns...)
	b.rows++
}

// drop takes the rows since begin back.
func (b *batch) drop() {
	b.rows = b.from
	for _, t := range b.of {
		t.all = t.all[:t.from]
	}
}

func (b *batch) clear() {
	b.rows = 0
	for _, t := range b.of {
		clear(t.all)
		t.all = t.all[:0]
	}
}

// hash adds a row to the digest of the newest subject. It tells rows from those of the delivery before, against nobody's will: 128 bits do,
// and are made at the speed of memory.
func (b *batch) hash(columns []string) {
	b.line = b.line[:0]
	for _, text := range columns {
		b.line = strconv.AppendInt(b.line, int64(len(text)), 10)
		b.line = append(b.line, ':')
		b.line = append(b.line, text...)
	}
	for _, sum := range b.sums {
		_, _ = sum.Write(b.line) // a hash takes everything
	}
}

func (b *batch) digest() string { return hex.EncodeToString(b.sums[1].Sum(b.sums[0].Sum(nil))) }
