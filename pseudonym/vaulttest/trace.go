package vaulttest

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

// Unlink takes an identity off its row.
func (m *Memory) Unlink(_ context.Context, identity []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.identities, string(identity))
	return nil
}

// Identities returns the identity hashes that point to a row, in order.
func (m *Memory) Identities(_ context.Context, rowID []byte) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all [][]byte
	for identity, id := range m.identities {
		if id == string(rowID) {
			all = append(all, []byte(identity))
		}
	}
	slices.SortFunc(all, bytes.Compare)
	return all, nil
}

func unlinked(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	insert(t, s, "anna", "1")
	must(t, s.Link(ctx, hash("anne"), row("1").ID))
	all, err := s.Identities(ctx, row("1").ID)
	must(t, err)
	if len(all) != 2 || !bytes.Equal(all[0], hash("anna")) || !bytes.Equal(all[1], hash("anne")) {
		t.Errorf("identities %q", all)
	}
	for range 2 {
		must(t, s.Unlink(ctx, hash("anna")))
	}
	_, err = s.Subject(ctx, hash("anna"))
	wantErr(t, err, pseudonym.ErrNoRow)
	for _, found := range []func() (pseudonym.Row, error){
		func() (pseudonym.Row, error) { return s.Subject(ctx, hash("anne")) },
		func() (pseudonym.Row, error) { return s.SubjectByNumber(ctx, hash("nr1")) },
	} {
		if got, err := found(); err != nil || !same(got, row("1")) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if got := insert(t, s, "anna", "2"); !same(got, row("2")) {
		t.Errorf("enrolled anew: %v", got)
	}
	if none, err := s.Identities(ctx, hash("nobody")[:16]); err != nil || len(none) != 0 {
		t.Errorf("identities of nobody: %v, %v", none, err)
	}
}
