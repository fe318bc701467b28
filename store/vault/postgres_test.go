package vault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

// databases makes empty databases of one cluster.
func databases(t *testing.T) func(*testing.T) Address {
	t.Helper()
	cluster := shared.Postgres(t)
	var n atomic.Int64
	return func(t *testing.T) Address {
		return Address{URL: cluster.Database(t, fmt.Sprintf("vault%d", n.Add(1))), Password: cluster.Password}
	}
}

func openPostgres(t *testing.T, a Address) *Store {
	t.Helper()
	s, err := OpenPostgres(context.Background(), a)
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

func TestPostgreSQL(t *testing.T) {
	database := databases(t)
	t.Run("passes the exam", func(t *testing.T) {
		vaulttest.Run(t, func(t *testing.T) pseudonym.VaultStore { return openPostgres(t, database(t)) })
	})
	t.Run("holds nothing that identifies", func(t *testing.T) { holdsNothing(t, openPostgres(t, database(t))) })
	t.Run("is made by one of several that start at once", func(t *testing.T) { madeOnce(t, database(t)) })
	t.Run("numbers each patient once, whoever asks", func(t *testing.T) { numbersOnce(t, database(t)) })
	t.Run("refuses what was sealed before a rotation", func(t *testing.T) { rotatedMeanwhile(t, database(t)) })
	t.Run("rolls back a batch that fails", func(t *testing.T) { batchFails(t, openPostgres(t, database(t))) })
	t.Run("takes its password from nowhere else", func(t *testing.T) { ownPassword(t, database(t)) })
}

func holdsNothing(t *testing.T, s *Store) {
	ctx := context.Background()
	v, err := pseudonym.CreateVault(ctx, s, key(t), "study-of-the-test")
	if err != nil {
		t.Fatal(err)
	}
	id := pseudonym.Identity{System: "https://hospital.example/pid", Value: "patient-canary-0815"}
	if _, err := v.Enrol(ctx, id, "number-canary-4711", "site-canary-of-the-test"); err != nil {
		t.Fatal(err)
	}
	var dump string
	for _, table := range []string{"meta", "subject", "identity"} {
		var text []string
		if err := s.db.Select(&text, "SELECT encode(t::text::bytea, 'escape') || t::text FROM "+table+" t"); err != nil {
			t.Fatal(err)
		}
		dump += strings.Join(text, "\n")
	}
	for _, word := range []string{"hospital.example", "patient-canary", "number-canary", "site-canary", "study-of-the-test", testKey} {
		if strings.Contains(dump, word) || strings.Contains(dump, fmt.Sprintf("%x", word)) || len(dump) < 500 {
			t.Errorf("the database holds %q", word)
		}
	}
	if err := v.Destroy(ctx, "number-canary-4711"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Subject(ctx, id); !errors.Is(err, pseudonym.ErrNotEnrolled) {
		t.Errorf("after the deletion: %v", err)
	}
}

func madeOnce(t *testing.T, a Address) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := OpenPostgres(context.Background(), a)
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// numbersOnce lets two processes' stores enrol the same patients at the same time, in batches and in opposite order.
func numbersOnce(t *testing.T, a Address) {
	ctx := context.Background()
	first, second := openPostgres(t, a), openPostgres(t, a)
	v1, err := pseudonym.CreateVault(ctx, first, key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	v2, err := pseudonym.OpenVault(ctx, second, key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	const n = 60
	numbers := [2][n]string{}
	var all sync.WaitGroup
	for who, v := range []*pseudonym.Vault{v1, v2} {
		all.Go(func() {
			for begin := 0; begin < n; begin += 20 {
				err := v.Batch(ctx, func(ctx context.Context) error {
					for i := begin; i < begin+20; i++ {
						patient := i
						if who == 1 {
							patient = n - 1 - i
						}
						s, err := v.Issue(ctx, pseudonym.Identity{System: "s", Value: fmt.Sprint(patient)}, pseudonym.NumberFormat{}, "")
						if err != nil {
							return err
						}
						numbers[who][patient] = s.Number()
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if numbers[0] != numbers[1] || numbers[0][0] == "" {
		t.Errorf("two processes gave a patient different numbers:\n%v\n%v", numbers[0], numbers[1])
	}
}

func rotatedMeanwhile(t *testing.T, a Address) {
	ctx := context.Background()
	v, err := pseudonym.CreateVault(ctx, openPostgres(t, a), key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	running, err := pseudonym.OpenVault(ctx, openPostgres(t, a), key(t), "another study")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Issue(ctx, pseudonym.Identity{System: "s", Value: "anna"}, pseudonym.NumberFormat{}, ""); err != nil {
		t.Fatal(err)
	}
	if n, err := v.Rotate(ctx, secondKey(t)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := running.Issue(ctx, pseudonym.Identity{System: "s", Value: "bert"}, pseudonym.NumberFormat{}, ""); !errors.Is(err, pseudonym.ErrRotated) {
		t.Errorf("a vault that was opened by the old key enrols: %v", err)
	}
	if _, err := v.Issue(ctx, pseudonym.Identity{System: "s", Value: "bert"}, pseudonym.NumberFormat{}, ""); err != nil {
		t.Errorf("the vault that was rotated: %v", err)
	}
	if _, err := pseudonym.OpenVault(ctx, openPostgres(t, a), key(t), "study"); !errors.Is(err, pseudonym.ErrWrongKey) {
		t.Errorf("the old key: %v", err)
	}
}

func batchFails(t *testing.T, s *Store) {
	ctx := context.Background()
	v, err := pseudonym.CreateVault(ctx, s, key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	broken, anna := errors.New("broken"), pseudonym.Identity{System: "s", Value: "anna"}
	err = v.Batch(ctx, func(ctx context.Context) error {
		if _, err := v.Issue(ctx, anna, pseudonym.NumberFormat{}, ""); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := v.Subject(ctx, anna); !errors.Is(err, pseudonym.ErrNotEnrolled) {
		t.Errorf("after the batch: %v", err)
	}
}

func ownPassword(t *testing.T, a Address) {
	t.Setenv("PGPASSWORD", a.Password)
	password := a.Password
	for _, wrong := range []string{"", "not the password"} {
		a.Password = wrong
		_, err := OpenPostgres(context.Background(), a)
		if err == nil || strings.Contains(err.Error(), password) || wrong != "" && strings.Contains(err.Error(), wrong) {
			t.Errorf("with the password %q: %v", wrong, err)
		}
	}
}

func TestAServerThatIsDownIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if _, err := OpenPostgres(context.Background(), Address{URL: "postgres://r@" + address + "/v"}); err == nil {
		t.Error("a server that is not there was opened")
	}
	if _, err := os.Stat("vault.db"); err == nil {
		t.Error("a file was made instead")
	}
}
