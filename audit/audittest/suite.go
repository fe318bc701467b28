package audittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/crflink/crflink/audit"
)

// Run examines a log. open opens the log that lies in the folder, or makes one there; the test closes it.
func Run(t *testing.T, open func(t *testing.T, dir string) audit.Log) {
	for _, part := range []struct {
		name string
		test func(*testing.T, audit.Log)
	}{
		{"AnEmptyLogHasTheZeroHead", empty},
		{"WhatIsAppendedIsReadBackAsItIs", readBack},
		{"AFailedAppendLeavesNothing", failed},
		{"ANumberIsUsedOnce", once},
		{"ManyWritersAppendOneChain", writers},
		{"TheNewestMarkOfASubjectStands", marks},
		{"ReadersSeeOneInstant", instant},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open(t, t.TempDir())) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fill(n int64, width int) []byte { return bytes.Repeat([]byte{byte(n & 0xff)}, width) }

// entry is one that no recorder wrote: a log does not look into it.
func entry(n int64) audit.Entry {
	e := audit.Entry{Number: n, At: "2026-09-01T00:00:00Z", Actor: "jörg as crflink", Kind: "kind", Payload: append([]byte{0, 255, '\''}, fill(n, 300)...)}
	if n%2 == 0 {
		e.Subject, e.Mark = fill(n%8, 32), fill(n, 32)
	}
	if n%3 == 0 {
		e.Mark = nil
	}
	e.Before, e.Digest = fill(n-1, 32), fill(n, 32)
	return e
}

func add(t *testing.T, log audit.Log, durable bool, entries ...audit.Entry) {
	t.Helper()
	must(t, log.Append(context.Background(), durable, func(audit.Head) ([]audit.Entry, error) { return entries, nil }))
}

func all(t *testing.T, log audit.Log, from int64) (entries []audit.Entry) {
	t.Helper()
	for e, err := range log.Entries(context.Background(), from) {
		must(t, err)
		entries = append(entries, e)
	}
	return entries
}

func empty(t *testing.T, log audit.Log) {
	head, err := log.Head(t.Context())
	must(t, err)
	if _, ok, err := log.Entry(t.Context(), 1); ok || err != nil || head != (audit.Head{}) || all(t, log, 0) != nil {
		t.Errorf("an empty log has head %v, an entry %v, %v", head, ok, err)
	}
}

func readBack(t *testing.T, log audit.Log) {
	var want []audit.Entry
	for n := int64(1); n <= 240; n++ {
		want = append(want, entry(n))
	}
	add(t, log, false, want[:1]...)
	add(t, log, true, want[1:130]...)
	add(t, log, false, want[130:]...)
	add(t, log, true)
	if got := all(t, log, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries come back otherwise", len(got))
	}
	if got := all(t, log, 200); !reflect.DeepEqual(got, want[199:]) {
		t.Errorf("from 200 on: %d entries", len(got))
	}
	e, ok, err := log.Entry(t.Context(), 77)
	must(t, err)
	head, err := log.Head(t.Context())
	must(t, err)
	if !ok || !reflect.DeepEqual(e, want[76]) || head != want[239].Head() {
		t.Errorf("entry 77: %v; head %v", ok, head)
	}
}

func failed(t *testing.T, log audit.Log) {
	add(t, log, true, entry(1))
	no := errors.New("no")
	err := log.Append(t.Context(), true, func(last audit.Head) ([]audit.Entry, error) {
		if e := entry(1); last != e.Head() {
			t.Errorf("the head is %v", last)
		}
		return []audit.Entry{entry(2)}, no
	})
	if !errors.Is(err, no) || len(all(t, log, 0)) != 1 {
		t.Errorf("%v, %d entries", err, len(all(t, log, 0)))
	}
}

func once(t *testing.T, log audit.Log) {
	add(t, log, true, entry(1), entry(2), entry(3))
	for _, wrong := range [][]audit.Entry{{entry(2)}, {entry(3)}, {entry(4), entry(1)}, {entry(4), entry(4)}} {
		if err := log.Append(t.Context(), true, func(audit.Head) ([]audit.Entry, error) { return wrong, nil }); err == nil {
			t.Errorf("entry %d was stored after entry 3", wrong[len(wrong)-1].Number)
		}
	}
	add(t, log, true, entry(9)) // a gap is for Verify to find
	if got := all(t, log, 0); len(got) != 4 || got[3].Number != 9 {
		t.Errorf("%d entries", len(got))
	}
}

func writers(t *testing.T, log audit.Log) {
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for range 20 {
				err := log.Append(context.Background(), w == 0, func(last audit.Head) ([]audit.Entry, error) {
					a, b := entry(last.Number+1), entry(last.Number+2)
					a.Before = last.Digest[:]
					return []audit.Entry{a, b}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	var last audit.Head
	for _, e := range all(t, log, 0) {
		if e.Number != last.Number+1 || !bytes.Equal(e.Before, last.Digest[:]) {
			t.Fatalf("entry %d follows entry %d", e.Number, last.Number)
		}
		last = e.Head()
	}
	if last.Number != 320 {
		t.Errorf("%d entries of 320", last.Number)
	}
}

func marks(t *testing.T, log audit.Log) {
	want := map[string]string{}
	for n := int64(1); n <= 60; n++ {
		e := entry(n)
		add(t, log, false, e)
		if e.Mark != nil {
			want[string(e.Subject)] = string(e.Mark)
		}
	}
	for s, err := range log.Marks(t.Context()) {
		must(t, err)
		if want[string(s.Subject[:])] != string(s.Mark[:]) {
			t.Errorf("of %x stands %x", s.Subject[:1], s.Mark[:1])
		}
		delete(want, string(s.Subject[:]))
	}
	if len(want) > 0 {
		t.Errorf("%d marks are missing", len(want))
	}
}

func instant(t *testing.T, log audit.Log) {
	add(t, log, true, entry(1), entry(2))
	seen := ""
	for e, err := range log.Entries(t.Context(), 0) {
		must(t, err)
		seen += fmt.Sprint(e.Number, " ")
		if e.Number == 1 {
			add(t, log, true, entry(3))
		}
	}
	if seen != "1 2 " {
		t.Errorf("a reader sees %s", seen)
	}
}
