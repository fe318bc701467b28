package pipeline_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/synth"
)

const plannedForms = `
study: planned
version: "1"
events: [{name: e, label: E, forms: [single, many]}]
forms:
  - name: single
    label: S
    items: [{name: a, label: A, type: text, length: 4000}, {name: b, label: B, type: text, length: 4000}, {name: c, label: C, type: integer}, {name: d, label: D, type: boolean}]
  - {name: many, label: M, repeating: true, items: [{name: x, label: X, type: text, length: 4000}]}
`

// drawn draws mapping files from the codes that data have.
type drawn struct {
	*rand.Rand
	codes map[string][]string // by Type.element: system|code, sorted
	lists []string
}

// elementsWithCodes are drawn from; of some no server can be asked.
var elementsWithCodes = map[string][]string{
	"Observation": {"code", "category"}, "Condition": {"code"}, "Procedure": {"code", "category"}, "DiagnosticReport": {"code", "category"},
	"ServiceRequest": {"code"}, "Specimen": {"type"}, "MedicationStatement": {"category"}, "Medication": {"code"}, "Encounter": {"type"},
}

func drawFrom(records []*fhir.Record, rng *rand.Rand) *drawn {
	d := &drawn{Rand: rng, codes: map[string][]string{}}
	for _, record := range records {
		for res := range record.Resources() {
			for _, element := range elementsWithCodes[res.Type] {
				for concept := range res.Get(element).Elements() {
					for c := range concept.Get("coding").Elements() {
						name := res.Type + "." + element
						d.codes[name] = append(d.codes[name], strings.Clone(c.Get("system").Text()+"|"+c.Get("code").Text()))
					}
				}
			}
		}
	}
	for name := range d.codes {
		d.codes[name] = slices.Compact(slices.Sorted(slices.Values(d.codes[name])))
	}
	return d
}

func pick[T any](d *drawn, list ...T) T { return list[d.IntN(len(list))] }

func (d *drawn) coding(typ, element string) (system, code string) {
	all := d.codes[typ+"."+element]
	if len(all) == 0 || d.IntN(12) == 0 {
		return "http://example.org/codes", "none"
	}
	system, code, _ = strings.Cut(pick(d, all...), "|")
	return system, code
}

// test is a condition about the codes of an element.
func (d *drawn) test(typ, e string) string {
	s, c := d.coding(typ, e)
	_, other := d.coding(typ, e)
	switch d.IntN(9) {
	case 0:
		return fmt.Sprintf("%s.coding.exists(system = '%s' and code = '%s')", e, s, c)
	case 1:
		return fmt.Sprintf("%s.coding.where(system = '%s').code.exists($this = '%s')", e, s, c)
	case 2:
		return fmt.Sprintf("%s.coding.exists(code in ('%s' | '%s'))", e, c, other)
	case 3:
		d.lists = append(d.lists, pick(d, fmt.Sprintf("['%s', '%s']", c, other), fmt.Sprintf("{system: '%s', codes: ['%s']}", s, c), fmt.Sprintf("{system: '%s', prefixes: ['%.1s']}", s, c)))
		return pick(d, fmt.Sprintf("%s.exists(memberOf('l%d'))", e, len(d.lists)), fmt.Sprintf("%s.coding.exists(code.memberOf('l%d'))", e, len(d.lists)))
	case 4:
		return fmt.Sprintf("%s.coding.where(code = '%s').where(system = '%s').exists()", e, c, s)
	case 5:
		return fmt.Sprintf("%s.coding.code.exists($this = '%s')", e, c)
	case 6:
		return fmt.Sprintf("%s.coding.where(system = '%s').exists()", e, s)
	case 7:
		return fmt.Sprintf("%s.coding.exists((system = '%s' and code = '%s') or code = '%s')", e, s, c, other)
	default:
		return fmt.Sprintf("%s.coding.exists(code = '%s' and system.exists())", e, c)
	}
}

func (d *drawn) where(typ string) string {
	one, two := d.test(typ, pick(d, elementsWithCodes[typ]...)), d.test(typ, pick(d, elementsWithCodes[typ]...))
	switch d.IntN(14) {
	case 0:
		return ""
	case 1:
		return one + " or " + two
	case 2:
		return one + " and " + two
	case 3:
		return one + " and id.exists()"
	case 4:
		return one + " or id = 'x'"
	case 5:
		return "(" + one + ").not()"
	case 6:
		return "(" + one + " and id.exists()) or " + two
	default:
		return one
	}
}

