package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how far a run is: a bar for each stage on a terminal, a line for each stage elsewhere.
type progress interface {
	Stage(name string, total int)
	Add(n int)
	done()
}

func newProgress(w io.Writer) progress {
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		return &bars{all: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))}
	}
	return &lines{w: w}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

type bars struct {
	all   *mpb.Progress
	stage *mpb.Bar
}

func (b *bars) Stage(name string, total int) {
	b.finish()
	b.stage = b.all.AddBar(int64(max(total, 0)),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)), mpb.AppendDecorators(decor.CountersNoUnit("%d / %d")))
}

func (b *bars) Add(n int) { b.stage.IncrBy(n) }

// finish completes the stage, also one whose total was not known.
func (b *bars) finish() {
	if b.stage != nil {
		b.stage.SetTotal(-1, true)
	}
}

func (b *bars) done() {
	b.finish()
	b.all.Wait()
}

type lines struct {
	w     io.Writer
	name  string
	total int
	count atomic.Int64
}

func (l *lines) Stage(name string, total int) {
	l.finish()
	l.name, l.total = name, total
	l.count.Store(0)
}

func (l *lines) Add(n int) { l.count.Add(int64(n)) }

func (l *lines) finish() {
	if l.name != "" {
		_, _ = fmt.Fprintf(l.w, "%s: %d\n", l.name, l.count.Load())
	}
}

func (l *lines) done() { l.finish() }
