package atomicfile_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/crflink/crflink/internal/atomicfile"
)

func put(t *testing.T, path, text string) atomicfile.Content {
	t.Helper()
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	c, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEqualContentLeavesTheFileUntouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	if c := put(t, path, "one"); !c.Changed || c.Size != 3 || len(c.SHA256) != 64 {
		t.Errorf("first: %+v", c)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if c := put(t, path, "one"); c.Changed {
		t.Errorf("same: %+v", c)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || after.Mode().Perm() != 0o600 {
		t.Errorf("the file was replaced by its equal, or its mode is %o (%v)", after.Mode(), err)
	}
	if c := put(t, path, "two"); !c.Changed {
		t.Errorf("other: %+v", c)
	}
}

func TestAnAbortedFileLeavesTheOldContentAndNoLitter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	put(t, path, "old")
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "half"); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if _, err := f.Commit(); err == nil {
		t.Error("an aborted file was committed")
	}
	text, err := os.ReadFile(path)
	entries, errDir := os.ReadDir(dir)
	if err != nil || errDir != nil || string(text) != "old" || len(entries) != 1 {
		t.Errorf("content %q, %d files, %v %v", text, len(entries), err, errDir)
	}
}

func TestWhatAKilledProcessLeftIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".a.csv.partial"), []byte("a long leftover"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "a.csv"), "new")
	text, err := os.ReadFile(filepath.Join(dir, "a.csv"))
	entries, errDir := os.ReadDir(dir)
	if err != nil || errDir != nil || string(text) != "new" || len(entries) != 1 {
		t.Errorf("content %q, %d files, %v %v", text, len(entries), err, errDir)
	}
}
