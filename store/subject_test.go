package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

// vault is one for all tests: making a key is slow on purpose.
var vault = sync.OnceValues(func() (*pseudonym.Vault, error) {
	key, err := pseudonym.NewKey([]byte(strings.Repeat("test key of the ledger", 2)))
	if err != nil {
		return nil, err
	}
	return pseudonym.CreateVault(context.Background(), vaulttest.NewMemory(), key, "ledger-test")
})

func newSubject(t testing.TB, number string) pseudonym.Subject {
	t.Helper()
	v, err := vault()
	check(t, err)
	s, err := v.Enrol(t.Context(), pseudonym.Identity{System: "test", Value: number}, number, "site-a")
	check(t, err)
	return s
}
