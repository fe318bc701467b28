package vault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTheSQLiteStorePassesTheExam(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) pseudonym.VaultStore {
		return open(t, filepath.Join(t.TempDir(), "vault ?#%.db"))
	})
}

func TestEveryConnectionHasThePragmas(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "vault.db"))
	for range 3 {
		conn, err := s.db.Connx(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for pragma, want := range map[string]string{"journal_mode": "wal", "busy_timeout": "5000", "foreign_keys": "1", "synchronous": "2", "secure_delete": "1"} {
			var got string
			if err := conn.GetContext(context.Background(), &got, "PRAGMA "+pragma); err != nil || got != want {
				t.Errorf("%s is %s, want %s (%v)", pragma, got, want, err)
			}
		}
	}
}

func TestOnlyTheOwnerMayUseTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	open(t, path)
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(name), info.Mode().Perm())
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that the group may read: %v", err)
	}
}

const testKey = "a test key that is long enough, 0123456789"

func key(t *testing.T) pseudonym.Key {
	t.Helper()
	k, err := pseudonym.NewKey([]byte(testKey))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestNothingIdentifyingStandsInTheFiles looks for identity, number and key in the database and its log, and for the
// ciphertext of a destroyed subject.
func TestNothingIdentifyingStandsInTheFiles(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vault.db")
	s := open(t, path)
	v, err := pseudonym.CreateVault(ctx, s, key(t), "study-of-the-test")
	if err != nil {
		t.Fatal(err)
	}
	id := pseudonym.Identity{System: "https://hospital.example/pid", Value: "patient-canary-0815"}
	subject, err := v.Enrol(ctx, id, "number-canary-4711", "site-canary-of-the-test")
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if err := s.db.Get(&sealed, "SELECT secret FROM subject"); err != nil {
		t.Fatal(err)
	}
	refuse(t, path, "hospital.example", "patient-canary", "number-canary", "site-canary", "study-of-the-test", testKey)
	if err := v.Destroy(ctx, subject.Number()); err != nil {
		t.Fatal(err)
	}
	refuse(t, path, string(sealed))
	if _, err := v.Subject(ctx, id); !errors.Is(err, pseudonym.ErrNotEnrolled) {
		t.Errorf("after the deletion: %v", err)
	}
}

func refuse(t *testing.T, path string, words ...string) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if bytes.Contains(content, []byte(word)) {
				t.Errorf("%s holds %q", filepath.Base(file), word)
			}
		}
	}
}

// TestIssuingSurvivesKills runs a process that issues numbers, kills it at some moment, again and again: a number
// that was printed is still there, and a patient has one.
func TestIssuingSurvivesKills(t *testing.T) {
	if path := os.Getenv("CRFLINK_TEST_VAULT"); path != "" {
		issueForever(t, path)
		return
	}
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vault.db")
	v, err := pseudonym.CreateVault(ctx, open(t, path), key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for round := range 6 {
		for patient, number := range issueUntilKilled(t, path, time.Duration(150+37*round)*time.Millisecond) {
			if seen[patient] != "" && seen[patient] != number {
				t.Errorf("a patient had number %s and got %s", seen[patient], number)
			}
			seen[patient] = number
		}
	}
	if len(seen) < 3 {
		t.Fatalf("only %d numbers were issued", len(seen))
	}
	for patient, number := range seen {
		s, err := v.Subject(ctx, pseudonym.Identity{System: "s", Value: patient})
		if err != nil || s.Number() != number {
			t.Errorf("number %s was printed, the vault has %v (%v)", number, s, err)
		}
	}
}

func issueUntilKilled(t *testing.T, path string, after time.Duration) map[string]string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(os.Args[0], "-test.run", "TestIssuingSurvivesKills", "-test.v")
	cmd.Env = append(os.Environ(), "CRFLINK_TEST_VAULT="+path)
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	issued := map[string]string{}
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "issued" {
			issued[f[1]] = f[2]
		}
	}
	return issued
}

func issueForever(t *testing.T, path string) {
	ctx := context.Background()
	v, err := pseudonym.OpenVault(ctx, open(t, path), key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		patient := "p" + strings.Repeat("i", i)
		s, err := v.Issue(ctx, pseudonym.Identity{System: "s", Value: patient}, pseudonym.NumberFormat{Digits: 6}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString("issued " + patient + " " + s.Number() + "\n"); err != nil {
			t.Fatal(err)
		}
	}
}