func (d *drawn) value(typ string) string {
	all := []string{"id", "meta.profile.count().toString()", elementsWithCodes[typ][0] + ".coding.code.first()"}
	switch typ {
	case "Observation":
		all = append(all, "subject.resolve().ofType(Patient).gender", "specimen.resolve().type.coding.code.first()", "hasMember.resolve().ofType(Observation).code.coding.code.first()", "method.coding.code.first()")
	case "MedicationStatement":
		all = append(all, "medication.ofType(Reference).resolve().ofType(Medication).code.coding.code.first()")
	case "Procedure":
		all = append(all, "encounter.resolve().class.code", "reasonReference.resolve().ofType(Condition).code.coding.code.first()")
	}
	if d.IntN(3) > 0 {
		return all[d.IntN(3)]
	}
	return pick(d, all...)
}

func (d *drawn) rule(types []string, choose ...string) string {
	typ := pick(d, types...)
	text := "{resource: " + typ
	if where := d.where(typ); where != "" {
		text += fmt.Sprintf(", where: %q", where)
	}
	if choose != nil {
		text += ", choose: " + pick(d, choose...)
	}
	if d.IntN(4) == 0 {
		text += ", window: {event: index, before: 2000, after: " + pick(d, "0", "any", "300") + "}"
	}
	return text + ", VALUE}"
}

// file writes a mapping file.
func (d *drawn) file() string {
	d.lists = nil
	types := []string{"Observation", "Condition", "Procedure", "Specimen", "Encounter"}
	d.Shuffle(len(types), func(i, j int) { types[i], types[j] = types[j], types[i] })
	types = types[:1+d.IntN(3)]
	if d.IntN(4) == 0 {
		types = append(types, pick(d, "MedicationStatement", "Medication", "DiagnosticReport"))
	}
	fill := func(text, typ string) string {
		return strings.Replace(text, "VALUE", fmt.Sprintf("value: %q", d.value(typ)), 1)
	}
	withValue := func(text string) string {
		typ, _, _ := strings.Cut(strings.TrimPrefix(text, "{resource: "), ",")
		return fill(text, typ)
	}
	var b strings.Builder
	event := fmt.Sprintf("events: {index: {label: I, resource: Encounter, value: period.start, choose: %s}}\n", pick(d, "first", "last"))
	fmt.Fprintf(&b, "forms:\n  single:\n    a: %s\n", withValue(d.rule(types, "first", "last", "list")))
	fmt.Fprintf(&b, "    b: %s\n", withValue(d.rule(types, "first", "last", "list", "only")))
	fmt.Fprintf(&b, "    c: %s\n", strings.Replace(d.rule(types, "count"), ", VALUE", "", 1))
	fmt.Fprintf(&b, "    d: %s\n", strings.Replace(d.rule(types, "exists"), ", VALUE", "", 1))
	repeated := pick(d, types...)
	fmt.Fprintf(&b, "  many:\n    repeat: {resource: %s, where: %q, key: id}\n    x: {value: %q}\n", repeated, d.test(repeated, elementsWithCodes[repeated][0]), d.value(repeated))
	text := "study: planned\nversion: '1'\n" + event
	for i, list := range d.lists {
		if i == 0 {
			text += "lists:\n"
		}
		text += fmt.Sprintf("  l%d: %s\n", i+1, list)
	}
	return text + b.String()
}

// planned is a hospital from which the same patients are read in both ways.
type planned struct {
	study    *pipeline.Study
	files    fhir.Source
	server   *rest.Source
	vault    *pseudonym.Vault
	patients []fhir.Key
	whole    map[fhir.Key]*fhir.Record
}

func newPlanned(t *testing.T) *planned {
	t.Helper()
	folders := []string{newSite(t, 11, 8).folder, shared.Dir(t, "data", "mii-kds-testdata", "resources")}
	parts := openParts(t, loadStudy(t, "testdata/synthea/study.yaml"), folders...)
	hospital, err := synth.NewServer(synth.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if err := hospital.Load(f); err != nil {
			t.Fatal(err)
		}
	}
	h := httptest.NewServer(hospital)
	t.Cleanup(h.Close)
	server, err := rest.New(rest.Options{Wire: wire.Options{Base: h.URL + "/fhir"}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := ndjson.Open(folders, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Close(), files.Close() })
	p := &planned{study: parts.Study, files: files, server: server, vault: parts.Vault, whole: map[fhir.Key]*fhir.Record{}}
	var all []*fhir.Record
	for facts, err := range files.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := files.Fetch(t.Context(), facts.Key(), fhir.Everything(), func(fhir.Rejected) {})
		if err != nil {
			t.Fatal(err)
		}
		if record.Patient() == nil {
			continue
		}
		p.patients, p.whole[facts.Key()], all = append(p.patients, facts.Key()), record, append(all, record)
	}
	return p
}

