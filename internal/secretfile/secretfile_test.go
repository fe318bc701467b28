package secretfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func file(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASecretFileBelongsToItsOwner(t *testing.T) {
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o440: false, 0o640: false, 0o604: false, 0o610: false} {
		text, err := Read(file(t, mode, "secret"))
		if (err == nil) != ok || string(text) == "secret" != ok {
			t.Errorf("mode %o: %q %v", mode, text, err)
		}
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if _, err := Read(file(t, 0o600, strings.Repeat("x", limit+1))); err == nil {
		t.Error("a file beyond the limit was read")
	}
}

func TestACredentialMayBeReadThroughAnACL(t *testing.T) {
	for mode, ok := range map[os.FileMode]bool{0o400: true, 0o440: true, 0o444: false, 0o460: false} {
		path := file(t, mode, "secret")
		if _, err := ReadCredential(filepath.Dir(path), "secret"); (err == nil) != ok {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := ReadCredential("", "secret"); err == nil || !strings.Contains(err.Error(), "LoadCredential") {
		t.Errorf("outside of a service: %v", err)
	}
	for _, name := range []string{"", ".", "..", "../secret", "a/b"} {
		if _, err := ReadCredential(t.TempDir(), name); err == nil || !strings.Contains(err.Error(), "not the name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
