package datasetjson_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/datasetjson"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/shared"
)

func open(inLines bool) func(t testing.TB, dir string) ecrf.Target {
	return func(t testing.TB, dir string) ecrf.Target {
		target, err := datasetjson.New("datasets", dir, inLines)
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
}

func TestDatasetsPassTheTargetExam(t *testing.T) {
	for name, inLines := range map[string]bool{"JSON": false, "NDJSON": true} {
		t.Run(name, func(t *testing.T) {
			targettest.Run(t, targettest.Candidate{Kind: "dataset-json", Open: open(inLines), Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored()})
		})
	}
}

// schema is the published one of a dataset in JSON. That of NDJSON cannot be used: it refers to a definition that it does not
// have; what it says of the first line is what the other says of a dataset without rows.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(shared.Dir(t, "data", "odm", "dataset-json", "dataset.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func delivered(t *testing.T, inLines bool, d *ecrf.Dictionary, books ...*ecrf.StoredCasebook) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if _, err := open(inLines)(t, dir).Deliver(t.Context(), targettest.Delivery(d, books)); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = string(text)
	}
	return all
}

func TestDatasetsAreValidAgainstThePublishedSchema(t *testing.T) {
	s := schema(t)
	valid := func(name, text string) {
		parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Validate(parsed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range delivered(t, false, ledgertest.Dictionary(t), ledgertest.Stored()...) {
		valid(name, text)
		if err := s.Validate(map[string]any{"name": name}); err == nil {
			t.Error("the schema lets everything in")
		}
	}
	for name, text := range delivered(t, true, ledgertest.Dictionary(t), ledgertest.Stored()...) {
		first, rows, _ := strings.Cut(text, "\n")
		valid(name, first)
		for line := range strings.Lines(rows) {
			if !json.Valid([]byte(line)) || line[0] != '[' {
				t.Errorf("%s: the line %q is no row", name, line)
			}
		}
	}
}

func TestEveryTypeHasItsFormInJSON(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(`study: types
version: "1"
events: [{name: e, forms: [f]}]
codelists: {c: {"<=": at most, R: right}}
forms:
  - name: f
    label: A form
    items:
      - {name: a_text, type: text, length: 20}
      - {name: b_integer, type: integer}
      - {name: c_decimal, type: decimal, decimals: 2}
      - {name: d_date, type: date}
      - {name: e_partial, type: partial-date}
      - {name: f_datetime, type: datetime}
      - {name: g_boolean, type: boolean}
      - {name: h_choice, type: choice, codelist: c}
`))
	if err != nil {
		t.Fatal(err)
	}
	book := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S1"}}
	for i, value := range []string{"=1+1 \"<ä>\"\n", "-12345678901234567890", "-0.50", "1969-12-31", "2024-02", "2024-02-29T23:59:58", "true", "<="} {
		item := d.Forms[0].Items[i].Name
		if err := d.Check(item, value); err != nil {
			t.Fatal(err)
		}
		book.Cells = append(book.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "f", Item: item}, Value: value})
	}
	got := delivered(t, false, d, book)["f.json"]
	const want = `{"datasetJSONCreationDateTime":"2026-01-15T02:00:00Z","datasetJSONVersion":"1.1.0","fileOID":"crflink.types.f.2026-01-15T02:00:00Z","studyOID":"S.types","metaDataVersionOID":"MDV.1","itemGroupOID":"IG.f","records":1,"name":"f","label":"A form","columns":[` +
		`{"itemOID":"C.f.subject","name":"subject","label":"the study number","dataType":"string","keySequence":1},{"itemOID":"C.f.site","name":"site","label":"the site, if the enrolment names one","dataType":"string","keySequence":2},` +
		`{"itemOID":"C.f.event","name":"event","label":"the event","dataType":"string","keySequence":3},{"itemOID":"C.f.repeat","name":"repeat","label":"the number of the instance of a repeating form","dataType":"integer","keySequence":4},` +
		`{"itemOID":"I.a_text","name":"a_text","label":"a_text","dataType":"string","length":20},{"itemOID":"I.b_integer","name":"b_integer","label":"b_integer","dataType":"integer"},{"itemOID":"I.c_decimal","name":"c_decimal","label":"c_decimal","dataType":"decimal","targetDataType":"decimal"},` +
		`{"itemOID":"I.d_date","name":"d_date","label":"d_date","dataType":"date"},{"itemOID":"I.e_partial","name":"e_partial","label":"e_partial","dataType":"string"},{"itemOID":"I.f_datetime","name":"f_datetime","label":"f_datetime","dataType":"datetime"},` +
		`{"itemOID":"I.g_boolean","name":"g_boolean","label":"g_boolean","dataType":"boolean"},{"itemOID":"I.h_choice","name":"h_choice","label":"h_choice","dataType":"string"}],"rows":[` +
		"\n" + `["S1",null,"e",null,"=1+1 \"\u003cä\u003e\"\n",-12345678901234567890,"-0.50","1969-12-31","2024-02","2024-02-29T23:59:58",true,"\u003c="]` + "\n]}\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestADatasetThatSomebodyChangedIsNotErasedFrom(t *testing.T) {
	dir := t.TempDir()
	target := open(true)(t, dir)
	if _, err := target.Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "base.ndjson")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []string{string(text) + "[\"S000001\"]\n", strings.Replace(string(text), `["S000002"`, `{"S000002"`, 1), "", "no dataset\n"} {
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		eraser, ok := target.(ecrf.Eraser)
		if !ok {
			t.Fatal("no eraser")
		}
		if _, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S000001"}}); err == nil {
			t.Errorf("%q counts as erased", changed)
		}
		if after, err := os.ReadFile(file); err != nil || string(after) != changed {
			t.Errorf("the file has changed to %q", after)
		}
	}
}
