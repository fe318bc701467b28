package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

func metaChange(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	must(t, s.ChangeMeta(ctx, "n", func(now []byte) ([]byte, error) {
		if now != nil {
			t.Errorf("a name without a value has %q", now)
		}
		return []byte("0"), nil
	}))
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			err := s.ChangeMeta(ctx, "n", func(now []byte) ([]byte, error) { return append(now, 'x'), nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	failure := errors.New("no")
	if err := s.ChangeMeta(ctx, "n", func([]byte) ([]byte, error) { return []byte("lost"), failure }); !errors.Is(err, failure) {
		t.Errorf("a change that fails: %v", err)
	}
	must(t, s.ChangeMeta(ctx, "n", func([]byte) ([]byte, error) { return nil, nil }))
	if v, err := s.Meta(ctx, "n"); err != nil || string(v) != "0xxxxxxxxxxxxxxxxxxxx" {
		t.Errorf("after 20 changes at once, one that failed and one that changed nothing: %q, %v", v, err)
	}
}

func rowsListed(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	want := map[string]bool{}
	for n := range 5 {
		want[fmt.Sprint(insert(t, s, fmt.Sprint("p", n), fmt.Sprint(n)))] = true
	}
	other := row("other")
	other.StudyHash = hash("another")
	if _, err := s.Insert(ctx, nil, hash("elsewhere"), other); err != nil {
		t.Fatal(err)
	}
	for r, err := range s.Rows(ctx, hash("study")) {
		must(t, err)
		if !want[fmt.Sprint(r)] {
			t.Errorf("a row that was not stored, is of another study, or came twice: %v", r)
		}
		delete(want, fmt.Sprint(r))
	}
	if len(want) > 0 {
		t.Errorf("%d rows are missing", len(want))
	}
}
