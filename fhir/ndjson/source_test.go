package ndjson_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/shared"
)

// folder writes files into a fresh folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// records reads everything that the operands hold: the keys of each record, and what was rejected. It must be the same when
// nothing is kept in memory.
func records(t *testing.T, o ndjson.Options, operands ...string) (map[string][]string, []fhir.Rejected) {
	t.Helper()
	all, linked, rejected := recordsOnce(t, o, operands...)
	if o.Stdin == nil {
		recalled(t, o, operands...)
		for _, o.Budget = range []int64{1, 20_000} {
			recalled(t, o, operands...)
			again, linkedAgain, refused := recordsOnce(t, o, operands...)
			if d := cmp.Diff(all, again) + cmp.Diff(linked, linkedAgain); d != "" {
				t.Errorf("with a budget of %d bytes the records are others:\n%s", o.Budget, d)
			}
			if d := cmp.Diff(inOrder(rejected), inOrder(refused)); d != "" {
				t.Errorf("with a budget of %d bytes others are rejected:\n%s", o.Budget, d)
			}
		}
	}
	return all, rejected
}

// inOrder writes out what was rejected, whatever the order in which it was found.
func inOrder(rejected []fhir.Rejected) []string {
	var list []string
	for _, r := range rejected {
		var patients []string
		for _, k := range append([]fhir.Key{r.Patient}, r.Others...) {
			patients = append(patients, k.ID)
		}
		slices.Sort(patients)
		list = append(list, fmt.Sprint(r.Origin, r.Type, r.Reason, patients))
	}
	slices.Sort(list)
	return list
}

