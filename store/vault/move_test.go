package vault

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

// filled is a vault in a file with subjects of a study.
func filled(t *testing.T, subjects int) (*Store, pseudonym.Key) {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "vault.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	key, err := pseudonym.NewKey([]byte("a key for tests only 0123456789 abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pseudonym.CreateVault(t.Context(), s, key, "psma"); err != nil {
		t.Fatal(err)
	}
	add(t, s, subjects)
	return s, key
}

// add puts rows in that only look like subjects: moving does not look into them.
func add(t *testing.T, s *Store, subjects int) {
	t.Helper()
	for i := range subjects {
		bytes := func(size int, kind byte) []byte {
			b := make([]byte, size)
			b[0], b[1], b[2] = kind, byte(i>>8), byte(i) // #nosec G115 -- small
			return b
		}
		_, err := s.db.ExecContext(t.Context(), s.db.Rebind("INSERT INTO subject (id, study_hash, number_hash, number, site, secret, origin) VALUES (?, ?, ?, ?, ?, ?, ?)"),
			bytes(16, 1), bytes(32, 2), bytes(32, 3), []byte(fmt.Sprint("n", i)), []byte{}, []byte{0, 255}, []byte("o"))
		if err == nil {
			_, err = s.db.ExecContext(t.Context(), s.db.Rebind("INSERT INTO identity (hash, subject) VALUES (?, ?)"), bytes(32, 4), bytes(16, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAVaultIsMovedAsAWholeAndOnce(t *testing.T) {
	database := databases(t)
	from, key := filled(t, 1203)
	to := openPostgres(t, database(t))
	moved, err := Move(t.Context(), from, to)
	if err != nil || moved.Subjects != 1203 || moved.Identities != 1203 || len(moved.Checksum) != 64 {
		t.Fatalf("%+v %v", moved, err)
	}
	if _, err := pseudonym.OpenVault(t.Context(), to, key, "psma"); err != nil {
		t.Error(err)
	}
	again, err := Move(t.Context(), from, to)
	if err != nil || again != moved {
		t.Errorf("once more: %+v %v", again, err)
	}
	if _, err := from.db.ExecContext(t.Context(), "UPDATE subject SET secret = x'0001' WHERE number = CAST('n7' AS BLOB)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Move(t.Context(), from, to); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into one that differs by a byte: %v", err)
	}
}

func TestAMoveThatFailsLeavesNothing(t *testing.T) {
	from, _ := filled(t, 3)
	to := openPostgres(t, databases(t)(t))
	if _, err := to.db.ExecContext(t.Context(), "ALTER TABLE identity ADD CHECK (get_byte(hash, 2) <> 2)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Move(t.Context(), from, to); err == nil {
		t.Fatal("the move did not fail")
	}
	there, err := read(t.Context(), to.db)
	if err != nil || len(there.meta)+len(there.subjects) != 0 {
		t.Errorf("%d subjects are left, %v", len(there.subjects), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Move(ctx, from, to); err == nil {
		t.Error("a move that was called off was done")
	}
}
