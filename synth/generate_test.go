package synth

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/golden"
)

// generated is what one generator yields.
type generated struct {
	resources []*fhir.Resource
	truths    []Truth
	text      []byte
}

func generate(t testing.TB, c Config) generated {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	var out generated
	err = g.Each(func(typ string, json []byte) error {
		out.text = append(append(out.text, json...), '\n')
		r, err := fhir.ReadResource(string(json), fhir.Origin{})
		if err != nil {
			t.Fatalf("a %s is not strict JSON: %v\n%s", typ, err, json)
		}
		if r.Type != typ || !fhir.IsID(r.ID) {
			t.Fatalf("%s/%q came as %s", r.Type, r.ID, typ)
		}
		out.resources = append(out.resources, r)
		return nil
	}, func(truth *Truth) error {
		out.text = append(truth.AppendJSON(out.text), '\n')
		out.truths = append(out.truths, *truth)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	a, b := generate(t, Config{Seed: 7, Patients: 40}), generate(t, Config{Seed: 7, Patients: 40})
	if !bytes.Equal(a.text, b.text) {
		t.Error("two runs of one seed differ")
	}
	if c := generate(t, Config{Seed: 8, Patients: 40}); bytes.Equal(a.text, c.text) {
		t.Error("another seed gives the same patients")
	}
}

func TestAPatientDoesNotDependOnHowManyThereAre(t *testing.T) {
	all := generate(t, Config{Seed: 3, Patients: 30})
	one := generate(t, Config{Seed: 3, First: 17, Patients: 1})
	if got, want := string(one.truths[0].AppendJSON(nil)), string(all.truths[17].AppendJSON(nil)); got != want {
		t.Errorf("patient 17 alone is not patient 17 of 30:\n%s\n%s", got, want)
	}
	for _, r := range one.resources {
		if !bytes.Contains(all.text, []byte(r.String())) {
			t.Errorf("%s differs", r.Key())
		}
	}
}

func TestTheFirstPatientOfTheFirstSeedIsGolden(t *testing.T) {
	got := generate(t, Config{Seed: 1, Patients: 1}).text
	name := filepath.Join("testdata", "patient.golden.ndjson")
	golden.Equal(t, name, got)
}

func TestEveryReferenceResolvesOrIsATrap(t *testing.T) {
	g := generate(t, Config{Seed: 5, Patients: 300, Messiness: Harsh})
	known := map[fhir.Key]bool{}
	for _, r := range g.resources {
		if known[r.Key()] {
			t.Errorf("%s occurs twice", r.Key())
		}
		known[r.Key()] = true
	}
	traps := 0
	for _, r := range g.resources {
		for _, ref := range references(r.Node, nil) {
			parsed := fhir.ParseReference(ref)
			key, ok := parsed.Key()
			switch {
			case parsed.Form == fhir.Contained:
				if r.Path("contained").First().Get("id").Text() != parsed.ID {
					t.Errorf("%s: contained reference %s leads nowhere", r.Key(), ref)
				}
			case strings.Contains(ref, danglingPart):
				traps++
			case !ok || !known[key]:
				t.Errorf("%s refers to %s, which does not exist", r.Key(), ref)
			}
		}
	}
	if traps == 0 {
		t.Error("no dangling reference was generated")
	}
}

func references(n fhir.Node, list []string) []string {
	if n.Key() == "reference" && n.Kind() == fhir.String {
		return append(list, n.Text())
	}
	for c := range n.Children() {
		list = references(c, list)
	}
	return list
}

func TestNumbersOfPatientsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	var p patient
	for i := range uint64(20_000) {
		p.reset(Config{Seed: 9, AsOf: DefaultAsOf}, i)
		for _, s := range []string{p.id, p.pid, number(9, i, "PSMA-", 100_000_000, 8)} {
			if seen[s] {
				t.Fatalf("%s of patient %d was given before", s, i)
			}
			seen[s] = true
		}
	}
}

func TestAHealthInsuranceNumberHasItsCheckDigit(t *testing.T) {
	// the example of the MII test data: A123456780, with letter 1 as 01
	sum, digits := 0, "0112345678"
	for i, c := range digits {
		d := int(c - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	if sum%10 != 0 {
		t.Fatalf("the rule gives %d for the published example", sum%10)
	}
	if got := kvnr("00000000"); got != "X000000000"[:9]+got[9:] || len(got) != 10 {
		t.Errorf("kvnr = %q", got)
	}
}

func TestMemoryPerPatientIsBounded(t *testing.T) {
	g, err := New(Config{Seed: 2, Patients: 1000})
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(string, []byte) error { return nil }
	i := 0
	one := func() {
		if _, err := g.Patient(i, nothing); err != nil {
			t.Fatal(err)
		}
		i++
	}
	for range 200 {
		one()
	}
	if n := testing.AllocsPerRun(300, one); n > 1500 {
		t.Errorf("%.0f allocations per patient: the generator does not reuse its memory", n)
	}
}

func BenchmarkPatient(b *testing.B) {
	g, err := New(Config{Seed: 2, Patients: maxPatients})
	if err != nil {
		b.Fatal(err)
	}
	var bytes, resources int64
	for i := range b.N {
		_, err := g.Patient(i, func(_ string, json []byte) error {
			bytes += int64(len(json))
			resources++
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(bytes / int64(b.N))
	b.ReportMetric(float64(resources)/float64(b.N), "resources/op")
}