func recordsOnce(t *testing.T, o ndjson.Options, operands ...string) (map[string][]string, map[string][]fhir.Key, []fhir.Rejected) {
	t.Helper()
	s, err := ndjson.Open(operands, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var rejected []fhir.Rejected
	rej := func(r fhir.Rejected) { rejected = append(rejected, r) }
	all, linked := map[string][]string{}, map[string][]fhir.Key{}
	last := ""
	for facts, err := range s.Subjects(context.Background(), rej) {
		if err != nil {
			t.Fatal(err)
		}
		if id := facts.Key().ID; id <= last {
			t.Errorf("patient %q follows %q", id, last)
		}
		last = facts.Key().ID
		record, err := s.Fetch(context.Background(), facts.Key(), fhir.Everything(), rej)
		if err != nil {
			t.Fatal(err)
		}
		all[last] = keys(record)
		linked[last] = record.LinkedFrom()
	}
	return all, linked, rejected
}

func keys(record *fhir.Record) []string {
	var list []string
	for r := range record.Resources() {
		list = append(list, r.Key().String())
	}
	return list
}

func reasons(rejected []fhir.Rejected) []string {
	var list []string
	for _, r := range rejected {
		list = append(list, r.Type+": "+r.Reason)
	}
	slices.Sort(list)
	return list
}

func wantRecords(t *testing.T, got map[string][]string, want map[string]string) {
	t.Helper()
	for id, list := range want {
		if s := strings.Join(got[id], " "); s != list {
			t.Errorf("record of %s:\n got %s\nwant %s", id, s, list)
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("unexpected record of %s: %s", id, got[id])
		}
	}
}

const (
	alice = `{"resourceType":"Patient","id":"a","identifier":[{"system":"s","value":"1"}]}`
	bob   = `{"resourceType":"Patient","id":"b"}`
)

func obs(id, patient string) string {
	return `{"resourceType":"Observation","id":"` + id + `","subject":{"reference":"` + patient + `"}}`
}

func TestAllKindsOfInputGiveTheSameRecords(t *testing.T) {
	lines := alice + "\n" + obs("o1", "Patient/a") + "\n" + bob + "\r\n\n" + obs("o2", "Patient/b")
	bundle := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + alice + `},{"fullUrl":"http://x/Observation/o1","resource":` + obs("o1", "http://x/Patient/a") +
		`},{"resource":{"resourceType":"Bundle","type":"searchset","entry":[{"resource":` + bob + `},{"resource":` + obs("o2", "Patient/b/_history/3") + `}]}}]}`
	want := map[string]string{"a": "Patient/a Observation/o1", "b": "Patient/b Observation/o2"}
	for name, c := range map[string]map[string]string{
		"lines":             {"x.ndjson": lines},
		"a byte order mark": {"x.ndjson": "\xef\xbb\xbf" + lines},
		"gzip by content":   {"x.ndjson": zipped(lines)},
		"single resources":  {"1.json": alice, "2.json": strings.ReplaceAll(obs("o1", "Patient/a"), ",", ",\n  "), "sub/3.json": bob, "sub/4.json": "{\n" + obs("o2", "Patient/b")[1:]},
		"a Bundle":          {"b.json": bundle},
		"a pretty Bundle":   {"b.json": strings.NewReplacer("{", "{\n", "[", "[\n", ",", ",\n").Replace(bundle)},
		"a zipped Bundle":   {"b.json.gz": zipped(bundle)},
		"sorted members":    {"b.json": `{"entry":[{"fullUrl":"urn:x","resource":{"id":"a","resourceType":"Patient"}},{"resource":` + bob + `},{"resource":` + obs("o1", "Patient/a") + `},{"resource":` + obs("o2", "Patient/b") + `}],"resourceType":"Bundle"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, rejected := records(t, ndjson.Options{}, folder(t, c))
			wantRecords(t, got, want)
			if len(rejected) > 0 {
				t.Error(rejected)
			}
		})
	}
	t.Run("standard input", func(t *testing.T) {
		got, _ := records(t, ndjson.Options{Stdin: strings.NewReader(lines)}, "-")
		wantRecords(t, got, want)
	})
}

func TestABadResourceIsRejectedAndTheNextOneRead(t *testing.T) {
	dir := folder(t, map[string]string{
		"1.ndjson": alice + "\n" + `{"resourceType":"Observation","id":"x","id":"y"}` + "\n" + `{"resourceType":"Observation","id":"cut","code":{"co` + "\n" +
			`{"resourceType":"Observation","x":[` + "\n" + `no json` + "\n" + `{"id":"typeless"}` + "\n" + obs("o1", "Patient/a") + "\n" + obs("nobody", "urn:uuid:1") + "\n" + obs("group", "Group/g"),
		"2.json": `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Condition","id":"c?"}},{"resource":` + bob + `},3,{"resource":[]},{"resource":{"a":01}}]}`,
		"3.json": `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + obs("o2", "Patient/b") + `},{"resource":{"resourceType":"Obs`,
	})
	got, rejected := records(t, ndjson.Options{}, dir)
	wantRecords(t, got, map[string]string{"a": "Patient/a Observation/o1", "b": "Patient/b Observation/o2"})
	if len(rejected) != 12 {
		t.Errorf("%d rejected, want 12: %v", len(rejected), rejected)
	}
	if len(rejected) > 0 {
		want := int64(len(alice) + 1)
		if o := rejected[0].Origin; o.Position != want || o.Source != filepath.Clean(dir)+"#1" {
			t.Errorf("origin %v, want #1@%d", o, want)
		}
	}
}

func TestTheNewestVersionCounts(t *testing.T) {
	version := func(meta, code string) string {
		return `{"resourceType":"Patient","id":"a","meta":` + meta + `,"gender":"` + code + `"}`
	}
	sub := `{"lastUpdated":"2025-01-01T00:00:00Z","tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`
	for name, c := range map[string]struct{ first, second, want string }{
		"later":              {version(`{"lastUpdated":"2024-01-02T00:00:00Z"}`, "x"), version(`{"lastUpdated":"2024-01-02T00:30:00+01:00"}`, "y"), "x"},
		"version":            {version(`{"lastUpdated":"2024-01-02T00:00:00Z","versionId":"9"}`, "x"), version(`{"lastUpdated":"2024-01-02T00:00:00Z","versionId":"10"}`, "y"), "y"},
		"unknown, read last": {version(`{}`, "x"), version(`{}`, "y"), "y"},
		"whole after subset": {version(sub, "x"), version(`{"lastUpdated":"2020-01-01T00:00:00Z"}`, "y"), "y"},
		"subset after whole": {version(`{"lastUpdated":"2020-01-01T00:00:00Z"}`, "x"), version(sub, "y"), "x"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ndjson.Open([]string{folder(t, map[string]string{"x.json": c.first + "\n" + c.second})}, ndjson.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for facts, err := range s.Subjects(t.Context(), func(r fhir.Rejected) { t.Error(r) }) {
				if err != nil {
					t.Fatal(err)
				}
				if got := facts.Patient().Get("gender").Text(); got != c.want {
					t.Errorf("got version %s, want %s", got, c.want)
				}
			}
			if n := s.Stats().Superseded; n != 1 {
				t.Errorf("%d superseded, want 1", n)
			}
		})
	}
}

func TestDeletedResourcesAreGone(t *testing.T) {
	del := `{"request":{"method":"DELETE","url":"Observation/o1"},"response":{"status":"204","lastModified":"2024-02-01T00:00:00Z"}}`
	old := strings.Replace(obs("o1", "Patient/a"), `"id"`, `"meta":{"lastUpdated":"2024-01-01T00:00:00Z"},"id"`, 1)
	again := strings.Replace(old, "2024-01-01", "2024-03-01", 1)
	for name, c := range map[string]struct{ entries, want string }{
		"deleted":           {del + `,{"resource":` + old + `}`, "Patient/a"},
		"created once more": {`{"resource":` + again + `},` + del + `,{"resource":` + old + `}`, "Patient/a Observation/o1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{
				"1.json": alice, "2.json": `{"resourceType":"Bundle","type":"history","entry":[` + c.entries + `]}`}))
			wantRecords(t, got, map[string]string{"a": c.want})
			if len(rejected) != 0 {
				t.Error(rejected)
			}
		})
	}
}

