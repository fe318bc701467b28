package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// window is the part of a stream that is in memory. Positions are offsets in the stream, so that they survive sliding.
type window struct {
	in    io.Reader
	first *[firstWindow]byte // that buf begins as
	buf   []byte
	pos   int // next byte to look at; buf[pos:end] is unread
	end   int
	base  int64 // offset of buf[0]
	keep  int64 // bytes from here on must stay; -1 is none
	holds int   // how many callers asked to keep
	limit int   // most bytes that may be kept
	over  bool  // what was kept became longer than the limit and was let go
	lines bool  // a line break was passed since the flag was cleared
	bol   bool  // the next byte begins a line, as far as space knows
	err   error // io.EOF or what reading failed with
}

const firstWindow = 128 << 10

// windows are those that are not in use. Answers of servers are many and most are small: a window for each would be the most of what
// a run allocates.
var windows = sync.Pool{New: func() any { return new([firstWindow]byte) }}

func (w *window) reset(in io.Reader, limit int) {
	first, _ := windows.Get().(*[firstWindow]byte)
	*w = window{in: in, first: first, buf: first[:], keep: -1, limit: limit}
}

// close lets the memory go.
func (w *window) close() {
	windows.Put(w.first)
	w.in, w.first, w.buf = nil, nil, nil
}

// at returns the offset of the next byte.
func (w *window) at() int64 { return w.base + int64(w.pos) }

// seek moves back or forth within what is in memory.
func (w *window) seek(offset int64) { w.pos = int(offset - w.base) }

// slice returns the bytes between two offsets that are in memory, until the next fill.
func (w *window) slice(from, to int64) []byte { return w.buf[from-w.base : to-w.base] }

// hold keeps everything from the offset on, or from where an outer hold began, until release.
func (w *window) hold(offset int64) {
	if w.holds == 0 {
		w.keep, w.over = offset, false
	}
	w.holds++
}

func (w *window) release() {
	if w.holds--; w.holds == 0 {
		w.keep = -1
	}
}

// fill reads more bytes behind end. It returns false at the end of the stream.
func (w *window) fill() bool {
	if w.err != nil {
		return false
	}
	w.slide()
	if w.end == len(w.buf) {
		if len(w.buf) > w.limit {
			w.keep, w.over = -1, true
			w.slide()
		} else {
			w.buf = append(w.buf, make([]byte, len(w.buf))...)
		}
	}
	for range 100 {
		n, err := w.in.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	w.err = io.ErrNoProgress
	return false
}

func (w *window) slide() {
	low := w.pos
	if w.keep >= 0 {
		low = int(w.keep - w.base)
	}
	if low == 0 {
		return
	}
	copy(w.buf, w.buf[low:w.end])
	w.base += int64(low)
	w.pos -= low
	w.end -= low
}

// failure returns the error that ended the stream early, nil at its regular end.
func (w *window) failure() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read byte %d: %w", w.base+int64(w.end), w.err)
}

// space skips white space and returns the next byte without taking it; ok is false at the end of the stream.
func (w *window) space() (c byte, ok bool) {
	for {
		for w.pos < w.end {
			switch c := w.buf[w.pos]; c {
			case '\n':
				w.lines, w.bol = true, true
				w.pos++
			case '\r':
				w.pos++
			case ' ', '\t':
				w.bol = false
				w.pos++
			default:
				return c, true
			}
		}
		if !w.fill() {
			return 0, false
		}
	}
}

// line returns the whole of the line that begins here if it is in memory or can be brought there within most bytes.
// It takes nothing.
func (w *window) line(most int) ([]byte, bool) {
	seen := 0
	for {
		if i := bytes.IndexByte(w.buf[w.pos+seen:w.end], '\n'); i >= 0 {
			return w.buf[w.pos : w.pos+seen+i], true
		}
		seen = w.end - w.pos
		if seen > most {
			return nil, false
		}
		if !w.fill() {
			return w.buf[w.pos:w.end], true
		}
	}
}
