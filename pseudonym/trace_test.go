package pseudonym_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

func tracedVault(t *testing.T) *pseudonym.Vault {
	t.Helper()
	key, err := pseudonym.NewKey([]byte(strings.Repeat("a key of the traces ", 3)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := pseudonym.CreateVault(t.Context(), vaulttest.NewMemory(), key, "traces")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestATraceLeadsToItsSubjectOnlyWhileTheVaultHasIt(t *testing.T) {
	v := tracedVault(t)
	anna, anne := pseudonym.Identity{System: "s", Value: "anna"}, pseudonym.Identity{System: "s", Value: "anne"}
	first, err := v.Enrol(t.Context(), anna, "N-1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Link(t.Context(), "N-1", anne); err != nil {
		t.Fatal(err)
	}
	trace, err := v.TraceOf(t.Context(), "N-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []pseudonym.Identity{anna, anne} {
		if !slices.Contains(trace.Identities, v.IdentityTrace(id)) {
			t.Error("an identity has left no trace")
		}
	}
	if trace.Number != v.NumberTrace("N-1") || strings.Contains(trace.Number+strings.Join(trace.Identities, ""), "ann") {
		t.Errorf("trace %+v", trace)
	}
	if got, err := v.Traced(t.Context(), trace); err != nil || got.Number() != "N-1" {
		t.Errorf("the trace leads to %v, %v", got, err)
	}
	if err := v.Destroy(t.Context(), "N-1"); err != nil {
		t.Fatal(err)
	}
	second, err := v.Enrol(t.Context(), anna, "N-2", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Traced(t.Context(), trace); !errors.Is(err, pseudonym.ErrNotEnrolled) {
		t.Errorf("the trace of a destroyed subject leads to another one of the person: %v", err)
	}
	if first.UID("1.2.3") == second.UID("1.2.3") {
		t.Error("the new subject has the old secret")
	}
}

func TestASpentNumberIsGivenToNobody(t *testing.T) {
	v := tracedVault(t)
	anna := pseudonym.Identity{System: "s", Value: "anna"}
	spent := v.NumberTrace("N-1")
	v.Heed(bar{spent: func(trace string) bool { return trace == spent }})
	if _, err := v.Enrol(t.Context(), anna, "N-1", ""); !errors.Is(err, pseudonym.ErrSpent) {
		t.Errorf("enrolled: %v", err)
	}
	tries := 0
	v.Heed(bar{spent: func(string) bool { tries++; return tries < 4 }})
	if s, err := v.Issue(t.Context(), anna, pseudonym.NumberFormat{}, ""); err != nil || s.IsZero() || tries != 4 {
		t.Errorf("issued %v, %v after %d tries", s, err, tries)
	}
}

type bar struct{ spent, barred func(trace string) bool }

func (b bar) Spent(trace string) bool  { return b.spent(trace) }
func (b bar) Barred(trace string) bool { return b.barred != nil && b.barred(trace) }

func TestWhoWithdrewIsNotEnrolled(t *testing.T) {
	v := tracedVault(t)
	anna := v.IdentityTrace(pseudonym.Identity{System: "s", Value: "anna"})
	v.Heed(bar{spent: func(string) bool { return false }, barred: func(trace string) bool { return trace == anna }})
	for name, want := range map[string]error{"anna": pseudonym.ErrWithdrawn, "bert": nil} {
		id := pseudonym.Identity{System: "s", Value: name}
		if _, err := v.Enrol(t.Context(), id, "N-"+name, ""); !errors.Is(err, want) {
			t.Errorf("%s is enrolled: %v", name, err)
		}
		if _, err := v.Issue(t.Context(), id, pseudonym.NumberFormat{}, ""); !errors.Is(err, want) {
			t.Errorf("%s is given a number: %v", name, err)
		}
	}
}

func TestADetachedPersonIsEnrolledAnewAndTheOldSubjectStays(t *testing.T) {
	v := tracedVault(t)
	anna := pseudonym.Identity{System: "s", Value: "anna"}
	if _, err := v.Enrol(t.Context(), anna, "N-1", ""); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Detach(t.Context(), anna); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := v.Enrol(t.Context(), anna, "N-2", ""); err != nil || s.Number() != "N-2" {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := v.SubjectOf(t.Context(), "N-1"); err != nil || s.Number() != "N-1" {
		t.Errorf("the old subject is %v, %v", s, err)
	}
}

func TestAJoinedSubjectsPatientsAreTheOtherOnes(t *testing.T) {
	v := tracedVault(t)
	anna, anne, bert := pseudonym.Identity{System: "s", Value: "anna"}, pseudonym.Identity{System: "s", Value: "anne"}, pseudonym.Identity{System: "s", Value: "bert"}
	for number, id := range map[string]pseudonym.Identity{"N-1": anna, "N-2": bert} {
		if _, err := v.Enrol(t.Context(), id, number, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Link(t.Context(), "N-2", anne); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Join(t.Context(), "N-1", "N-2"); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []pseudonym.Identity{anna, anne, bert} {
		if s, err := v.Subject(t.Context(), id); err != nil || s.Number() != "N-1" {
			t.Errorf("%v %v", s, err)
		}
	}
	if s, err := v.SubjectOf(t.Context(), "N-2"); err != nil || s.Number() != "N-2" {
		t.Errorf("the subject that went: %v %v", s, err)
	}
	for _, pair := range [][2]string{{"N-1", "N-1"}, {"N-1", "N-9"}, {"N-9", "N-2"}} {
		if err := v.Join(t.Context(), pair[0], pair[1]); err == nil {
			t.Errorf("%v were joined", pair)
		}
	}
}