// book fills the forms from a record, as a run does.
func (p *planned) book(t *testing.T, record *fhir.Record, veil *pseudonym.Veil) string {
	t.Helper()
	d := consent.Evaluate(consent.FactsOf(record), p.study.Policy, asOfTruth(p.study.Zone))
	permitted, _ := consent.Admit(record, d, p.study.Policy)
	subject, err := p.vault.Find(t.Context(), record, p.study.Identity, p.study.Numbering)
	if err != nil {
		t.Fatal(err)
	}
	shown, _, err := veil.Apply(permitted, subject)
	if err != nil {
		t.Fatal(err)
	}
	defer shown.Release()
	book, err := p.study.Mapping.Fill(mapping.Input{Record: shown, AsOf: asOfTruth(p.study.Zone), Zone: p.study.Zone})
	if err != nil {
		return "failed: " + err.Error()
	}
	instances := book.Instances()
	text, err := json.Marshal(instances)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wholes are what the planned record is compared with: all of the types that the mapping names, and everything. Medications are there where
// another resource that is read refers to them, so that a mapping that names them has its own everything.
func (p *planned) wholes(t *testing.T, key fhir.Key, wanted fhir.Wanted) map[string]*fhir.Record {
	t.Helper()
	named, err := p.files.Fetch(t.Context(), key, wanted.Widened(), func(fhir.Rejected) {})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*fhir.Record{"all of its types": named}
	if !wanted.Has("Medication") {
		all["everything"] = p.whole[key]
	}
	return all
}

// TestThePlannedPullGivesTheCasebookOfTheWholePull draws mappings, asks a server for what each needs, and compares with the casebook
// from everything that there is.
func TestThePlannedPullGivesTheCasebookOfTheWholePull(t *testing.T) {
	mappings := 200
	if testing.Short() {
		mappings = 5
	}
	p := newPlanned(t)
	dictionary, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(plannedForms))
	if err != nil {
		t.Fatal(err)
	}
	var records []*fhir.Record
	for _, key := range p.patients {
		records = append(records, p.whole[key])
	}
	d := drawFrom(records, rand.New(rand.NewPCG(6, 2026)))
	narrower, filled, less, refused := 0, 0, 0, 0
	read := regexp.MustCompile(`"Path":"[^"]`) // of a cell with a value
	for n := 0; n < mappings; {
		text := d.file()
		m, findings := mapping.Load(fstest.MapFS{"m.yaml": {Data: []byte(text)}}, "m.yaml", dictionary, mapping.Behind(p.study.Profile, p.study.Dates.Mode))
		if m == nil {
			if refused++; refused > mappings {
				t.Fatalf("most drawn mappings are refused: %v\n%s", findings, text)
			}
			continue
		}
		n++
		p.study.Mapping, p.study.Dictionary = m, dictionary
		wanted := p.study.Wanted()
		if slices.ContainsFunc(wanted.Types(), func(typ string) bool { return len(wanted.Narrowing(typ).Any) > 0 }) {
			narrower++
		}
		veil, err := p.study.Veil(p.study.Dates)
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			key := pick(d, p.patients...)
			record, err := p.server.Fetch(t.Context(), key, wanted, func(fhir.Rejected) {})
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			sent := record.Len()
			wanted.Prune(record)
			if record.Len() != sent && len(wanted.Narrowing("Specimen").Any) == 0 { // the server cannot search them by type
				t.Fatalf("the server sent what it was not asked for\n%s", text)
			}
			got := p.book(t, record, veil)
			for name, whole := range p.wholes(t, key, wanted) {
				if want := p.book(t, whole, veil); got != want {
					t.Fatalf("casebooks differ:\n%s %s\nplanned %s\n%s", name, want, got, text)
				}
			}
			if read.MatchString(got) {
				filled++
			}
			if sent < p.whole[key].Len() {
				less++
			}
			record.Release()
		}
	}
	t.Logf("%d mappings drawn, %d refused, %d of them narrower than their types; %d patients, %d casebooks with values, %d records smaller than the whole", mappings, refused, narrower, len(p.patients), filled, less)
	if narrower < mappings/4 || filled < mappings {
		t.Errorf("the drawn mappings try too little: %d are narrower, %d casebooks have values", narrower, filled)
	}
}
