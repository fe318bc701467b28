package gather

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"iter"
	"slices"
)

// sorter puts any number of rows into the order of their bytes: in memory as long as they fit there, on disk otherwise.
type sorter struct {
	folder string
	arena  []byte  // the rows that are not on disk yet
	rows   []rowAt // where they are
	runs   []stretch
	spool  *Spool // of the runs
}

// rowAt is a row in the arena. Its first bytes decide most comparisons.
type rowAt struct {
	first  uint64
	at, to uint32
}

// stretch is a part of a spool with sorted rows: blocks of them, each sealed on its own.
type stretch []blockAt

type blockAt struct {
	offset int64
	length int
}

const (
	arenaSize = 8 << 20  // bytes of rows that are sorted at once
	rowBlock  = 32 << 10 // bytes of rows in a block
	maxRuns   = 64       // runs that are merged at once: a block of each is in memory then
)

// add takes a copy of the row.
func (s *sorter) add(row []byte) error {
	if len(s.arena) > 0 && len(s.arena)+len(row) > arenaSize {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if s.arena == nil {
		s.arena = make([]byte, 0, arenaSize/16)
	}
	at := len(s.arena)
	s.arena = append(s.arena, row...)
	var first [8]byte
	copy(first[:], row)
	s.rows = append(s.rows, rowAt{binary.BigEndian.Uint64(first[:]), uint32(at), uint32(len(s.arena))}) // #nosec G115 -- within the arena
	return nil
}

func (s *sorter) sort() {
	slices.SortFunc(s.rows, func(a, b rowAt) int {
		return cmp.Or(cmp.Compare(a.first, b.first), bytes.Compare(s.arena[a.at:a.to], s.arena[b.at:b.to]))
	})
}

// flush writes the rows in memory as a run.
func (s *sorter) flush() error {
	s.sort()
	if s.spool == nil {
		spool, err := NewSpool(s.folder)
		if err != nil {
			return err
		}
		s.spool = spool
	}
	w := blockWriter{spool: s.spool}
	for _, r := range s.rows {
		if err := w.add(s.arena[r.at:r.to]); err != nil {
			return err
		}
	}
	s.arena, s.rows = s.arena[:0], s.rows[:0]
	return s.newRun(&w)
}

func (s *sorter) newRun(w *blockWriter) error {
	if err := w.end(); err != nil {
		return err
	}
	if s.runs = append(s.runs, w.blocks); len(s.runs) < maxRuns {
		return nil
	}
	merged := blockWriter{spool: s.spool}
	for row, err := range s.merge(nil) {
		if err == nil {
			err = merged.add(row)
		}
		if err != nil {
			return err
		}
	}
	s.runs = nil
	return s.newRun(&merged)
}

// all yields the rows in order, equal ones as often as they were added. A row is valid until the next one. Nothing is added
// after it.
func (s *sorter) all() iter.Seq2[[]byte, error] {
	s.sort()
	if len(s.runs) > 0 {
		return s.merge(s.rows)
	}
	return func(yield func([]byte, error) bool) {
		for _, r := range s.rows {
			if !yield(s.arena[r.at:r.to], nil) {
				return
			}
		}
	}
}

func (s *sorter) merge(rest []rowAt) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var h cursors
		for _, run := range s.runs {
			h = append(h, &cursor{next: (&blockReader{spool: s.spool, blocks: run}).next})
		}
		h = append(h, &cursor{next: s.inMemory(rest)})
		for _, c := range h {
			c.row, c.err = c.next()
		}
		h = slices.DeleteFunc(h, func(c *cursor) bool { return c.row == nil && c.err == nil })
		heap.Init(&h)
		for len(h) > 0 {
			c := h[0]
			if !yield(c.row, c.err) || c.err != nil {
				return
			}
			if c.row, c.err = c.next(); c.row == nil && c.err == nil {
				heap.Pop(&h)
				continue
			}
			heap.Fix(&h, 0)
		}
	}
}

func (s *sorter) inMemory(rows []rowAt) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(rows) == 0 {
			return nil, nil
		}
		r := rows[0]
		rows = rows[1:]
		return s.arena[r.at:r.to], nil
	}
}

// close removes what is on disk.
func (s *sorter) close() error {
	spool := s.spool
	*s = sorter{folder: s.folder}
	if spool == nil {
		return nil
	}
	return spool.Close()
}

// cursor stands on a row of a run. A failed one sorts first, so that the error is told at once.
type cursor struct {
	row  []byte
	err  error
	next func() ([]byte, error)
}

type cursors []*cursor

func (h cursors) Len() int { return len(h) }
func (h cursors) Less(i, j int) bool {
	return h[i].err != nil || h[j].err == nil && bytes.Compare(h[i].row, h[j].row) < 0
}
func (h cursors) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *cursors) Push(x any)   { c, _ := x.(*cursor); *h = append(*h, c) }
func (h *cursors) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// blockWriter writes rows, each behind its length, in blocks.
type blockWriter struct {
	spool  *Spool
	block  []byte
	blocks stretch
	began  func(row []byte) // told of the first row of each block
}

func (w *blockWriter) add(row []byte) error {
	if len(w.block) > 0 && len(w.block)+len(row) > rowBlock {
		if err := w.end(); err != nil {
			return err
		}
	}
	if len(w.block) == 0 && w.began != nil {
		w.began(row)
	}
	w.block = append(binary.AppendUvarint(w.block, uint64(len(row))), row...)
	return nil
}

func (w *blockWriter) end() error {
	if len(w.block) == 0 {
		return nil
	}
	offset, err := w.spool.append(w.block)
	w.blocks = append(w.blocks, blockAt{offset, len(w.block)})
	w.block = w.block[:0]
	return err
}

// blockReader reads the rows of a stretch in order.
type blockReader struct {
	spool  *Spool
	blocks stretch
	buffer []byte
	left   []byte
}

// next returns a row that is valid until the next call, and nil at the end.
func (r *blockReader) next() ([]byte, error) {
	if len(r.left) == 0 {
		if len(r.blocks) == 0 {
			return nil, nil
		}
		var err error
		if r.buffer, err = r.spool.read(r.buffer, r.blocks[0].offset, r.blocks[0].length); err != nil {
			return nil, err
		}
		r.blocks, r.left = r.blocks[1:], r.buffer
	}
	row, left := cutRow(r.left)
	r.left = left
	return row, nil
}

// cutRow takes the first row off a block.
func cutRow(block []byte) (row, rest []byte) {
	n, width := binary.Uvarint(block)
	end := width + int(n) // #nosec G115 -- blocks are sealed: it is what was written
	return block[width:end], block[end:]
}
