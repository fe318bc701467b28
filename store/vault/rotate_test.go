package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/crflink/crflink/pseudonym"
)

const otherKey = "another test key that is long enough, 9876543210"

func secondKey(t *testing.T) pseudonym.Key {
	t.Helper()
	k, err := pseudonym.NewKey([]byte(otherKey))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestRotationSurvivesKills kills a process that rotates between two keys, again and again: one of the two opens the whole
// vault, and nobody's number or pseudonyms have changed.
func TestRotationSurvivesKills(t *testing.T) {
	if path := os.Getenv("CRFLINK_TEST_ROTATED_VAULT"); path != "" {
		rotateForever(t, path)
		return
	}
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vault.db")
	store := open(t, path)
	v, err := pseudonym.CreateVault(ctx, store, key(t), "study")
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]pseudonym.Subject{}
	for i := range 200 {
		if before[fmt.Sprint(i)], err = v.Issue(ctx, pseudonym.Identity{System: "s", Value: fmt.Sprint(i)}, pseudonym.NumberFormat{}, "S1"); err != nil {
			t.Fatal(err)
		}
	}
	opened := map[bool]int{}
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run", "TestRotationSurvivesKills")
		cmd.Env = append(os.Environ(), "CRFLINK_TEST_ROTATED_VAULT="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(170+53*round)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err == nil {
			t.Error("the rotation ended by itself")
		}
		timer.Stop()
		after, err := pseudonym.OpenVault(ctx, store, key(t), "study")
		if errors.Is(err, pseudonym.ErrWrongKey) {
			after, err = pseudonym.OpenVault(ctx, store, secondKey(t), "study")
			opened[true]++
		} else {
			opened[false]++
		}
		if err != nil {
			t.Fatal(err)
		}
		for who, want := range before {
			got, err := after.Subject(ctx, pseudonym.Identity{System: "s", Value: who})
			if err != nil || got.Number() != want.Number() || got.Site() != "S1" || got.UID("1.2.3") != want.UID("1.2.3") {
				t.Fatalf("after a kill: %v %v, want %v", got, err, want)
			}
		}
	}
	t.Logf("opened by the first key %d times, by the second %d times", opened[false], opened[true])
}

func rotateForever(t *testing.T, path string) {
	ctx := context.Background()
	store := open(t, path)
	v, err := pseudonym.OpenVault(ctx, store, key(t), "study")
	if errors.Is(err, pseudonym.ErrWrongKey) {
		v, err = pseudonym.OpenVault(ctx, store, secondKey(t), "study")
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		for _, k := range []pseudonym.Key{secondKey(t), key(t)} {
			if n, err := v.Rotate(ctx, k); n != 200 || err != nil {
				t.Fatal(n, err)
			}
		}
	}
}
