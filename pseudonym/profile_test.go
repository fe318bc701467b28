package pseudonym

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/golden"
)

// TestEveryFaultOfAProfileIsFoundAtItsPlace compares the whole output for a profile with many faults.
func TestEveryFaultOfAProfileIsFoundAtItsPlace(t *testing.T) {
	const file = "testdata/faults.yaml"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseProfile("faults.yaml", src)
	var list finding.List
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := list.Render(&out, func(string) string { return string(src) }); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/faults.golden", out.String())
}

func TestABrokenProfileIsOneFinding(t *testing.T) {
	for _, src := range []string{"", "a: [", "- 1", "just text", "a: b: c", "\x00"} {
		_, err := ParseProfile("p.yaml", []byte(src))
		var list finding.List
		if !errors.As(err, &list) || len(list) == 0 {
			t.Errorf("%q: %v", src, err)
		}
	}
}

func TestAProfileSaysWhatAMappingMayRead(t *testing.T) {
	p := builtIn(t)
	for path, want := range map[string]string{
		"Patient.birthDate":                      "generalise year",
		"Patient.name.family":                    "drop",
		"Patient":                                "keep",
		"Practitioner":                           "drop",
		"Observation.valueQuantity.value":        "keep number",
		"Observation.code.coding.display":        "drop",
		"Observation.code.coding.code":           "keep code",
		"Observation.effectiveDateTime":          "shift",
		"Observation.identifier.value":           "hash identifier",
		"ImagingStudy.series.instance.uid":       "hash uid",
		"Composition.section.section.section":    "keep",
		"Composition.section.section.entry.type": "keep type",
		"Patient.":                               "drop",
	} {
		if got := p.Action(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if !p.Extension("Condition.code.coding", "http://fhir.de/StructureDefinition/seitenlokalisation") || p.Extension("Patient", "http://fhir.de/StructureDefinition/seitenlokalisation") {
		t.Error("extensions are not where they belong")
	}
	if p.Name() != DefaultProfile || p.Version() == "" || len(p.Hash()) != 64 {
		t.Error(p.Name(), p.Version(), p.Hash())
	}
	if _, err := BuiltIn("none"); err == nil {
		t.Error("an unknown profile was found")
	}
}

func TestTheBuiltInProfileIsSmall(t *testing.T) {
	p, err := ParseProfile("mii-default.yaml", miiDefault)
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	for _, r := range p.resources {
		rules = max(rules, r.opening.rules)
	}
	if rules > 30_000 {
		t.Errorf("%d rules", rules)
	}
}

func TestTheBuiltInProfileIsReadFromJSONThatSaysTheSame(t *testing.T) {
	root, found := parseYAML("mii-default.yaml", miiDefault)
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "profiles/mii-default.json", string(appendProfile(nil, root))+"\n")
	read, err := parseJSON(miiDefaultJSON)
	if err != nil {
		t.Fatal(err)
	}
	withoutPlaces(root)
	if d := cmp.Diff(root, read, cmp.AllowUnexported(yamlNode{})); d != "" {
		t.Error(d)
	}
}

func TestWhatAProfileSaysOfAnElementIsWhatIsCompiled(t *testing.T) {
	p, err := ParseProfile("mii-default.yaml", miiDefault)
	if err != nil {
		t.Fatal(err)
	}
	urls := map[string]bool{}
	for _, extensions := range p.resources["Patient"].text.contexts {
		for _, e := range extensions {
			urls[e.url] = true
		}
	}
	checked := 0
	var check func(path string, r *rule)
	check = func(path string, r *rule) {
		if strings.Count(path, ".") > 6 { // types contain themselves
			return
		}
		for name, m := range r.members {
			want, below := m.act.String(), path+"."+name
			if m.isObject() {
				want = "keep"
			}
			if got := p.Action(below); got != want {
				t.Errorf("%s: %s, compiled %s", below, got, want)
			}
			for url := range urls {
				if may := m.extensions[url] != nil || p.extensions[url] != nil; p.Extension(below, url) != may {
					t.Errorf("%s: %s may stand there: %t", below, url, may)
				}
			}
			checked++
			check(below, m)
		}
		for _, name := range []string{"none", "value[x]", "", "extension"} {
			if r.members[name] == nil && p.Action(path+"."+name) != "drop" {
				t.Errorf("%s.%s is not dropped", path, name)
			}
		}
	}
	for typ, r := range p.resources {
		check(typ, r)
	}
	if checked < 5000 {
		t.Errorf("only %d elements", checked)
	}
}

// appendProfile writes a profile as JSON, a line for each type and resource.
func appendProfile(b []byte, y *yamlNode) []byte {
	switch y.kind {
	case yamlMapping:
		b = append(b, '{')
		for i, k := range y.keys {
			b = append(strconv.AppendQuote(b, k.text), ':')
			b = append(appendProfile(b, y.items[i]), ",\n"...)
		}
		return append(bytes.TrimSuffix(b, []byte(",\n")), '}')
	case yamlList:
		b = append(b, '[')
		for _, item := range y.items {
			b = append(appendProfile(b, item), ',')
		}
		return append(bytes.TrimSuffix(b, []byte(",")), ']')
	}
	return strconv.AppendQuote(b, y.text)
}

func withoutPlaces(y *yamlNode) {
	y.line, y.col = 0, 0
	for _, of := range [][]*yamlNode{y.keys, y.items} {
		for _, n := range of {
			withoutPlaces(n)
		}
	}
}

// Walks under way read names without a lock: compiling a resource type must not add one.
func TestCompilingAResourceTypeAddsNoName(t *testing.T) {
	root, err := parseJSON(miiDefaultJSON)
	if err != nil {
		t.Fatal(err)
	}
	p, err := compileProfile(source{text: miiDefault, root: root}, false)
	if err != nil {
		t.Fatal(err)
	}
	known, written := maps.Clone(p.names), p.written.Len()
	var wg sync.WaitGroup
	for _, r := range p.resources {
		wg.Go(func() { r.open() })
	}
	wg.Wait()
	if !maps.Equal(known, p.names) || p.written.Len() != written {
		t.Errorf("%d names became %d, %d written ones %d", len(known), len(p.names), written, p.written.Len())
	}
	whole, err := ParseProfile("mii-default.yaml", miiDefault)
	if err != nil {
		t.Fatal(err)
	}
	for typ, r := range whole.resources {
		compareTries(t, p.resources[typ], r, map[*rule]bool{})
	}
}

// compareTries makes sure that two tries say the same, whatever the numbers of their rules are.
func compareTries(t *testing.T, a, b *rule, done map[*rule]bool) {
	t.Helper()
	switch {
	case done[b]:
		return
	case a == nil || a.path != b.path || a.name != b.name || a.as != b.as && a.name != "" || a.url != b.url || a.act.String() != b.act.String() || len(a.members) != len(b.members) || len(a.extensions) != len(b.extensions):
		t.Errorf("%s is compiled otherwise", b.path)
		return
	}
	done[b] = true
	for name, m := range b.members {
		compareTries(t, a.members[name], m, done)
	}
	for url, x := range b.extensions {
		compareTries(t, a.extensions[url], x, done)
	}
}

func TestTheActionsOfAProfileDoWhatTheySay(t *testing.T) {
	p, err := ParseProfile("p.yaml", []byte(`
profile: test
version: 1
units: [tablets]
types: {}
resources:
  Patient: {birthDate: generalise years 5, gender: replace unknown, name: {family: redact, given: drop}}
`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVeil(p, Dates{Mode: None, Zone: berlin(t)})
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := v.apply(record(t, `{"resourceType":"Patient","id":"p","birthDate":"1957-03-12","gender":"female","name":[{"family":"Muster","given":["Anna"]}]}`), false, testSubject(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := written(rec), `{"resourceType":"Patient","birthDate":"1955","gender":"unknown","name":[{"family":"[redacted]"}]}`+"\n"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestPrintedUnitsStayAndNamesDoNot(t *testing.T) {
	p := builtIn(t)
	for _, s := range []string{"mg/dL", "pg/100mL", "Mt/m3", "pg%", "mL/min/{1.73_m2}", "µg/L", "10*9/L", "10^3/µl", "Filmtabletten", "Becquerel", "[pH]", "°C", "mmol/mol", "% (n)", "/nanoliter"} {
		if !isUnit(s, p.units) {
			t.Errorf("%q is dropped", s)
		}
	}
	for _, s := range []string{"", "Mustermann", "canary123456", "1957-03-12", "12345678", "anna@example.org", "mg/dL Mustermann", "mg\n", "mg/dL mg/dL mg/dL mg/dL mg/dL mg/dL", "http://x", "Müllerin"} {
		if isUnit(s, p.units) {
			t.Errorf("%q stays", s)
		}
	}
}

func TestResultsInWordsStayOnlyAsNumbers(t *testing.T) {
	for _, s := range []string{"<5", "< 0.03", ">=100000", "<=0,5", "1:320", "+++", "12.5", "7"} {
		if !isMeasure(s) {
			t.Errorf("%q is dropped", s)
		}
	}
	for _, s := range []string{"", "12345", "1234567.1", "<", "<>5", "<<<5", "1.2.3", "positiv", "1:123456", "+++++", "2024-05-01", "5 mg", "=5x", "<1234567"} {
		if isMeasure(s) {
			t.Errorf("%q stays", s)
		}
	}
}
