package casetest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

const exampleStudy = "../../configs/psma-registry"

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// admit is the whole way to a record: a policy of kind none, a vault in memory and the real veil.
func admit(t testing.TB) func(context.Context, time.Time, *fhir.Record) (*pseudonym.Record, error) {
	t.Helper()
	policy, err := consent.Parse("none.yaml", []byte("kind: none\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	veil, err := pseudonym.NewVeil(profile, pseudonym.Dates{Mode: pseudonym.None, Zone: berlin(t)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := pseudonym.NewKey([]byte("a key for tests, and for nothing else 0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	vault, err := pseudonym.CreateVault(t.Context(), vaulttest.NewMemory(), key, "tests")
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, asOf time.Time, from *fhir.Record) (*pseudonym.Record, error) {
		subject, err := vault.Find(ctx, from, pseudonym.IdentityRule{PatientID: true}, pseudonym.Issued{})
		if err != nil {
			return nil, err
		}
		permitted, _ := consent.Admit(from, consent.Evaluate(consent.FactsOf(from), policy, asOf), policy)
		record, _, err := veil.Apply(permitted, subject)
		return record, err
	}
}

// load compiles a study of a dictionary and a mapping in a folder.
func load(t testing.TB, dir string) casetest.Study {
	t.Helper()
	text, err := os.ReadFile(dir + "/dictionary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	m, findings := mapping.Load(os.DirFS(dir), "mapping.yaml", d)
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	return casetest.Study{Mapping: m, Dictionary: d, Zone: berlin(t), Admit: admit(t)}
}
