package tabular_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/ecrf/tabular"
)

func TestAFolderIsTakenByItsNameAndWhatIsHalfWrittenIsRemoved(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "study [1]")
	if left, err := tabular.Left(folder, ".csv"); err != nil || left != nil {
		t.Errorf("a folder that is not there: %v, %v", left, err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "a folder.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cells.csv", "cells.txt", ".cells.csv.partial", ".cells.txt.partial"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left, err := tabular.Left(folder, ".csv")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{filepath.Join(folder, "cells.csv")}, left); d != "" {
		t.Error(d)
	}
	if _, err := os.Stat(filepath.Join(folder, ".cells.csv.partial")); !os.IsNotExist(err) {
		t.Errorf("what was half written is there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, ".cells.txt.partial")); err != nil {
		t.Errorf("another target's file is gone: %v", err)
	}
}
