// Package targettest is the exam that every ecrf.Target passes.
package targettest

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
)

// Run examines a target that delivers into a folder.
func Run(t *testing.T, kind string, open func(t testing.TB, dir string) ecrf.Target) {
	t.Run("ASecondDeliveryWritesNothing", func(t *testing.T) { again(t, kind, open) })
	t.Run("AnInterruptedDeliveryLeavesTheOldOneAndCanBeDoneAgain", func(t *testing.T) { interrupted(t, open) })
	t.Run("ACancelledDeliveryStops", func(t *testing.T) { cancelled(t, open) })
	t.Run("TheFilesArePrivate", func(t *testing.T) { private(t, open) })
	t.Run("TenThousandSubjectsAreDeliveredInBoundedMemory", func(t *testing.T) { many(t, open) })
}

func again(t *testing.T, kind string, open func(testing.TB, string) ecrf.Target) {
	dir := t.TempDir()
	target := open(t, dir)
	if target.Kind() != kind || target.Name() == "" {
		t.Errorf("%s %q", target.Kind(), target.Name())
	}
	delivery := ledgertest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())
	first, err := target.Deliver(t.Context(), delivery)
	if err != nil || first.Written == 0 || first.Cells != 10 || len(first.Files) != first.Written {
		t.Fatalf("first delivery: %+v, %v", first, err)
	}
	before := content(t, dir)
	second, err := open(t, dir).Deliver(t.Context(), delivery)
	if err != nil || second.Written != 0 || second.Unchanged != first.Written || second.Cells != 10 {
		t.Errorf("second delivery: %+v, %v", second, err)
	}
	if !maps.Equal(before, content(t, dir)) {
		t.Error("the second delivery changed bytes")
	}
}

func interrupted(t *testing.T, open func(testing.TB, string) ecrf.Target) {
	dir := t.TempDir()
	d := ledgertest.Dictionary(t)
	if _, err := open(t, dir).Deliver(t.Context(), ledgertest.Delivery(d, ledgertest.Stored()[:1])); err != nil {
		t.Fatal(err)
	}
	before := content(t, dir)
	broken := errors.New("the ledger broke")
	delivery := ledgertest.Delivery(d, nil)
	delivery.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			_ = yield(ledgertest.Stored()[1], nil) && yield(nil, broken)
		}
	}
	if _, err := open(t, dir).Deliver(t.Context(), delivery); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if !maps.Equal(before, content(t, dir)) {
		t.Error("the interrupted delivery left something")
	}
	report, err := open(t, dir).Deliver(t.Context(), ledgertest.Delivery(d, ledgertest.Stored()))
	if err != nil || report.Written == 0 {
		t.Errorf("afterwards: %+v, %v", report, err)
	}
}

func cancelled(t *testing.T, open func(testing.TB, string) ecrf.Target) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, t.TempDir()).Deliver(ctx, ledgertest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored()))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func private(t *testing.T, open func(testing.TB, string) ecrf.Target) {
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := open(t, dir).Deliver(t.Context(), ledgertest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())); err != nil {
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

func many(t *testing.T, open func(testing.TB, string) ecrf.Target) {
	const subjects = 10000
	book := ledgertest.Stored()[0]
	delivery := ledgertest.Delivery(ledgertest.Dictionary(t), nil)
	runtime.GC()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	delivery.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for n := range subjects {
				next := *book
				next.Facts.Subject = ledgertest.Number(n)
				if !yield(&next, nil) {
					return
				}
				if n%2500 == 2499 {
					runtime.GC()
					runtime.ReadMemStats(&during)
					if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
						t.Errorf("%d bytes more are in use after %d subjects", grown, n+1)
					}
				}
			}
		}
	}
	report, err := open(t, t.TempDir()).Deliver(t.Context(), delivery)
	if err != nil || report.Cells != subjects*len(book.Cells) {
		t.Errorf("%+v, %v", report, err)
	}
}

// content returns the files of a folder by name, hidden ones too.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