func TestEveryFormOfReferenceFindsItsPatient(t *testing.T) {
	uuid := "urn:uuid:5e0c7d4e-6a0d-4a3b-9d55-0c9d8a0d5a11"
	entries := []string{
		`{"fullUrl":"` + uuid + `","resource":{"resourceType":"Patient","identifier":[{"system":"s","value":"2"}]}}`,
		`{"resource":` + obs("urn", uuid) + `}`,
		`{"resource":` + obs("relative", "Patient/a") + `}`,
		`{"resource":` + obs("absolute", "https://h/fhir/Patient/a") + `}`,
		`{"fullUrl":"https://h/fhir/other","resource":{"resourceType":"Patient","id":"c"}}`,
		`{"resource":` + obs("url", "https://h/fhir/other") + `}`,
		`{"resource":` + obs("conditional", "Patient?identifier=s|1") + `}`,
		`{"resource":{"resourceType":"Observation","id":"logical","subject":{"identifier":{"system":"s","value":"2"}}}}`,
		`{"resource":{"resourceType":"Observation","id":"contained","subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p"}]}}`,
		`{"resource":{"resourceType":"Observation","id":"nameless"}}`,
	}
	got, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{"0.json": alice,
		"1.json": `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`}))
	id := strings.TrimPrefix(uuid, "urn:uuid:")
	wantRecords(t, got, map[string]string{
		"a": "Patient/a Observation/absolute Observation/conditional Observation/relative",
		"c": "Patient/c Observation/url",
		id:  "Patient/" + id + " Observation/logical Observation/urn",
	})
	if want := []string{"Observation: it does not say whose it is", "Observation: its patient is contained in it"}; !slices.Equal(reasons(rejected), want) {
		t.Errorf("rejected %q", reasons(rejected))
	}
}

