package ucum

import (
	"strings"
	"testing"
)

// essence is the published table of UCUM.
type essence struct {
	Version  string `xml:"version,attr"`
	Revision string `xml:"revision-date,attr"`
	Prefixes []struct {
		Code  string `xml:"Code,attr"`
		Name  string `xml:"name"`
		Value struct {
			Value string `xml:"value,attr"`
		} `xml:"value"`
	} `xml:"prefix"`
	Bases []struct {
		Code string `xml:"Code,attr"`
		Name string `xml:"name"`
	} `xml:"base-unit"`
	Units []essenceUnit `xml:"unit"`
}

type essenceUnit struct {
	Code      string   `xml:"Code,attr"`
	Metric    string   `xml:"isMetric,attr"`
	Special   string   `xml:"isSpecial,attr"`
	Arbitrary string   `xml:"isArbitrary,attr"`
	Names     []string `xml:"name"`
	Value     struct {
		Unit     string `xml:"Unit,attr"`
		Value    string `xml:"value,attr"`
		Function struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
			Unit  string `xml:"Unit,attr"`
		} `xml:"function"`
	} `xml:"value"`
}

func readEssence(t *testing.T) essence {
	t.Helper()
	var e essence
	readXML(t, &e, "ucum-essence.xml")
	if e.Version != "2.2" || e.Revision != "2024-06-17" {
		t.Fatalf("version %s of %s: the tables follow 2.2 of 2024-06-17; bring them and doc.go up to date", e.Version, e.Revision)
	}
	return e
}

func TestEveryPrefixIsThatOfUCUM(t *testing.T) {
	published := readEssence(t).Prefixes
	if len(published) != len(prefixes) || len(prefixes) != 24 {
		t.Fatalf("%d prefixes, published %d", len(prefixes), len(published))
	}
	ours := loaded(t)
	for _, want := range published {
		p := ours.prefixes[want.Code]
		if p == nil || p.name != want.Name {
			t.Errorf("prefix %q %q: %+v", want.Code, want.Name, p)
			continue
		}
		sameNumber(t, want.Code, p.value, want.Value.Value)
	}
}

func TestEveryBaseUnitIsThatOfUCUM(t *testing.T) {
	published := readEssence(t).Bases
	if len(published) != len(baseAtoms) {
		t.Fatalf("%d base units, published %d", len(baseAtoms), len(published))
	}
	ours := loaded(t)
	for _, want := range published {
		if a := ours.atoms[want.Code]; a == nil || !a.isBase() || !a.metric || a.name != want.Name {
			t.Errorf("base unit %q: %+v", want.Code, a)
		}
	}
}

func TestEveryAtomIsThatOfUCUM(t *testing.T) {
	published := readEssence(t).Units
	ours := loaded(t)
	if n := len(ours.atoms) - len(baseAtoms); n != len(published) || n != 305 || len(ours.order) != len(ours.atoms) {
		t.Fatalf("%d atoms (%d listed), published %d", n, len(ours.order), len(published))
	}
	for _, want := range published {
		a := ours.atoms[want.Code]
		if a == nil {
			t.Errorf("atom %q is missing", want.Code)
			continue
		}
		sameAtom(t, a, want)
	}
}

func sameAtom(t *testing.T, a *atom, want essenceUnit) {
	t.Helper()
	if a.name != strings.Join(strings.Fields(want.Names[0]), " ") {
		t.Errorf("%s: name %q, want %q", a.code, a.name, want.Names[0])
	}
	if a.metric != (want.Metric == "yes") || a.arbitrary != (want.Arbitrary == "yes") || (a.function != "") != (want.Special == "yes") {
		t.Errorf("%s: %+v, want %+v", a.code, a, want)
	}
	value, unit := want.Value.Value, want.Value.Unit
	if want.Special == "yes" {
		value, unit = want.Value.Function.Value, want.Value.Function.Unit
		if a.function != want.Value.Function.Name {
			t.Errorf("%s: function %q, want %q", a.code, a.function, want.Value.Function.Name)
		}
	}
	if a.unit != unit {
		t.Errorf("%s: unit %q, want %q", a.code, a.unit, unit)
	}
	sameNumber(t, a.code, a.value, value)
}

func sameNumber(t *testing.T, of, got, want string) {
	t.Helper()
	g, err := decimalRat(got)
	if err != nil {
		t.Fatalf("%s: %v", of, err)
	}
	w, err := decimalRat(want)
	if err != nil {
		t.Fatalf("%s: %v", of, err)
	}
	if g.Cmp(w) != 0 {
		t.Errorf("%s: %s, want %s", of, got, want)
	}
}

func loaded(t testing.TB) *table {
	t.Helper()
	ours, err := loadTable()
	if err != nil {
		t.Fatal(err)
	}
	return ours
}
