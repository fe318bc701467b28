package pipeline_test

import (
	"os"
	"path/filepath"
	"testing"
)

// copyVault copies a vault's files into the state folder of another study that has not begun.
func copyVault(t *testing.T, from, to string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(from, "vault.db*"))
	if err != nil || len(names) == 0 {
		t.Fatal("there is no vault to copy", err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