func TestMergedPatientsAreOneRecord(t *testing.T) {
	patient := func(id, links string) string {
		return `{"resourceType":"Patient","id":"` + id + `","identifier":[{"value":"same"}],"link":[` + links + `]}` + "\n"
	}
	link := func(typ, id string) string {
		return `{"type":"` + typ + `","other":{"reference":"Patient/` + id + `"}}`
	}
	got, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{"x.ndjson": patient("old", link("replaced-by", "mid")) + patient("mid", "") + patient("new", link("replaces", "mid")) +
		patient("q", link("replaced-by", "gone")) + patient("r", link("seealso", "new")) +
		patient("s", link("replaced-by", "t")) + patient("t", link("replaced-by", "s")) +
		patient("u", link("replaced-by", "r")+","+link("replaced-by", "q")) +
		obs("1", "Patient/old") + "\n" + obs("2", "Patient/mid") + "\n" + obs("3", "Patient/new") + "\n" + obs("4", "Patient/u")}))
	wantRecords(t, got, map[string]string{
		"new": "Patient/new Patient/mid Patient/old Observation/1 Observation/2 Observation/3",
		"q":   "Patient/q", "r": "Patient/r", "s": "Patient/s", "t": "Patient/t", "u": "Patient/u Observation/4",
	})
	if len(rejected) != 4 {
		t.Errorf("rejected %q", reasons(rejected))
	}
}

func TestFactsHoldNothingClinical(t *testing.T) {
	s, err := ndjson.Open([]string{shared.Dir(t, "data", "mii-kds-testdata")}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for facts, err := range s.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for r := range facts.Resources() {
			if !fhir.IsFact(r.Type) && r.Type != "ResearchStudy" {
				t.Errorf("%s among the facts", r.Type)
			}
		}
		record, err := s.Fetch(t.Context(), facts.Key(), fhir.WantTypes("Condition"), func(fhir.Rejected) {})
		if err != nil {
			t.Fatal(err)
		}
		for r := range record.Resources() {
			if !fhir.IsFact(r.Type) && r.Type != "ResearchStudy" && r.Type != "Condition" {
				t.Errorf("%s was not wanted", r.Type)
			}
		}
	}
	if n != 31 {
		t.Errorf("%d patients, want 31", n)
	}
}

func TestSharedResourcesComeWithThoseThatReferToThem(t *testing.T) {
	got, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{"x.ndjson": alice + "\n" + bob + "\n" +
		`{"resourceType":"MedicationRequest","id":"r","subject":{"reference":"Patient/a"},"medicationReference":{"reference":"Medication/m"}}
		{"resourceType":"Medication","id":"m","manufacturer":{"reference":"Organization/o"}}
{"resourceType":"Organization","id":"o"}
{"resourceType":"Medication","id":"unused"}
		{"resourceType":"Device","id":"d","patient":{"reference":"Patient/b"}}
{"resourceType":"Device","id":"e"}
		{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/a"},"device":{"reference":"Device/d"},"focus":[{"reference":"Patient/b"},{"reference":"Device/e"}]}
		{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/a"}}]}`}))
	wantRecords(t, got, map[string]string{
		"a": "Patient/a MedicationRequest/r Observation/x Device/e Medication/m Organization/o",
		"b": "Patient/b Device/d",
	})
	if len(rejected) != 0 {
		t.Error(rejected)
	}
}

func TestTheOfficialTestDataIsReadWhole(t *testing.T) {
	got, rejected := records(t, ndjson.Options{}, shared.Dir(t, "data", "mii-kds-testdata"))
	n := 0
	for _, list := range got {
		n += len(list)
	}
	for _, r := range rejected {
		t.Log(r)
	}
	t.Logf("%d patients, %d resources in records, %d rejected", len(got), n, len(rejected))
	if len(got) != 31 || n != 717 || len(rejected) != 1 { // the list of the files is no resource
		t.Errorf("%d patients with %d resources, %d rejected; want 31, 717, 1", len(got), n, len(rejected))
	}
}

