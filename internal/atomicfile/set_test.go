package atomicfile_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/crflink/crflink/internal/atomicfile"
)

func TestASetOfFilesIsReplacedTogetherOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	put(t, names[0], "same")
	for _, commit := range []bool{false, true} {
		var s atomicfile.Set
		for i, text := range []string{"same", "new"} {
			f, err := s.Create(names[i], 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, text); err != nil {
				t.Fatal(err)
			}
		}
		if !commit {
			s.Abort()
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("an aborted set left %v, %v", left, err)
			}
			continue
		}
		placed, err := s.Commit()
		if err != nil || len(placed) != 2 || placed[0].Changed || !placed[1].Changed || placed[1].Path != names[1] || placed[1].Size != 3 {
			t.Errorf("%+v, %v", placed, err)
		}
	}
}
