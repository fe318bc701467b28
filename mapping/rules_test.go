package mapping_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

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
	return admitWith(t, pseudonym.None, nil)
}

// admitWith shows the mapping the elements that it says it reads.
func admitWith(t testing.TB, mode pseudonym.DateMode, elements map[string][]string) func(context.Context, time.Time, *fhir.Record) (*pseudonym.Record, error) {
	t.Helper()
	policy, err := consent.Parse("none.yaml", []byte("kind: none\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	veil, err := pseudonym.NewVeil(profile, pseudonym.Dates{Mode: mode, Zone: berlin(t)})
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
		record, _, err := veil.Only(elements).Apply(permitted, subject)
		return record, err
	}
}

// study compiles the dictionary and the mapping of a folder.
func study(t testing.TB, dir string) casetest.Study {
	t.Helper()
	d := dictionary(t, dir+"/dictionary.yaml")
	m, findings := mapping.Load(os.DirFS(dir), "mapping.yaml", d)
	if m == nil {
		t.Fatal(findings)
	}
	return casetest.Study{Mapping: m, Dictionary: d, Zone: berlin(t), Admit: admitWith(t, pseudonym.None, m.Elements())}
}

// TestTheRules runs a case for every rule of docs/semantics.md; the names of the cases begin with the rule's number.
func TestTheRules(t *testing.T) {
	for _, dir := range []string{"testdata/rules", "testdata/language", "testdata/visits"} {
		s := study(t, dir)
		var names []string
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".yaml") && e.Name() != "mapping.yaml" && e.Name() != "dictionary.yaml" {
				names = append(names, e.Name())
			}
		}
		files, findings := casetest.Load(os.DirFS(dir), names, s)
		if len(findings) > 0 {
			t.Fatal(findings)
		}
		for _, f := range files {
			for _, c := range f.Cases {
				t.Run(c.Name, func(t *testing.T) { runCase(t, s, f.Name, c) })
			}
		}
	}
}

func runCase(t *testing.T, s casetest.Study, file string, c casetest.Case) {
	t.Helper()
	var out strings.Builder
	result, err := casetest.Run(t.Context(), &out, s, []casetest.File{{Name: file, Cases: []casetest.Case{c}}})
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed > 0 {
		text, _, _ := strings.Cut(out.String(), "warning:")
		t.Error("\n" + text)
	}
}