func TestPatientsAreKnownByWhatRefersToThem(t *testing.T) {
	got, rejected := records(t, ndjson.Options{}, shared.Dir(t, "data", "mii-bildgebung-examples"))
	if len(got) != 1 || len(got["PatExample"]) != 18 || got["PatExample"][0] == "Patient/PatExample" || len(rejected) != 0 {
		t.Errorf("got %v, rejected %v", got, rejected)
	}
}

func TestSyntheaIsReadWhole(t *testing.T) {
	got, rejected := records(t, ndjson.Options{}, shared.Dir(t, "data", "synthea", "slim.ndjson.gz"))
	n, own := 0, 0
	for _, list := range got {
		n += len(list)
		for _, key := range list {
			if typ, _, _ := strings.Cut(key, "/"); fhir.BelongsToPatients(typ) == fhir.Owned {
				own++
			}
		}
	}
	want := 0
	for _, line := range slim(t) {
		r, err := fhir.ReadResource(line, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if fhir.BelongsToPatients(r.Type) == fhir.Owned {
			want++
		}
	}
	if len(got) != 120 || own != want || len(rejected) != 0 {
		t.Errorf("%d patients with %d resources, %d their own, want %d; rejected %v", len(got), n, own, want, rejected)
	}
}

func TestFetchesRunSideBySide(t *testing.T) {
	var text strings.Builder
	for i := range 50 {
		id := strings.Repeat("p", i+1)
		text.WriteString(`{"resourceType":"Patient","id":"` + id + `"}` + "\n" + obs(id, "Patient/"+id) + "\n")
	}
	s, err := ndjson.Open([]string{folder(t, map[string]string{"a.ndjson": text.String(), "b.gz.json": zipped(strings.ReplaceAll(text.String(), `Observation","id":"`, `Observation","id":"z`))})}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for i := range 50 {
		id := strings.Repeat("p", i+1)
		wg.Go(func() {
			record, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: id}, fhir.Everything(), func(r fhir.Rejected) { t.Error(r) })
			if err != nil || strings.Join(keys(record), " ") != "Patient/"+id+" Observation/"+id+" Observation/z"+id {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestAFileThatChangesMeanwhileIsFoundOut(t *testing.T) {
	dir := folder(t, map[string]string{"a.ndjson": alice + "\n" + obs("o", "Patient/a")})
	s, err := ndjson.Open([]string{dir}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, err := range s.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.ndjson"), []byte(bob+"\n"+obs("o", "Patient/b")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a"}, fhir.Everything(), func(fhir.Rejected) {}); err == nil {
		t.Error("the changed file was read")
	}
}

func TestADamagedConsentSaysWhoseItSeemsToBe(t *testing.T) {
	consent := `{"resourceType":"Consent","id":"c","id":"c","patient":{"reference":"Patient/a"}}`
	for name, text := range map[string]string{"line": alice + "\n" + consent, "cut": alice + "\n" + consent[:len(consent)-2], "entry": alice + "\n" + `{"resourceType":"Bundle","entry":[{"resource":` + consent + `}]}`} {
		_, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{"a.ndjson": text}))
		if len(rejected) != 1 || rejected[0].Type != "Consent" || rejected[0].Patient != (fhir.Key{Type: "Patient", ID: "a"}) {
			t.Errorf("%s: %v", name, rejected)
		}
	}
}

func TestInputsThatCannotBeReadAreErrors(t *testing.T) {
	if _, err := ndjson.Open([]string{filepath.Join(t.TempDir(), "none")}, ndjson.Options{}); err == nil {
		t.Error("a missing file was accepted")
	}
	if _, err := ndjson.Open([]string{"-", "-"}, ndjson.Options{}); err == nil {
		t.Error("standard input was accepted twice")
	}
	if err := ndjson.Each(t.Context(), []string{"-"}, ndjson.Options{}, nil, nil); err == nil {
		t.Error("standard input was read although there is none")
	}
	_, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{"a.json": zipped(alice + strings.Repeat(" ", 1000))[:40]}))
	if !strings.Contains(strings.Join(reasons(rejected), "\n"), "damaged or cut off") {
		t.Errorf("rejected %v, want the damaged archive", rejected)
	}
}
