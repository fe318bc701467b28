// Package targettest is the exam that every ecrf.Target passes.
package targettest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// Candidate says how to make what is examined, and with what.
type Candidate struct {
	Kind string
	// Open makes the target that delivers into the folder.
	Open       func(t testing.TB, dir string) ecrf.Target
	Dictionary *ecrf.Dictionary
	Books      []*ecrf.StoredCasebook // of two subjects or more
	// Content returns what the target holds, by the name of its part; nil reads the files of the folder.
	Content func(t testing.TB, dir string) map[string]string
	// Memory is how much the delivery of many subjects may need; 0 is 8 MiB.
	Memory int64
	// NoFiles says that the target delivers into a system, and not into files of the folder.
	NoFiles bool
	// CannotErase says that the system behind the target offers no way to delete.
	CannotErase bool
}

// Run examines a target.
func Run(t *testing.T, c Candidate) {
	t.Run("ASecondDeliveryWritesNothing", c.again)
	t.Run("AnInterruptedDeliveryLeavesTheOldOneAndCanBeDoneAgain", c.interrupted)
	t.Run("ACancelledDeliveryStops", c.cancelled)
	if !c.NoFiles {
		t.Run("TheFilesArePrivate", c.private)
	}
	t.Run("AWithdrawnSubjectIsErasedAndNobodyElse", c.withdrawn)
	t.Run("ErasingWhereNothingWasDeliveredDoesNothing", c.neverDelivered)
	t.Run("TenThousandSubjectsAreDeliveredInBoundedMemory", c.many)
}

// Delivery offers casebooks to a target, without a ledger.
func Delivery(d *ecrf.Dictionary, books []*ecrf.StoredCasebook) ecrf.Delivery {
	return ecrf.Delivery{
		Dictionary: d, AsOf: time.Date(2026, 1, 15, 2, 0, 0, 0, time.UTC),
		Casebooks: func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
			return func(yield func(*ecrf.StoredCasebook, error) bool) {
				for _, b := range books {
					if !yield(b, nil) {
						return
					}
				}
			}
		},
	}
}

func (c Candidate) cells() int {
	n := 0
	for _, b := range c.Books {
		n += len(b.Cells)
	}
	return n
}

func (c Candidate) again(t *testing.T) {
	dir := t.TempDir()
	target := c.Open(t, dir)
	if target.Kind() != c.Kind || target.Name() == "" {
		t.Errorf("%s %q", target.Kind(), target.Name())
	}
	delivery := Delivery(c.Dictionary, c.Books)
	first, err := target.Deliver(t.Context(), delivery)
	if err != nil || first.Written == 0 || first.Cells != c.cells() || !c.NoFiles && len(first.Files) != first.Written {
		t.Fatalf("first delivery: %+v, %v", first, err)
	}
	before := c.all(t, dir)
	second, err := c.Open(t, dir).Deliver(t.Context(), delivery)
	if err != nil || second.Written != 0 || second.Unchanged != first.Written || second.Cells != c.cells() {
		t.Errorf("second delivery: %+v, %v", second, err)
	}
	if !maps.Equal(before, c.all(t, dir)) {
		t.Error("the second delivery changed bytes")
	}
}

func (c Candidate) interrupted(t *testing.T) {
	dir := t.TempDir()
	if _, err := c.Open(t, dir).Deliver(t.Context(), Delivery(c.Dictionary, c.Books[:1])); err != nil {
		t.Fatal(err)
	}
	before := c.all(t, dir)
	broken := errors.New("the ledger broke")
	delivery := Delivery(c.Dictionary, nil)
	delivery.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			_ = yield(c.Books[1], nil) && yield(nil, broken)
		}
	}
	if _, err := c.Open(t, dir).Deliver(t.Context(), delivery); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if !maps.Equal(before, c.all(t, dir)) {
		t.Error("the interrupted delivery left something")
	}
	report, err := c.Open(t, dir).Deliver(t.Context(), Delivery(c.Dictionary, c.Books))
	if err != nil || report.Written == 0 {
		t.Errorf("afterwards: %+v, %v", report, err)
	}
}

func (c Candidate) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Open(t, t.TempDir()).Deliver(ctx, Delivery(c.Dictionary, c.Books))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func (c Candidate) private(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := c.Open(t, dir).Deliver(t.Context(), Delivery(c.Dictionary, c.Books)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c Candidate) many(t *testing.T) {
	const subjects = 10000
	limit := cmp.Or(c.Memory, 8<<20)
	book := c.Books[0]
	delivery := Delivery(c.Dictionary, nil)
	runtime.GC()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	delivery.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for n := range subjects {
				next := *book
				next.Facts.Subject = fmt.Sprintf("S%06d", n)
				if !yield(&next, nil) {
					return
				}
				if n%2500 == 2499 {
					runtime.GC()
					runtime.ReadMemStats(&during)
					if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > limit { // #nosec G115 -- a process has less than 2^63 bytes
						t.Errorf("%d bytes more are in use after %d subjects", grown, n+1)
					}
				}
			}
		}
	}
	report, err := c.Open(t, t.TempDir()).Deliver(t.Context(), delivery)
	if err != nil || report.Cells != subjects*len(book.Cells) {
		t.Errorf("%+v, %v", report, err)
	}
}

// all is what the target holds, with the bytes of its files.
func (c Candidate) all(t *testing.T, dir string) map[string]string {
	t.Helper()
	parts := content(t, dir)
	if c.Content != nil {
		maps.Copy(parts, c.Content(t, dir))
	}
	return parts
}

// content returns the files of a folder by name, hidden ones too.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path) // #nosec G304 G122 -- a folder of the test
		files[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
