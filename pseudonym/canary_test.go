package pseudonym

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
)

// canary begins every token. Tokens look like codes, ids and UIDs: the forms that have the best chance to pass.
const canary = "canary"

func token(i int) string { return fmt.Sprintf("%s%09d", canary, i) }

// leaf is one value in a decoded JSON document, which set replaces.
type leaf struct {
	path  string // type and names, as in Observation.code.coding.code
	value any
	set   func(any)
}

// leaves lists the values of a resource, contained resources by their own type. resourceType is no leaf: a resource
// of another type is another resource.
func leaves(path string, v any, set func(any), list []leaf) []leaf {
	switch v := v.(type) {
	case map[string]any:
		if typ, ok := v["resourceType"].(string); ok {
			path = typ
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "resourceType" {
				list = leaves(path+"."+name, v[name], func(x any) { v[name] = x }, list)
			}
		}
	case []any:
		for i := range v {
			list = leaves(path, v[i], func(x any) { v[i] = x }, list)
		}
	default:
		list = append(list, leaf{path, v, set})
	}
	return list
}

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func encode(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// samples are the resources over which canaries fly: all of the MII test data and imaging examples, and of Synthea
// every hundredth.
func samples(t *testing.T) []string {
	all := texts(t, shared.Dir(t, "data", "mii-kds-testdata", "resources"))
	all = append(all, texts(t, shared.Dir(t, "data", "mii-bildgebung-examples"))...)
	for i, text := range synthea(t) {
		if i%100 == 0 {
			all = append(all, text)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

func synthea(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared.Dir(t, "data", "synthea"), "*.ndjson.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal("no Synthea data", err)
	}
	var all []string
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		for line := range strings.Lines(string(text)) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// seen is everything that leaves a veil for one record.
func seen(t testing.TB, v *Veil, from resources) string {
	t.Helper()
	rec, report, err := v.apply(from, false, testSubject(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return written(rec) + fmt.Sprintf("%+v %v %#v", report, rec.Subject(), rec.Subject())
}

const passingFile = "testdata/passing.golden"

// TestTextPassesOnlyThroughReviewedElements replaces each value of each resource, one at a time, by a token that looks
// like a code, an id or a number, and lists through which elements it comes out. The list is reviewed by people.
func TestTextPassesOnlyThroughReviewedElements(t *testing.T) {
	v := testVeil(t, Shift)
	passing, tried, n := map[string]bool{}, map[string]int{}, 0
	for _, text := range samples(t) {
		doc := decode(t, text)
		for _, l := range leaves("", doc, nil, nil) {
			if tried[l.path]++; tried[l.path] > 5 {
				continue
			}
			n++
			for _, probe := range probes(l, n) {
				l.set(probe)
				if out := seen(t, v, withPatient(t, []string{encode(t, doc)})); strings.Contains(out, fmt.Sprintf("7310%09d", n)) {
					passing[l.path] = true
				}
			}
			l.set(l.value)
		}
	}
	got := strings.Join(slices.Sorted(maps.Keys(passing)), "\n") + "\n"
	golden.Equal(t, passingFile, got)
	if n < 5000 {
		t.Errorf("only %d values were tried", n)
	}
}

// probes are tokens of the kind of the value: a number, or texts that look like a code and like a canonical URL.
func probes(l leaf, n int) []any {
	number := fmt.Sprintf("7310%09d", n)
	switch _, isNumber := l.value.(json.Number); {
	case isNumber:
		return []any{json.Number(number)}
	case strings.HasSuffix(l.path, ".id"):
		return []any{canary + number}
	}
	return []any{canary + number, "https://www.medizininformatik-initiative.de/fhir/" + number}
}

func reviewed(t testing.TB) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(passingFile)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		paths[strings.TrimSpace(line)] = true
	}
	return paths
}

// TestNoCanaryGetsOut sets every value outside of the reviewed elements to a token of its own and looks for them in the
// output, the report and the subject: raw, escaped and in base64.
func TestNoCanaryGetsOut(t *testing.T) {
	passing := reviewed(t)
	forms := []string{"%s", "%s \"Müller\" <&> ", "19570312%s", "Patient/%s", "#%s", "urn:uuid:%s", "urn:oid:1.2.3.%s", "https://host.example/fhir/Patient/%s", "Patient?identifier=%s"}
	all := samples(t)
	for i, form := range forms {
		mode := []DateMode{None, Shift}[i%2]
		n, spoilt := 0, []string{}
		for _, text := range all {
			doc := decode(t, text)
			for _, l := range leaves("", doc, nil, nil) {
				if _, number := l.value.(json.Number); passing[l.path] || number {
					continue
				}
				n++
				if strings.HasSuffix(l.path, ".id") {
					l.set(token(n))
				} else {
					l.set(fmt.Sprintf(form, token(n)))
				}
			}
			spoilt = append(spoilt, encode(t, doc))
		}
		out := seen(t, testVeil(t, mode), withPatient(t, spoilt))
		if found := trace(out, canary); found != "" {
			t.Errorf("%s, dates %s: of %d tokens one got out: %s", form, mode, n, found)
		}
	}
}

// trace returns the surroundings of a word in a text, where it stands raw, escaped or in base64.
func trace(text, word string) string {
	unescaped := strings.NewReplacer(`\u00`, "%", `\`, "").Replace(text)
	needles := []string{word, fmt.Sprintf("%x", word)}
	for shift := range 3 {
		b := base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{'x'}, shift), word...))
		needles = append(needles, b[(shift*8+5)/6:len(word)*8/6])
	}
	for _, needle := range needles {
		for _, in := range []string{text, unescaped} {
			if i := strings.Index(in, needle); i >= 0 {
				return in[max(0, i-60):min(len(in), i+60)]
			}
		}
	}
	return ""
}

func TestACanaryIsFoundInEveryDress(t *testing.T) {
	for _, dress := range []string{
		canary, "YY" + base64.StdEncoding.EncodeToString([]byte("x "+canary+" y")), base64.StdEncoding.EncodeToString([]byte("xy " + canary)),
		base64.StdEncoding.EncodeToString([]byte(canary)), fmt.Sprintf("%x", "_"+canary),
	} {
		if trace("text "+dress+" text", canary) == "" {
			t.Errorf("not found in %s", dress)
		}
	}
}

// TestMemberNamesAndTypesDoNotGetOut puts tokens where no value stands: in names of members, types of resources and
// URLs of extensions.
func TestMemberNamesAndTypesDoNotGetOut(t *testing.T) {
	from := withPatient(t, []string{
		`{"resourceType":"Canarypatient","id":"a"}`,
		`{"resourceType":"Observation","id":"b","canarypatient":1,"_canarypatient":{"id":"x"},"code":{"canarypatient":"x","coding":[{"canary":{"code":"x"}}]},
		  "contained":[{"resourceType":"Canarypatient","id":"canary1"},{"resourceType":"Medication","id":"canary2","canary":1}],
		  "extension":[{"url":"https://canary.example","valueString":"x"},{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCanary":"canary","valueCode":"masked"}],
		  "subject":{"reference":"Canarypatient/1"},"performer":[{"reference":"Observation/b","type":"Canarypatient"}]}`,
		`{"resourceType":"Observation","id":"c","status":"final","modifierExtension":[{"url":"https://canary.example/not"}],"code":{"coding":[{"code":"x"}]}}`,
	})
	if found := trace(seen(t, testVeil(t, Shift), from), "anary"); found != "" {
		t.Error(found)
	}
}

func FuzzNoCanaryGetsOut(f *testing.F) {
	passing := reviewed(f)
	f.Add(`{"resourceType":"Observation","id":"a","note":[{"text":"canary0123456789"}],"code":{"text":"canary0123456789","coding":[{"code":"1","display":"canary0123456789"}]}}`)
	f.Add(`{"resourceType":"Condition","_recordedDate":{"extension":[{"url":"u","valueString":"canary0123456789"}]},"contained":[{"resourceType":"Patient","id":"x","name":[{"family":"canary0123456789"}]}]}`)
	f.Add(`{"resourceType":"Patient","birthDate":"canary0123456789","address":[{"line":["canary0123456789",null],"_line":[null,{"id":"canary0123456789"}]}]}`)
	v := testVeil(f, Shift)
	f.Fuzz(func(t *testing.T, text string) {
		res, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			return
		}
		rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "somebody"})
		patient, err := fhir.ReadResource(somebody, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		rec.Add(patient)
		rec.Add(res)
		if rec.Patient() != patient {
			return
		}
		out, report, err := v.apply(resources{rec}, false, testSubject(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for r := range out.Resources() {
			if _, err := fhir.ReadResource(string(fhir.AppendJSON(nil, r.Node)), fhir.Origin{}); err != nil {
				t.Fatal("the output is no resource: ", err)
			}
		}
		for _, l := range leaves("", decode(t, text), nil, nil) {
			if s, ok := l.value.(string); ok && strings.Contains(s, canary) && passing[l.path] {
				return
			}
		}
		if strings.Contains(written(out)+fmt.Sprint(report), canary+"0123456789") {
			t.Fatalf("a canary got out")
		}
	})
}

func difference(want, got string) string {
	var s strings.Builder
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range g {
		if !slices.Contains(w, line) {
			s.WriteString("+ " + line + "\n")
		}
	}
	for _, line := range w {
		if !slices.Contains(g, line) {
			s.WriteString("- " + line + "\n")
		}
	}
	return s.String()
}
