package questionnaire_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/questionnaire"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/shared"
)

func open(t testing.TB, dir string) ecrf.Target {
	target, err := questionnaire.New("forms", dir)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestQuestionnairesPassTheTargetExam(t *testing.T) {
	targettest.Run(t, targettest.Candidate{Kind: "questionnaire", Open: open, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored()})
}

const everyType = `study: types
version: "2"
events: [{name: e, forms: [f]}]
codelists: {c_list: {"<=": at most, R: right}}
forms:
  - name: f
    label: A form
    repeating: true
    items:
      - {name: a_text, label: A text, type: text, length: 50}
      - {name: b_integer, type: integer, min: -5, max: 10, unit: d}
      - {name: c_decimal, type: decimal, decimals: 2, max: 9.25, unit: 10*9/L}
      - {name: d_date, type: date, min: 2020-01-01}
      - {name: f_datetime, type: datetime}
      - {name: g_boolean, type: boolean}
      - {name: h_choice, type: choice, codelist: c_list, required: true}
      - {name: i_large, type: integer}
`

func types(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(everyType))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func book(t *testing.T, d *ecrf.Dictionary) *ecrf.StoredCasebook {
	t.Helper()
	b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S1", Site: "a"}}
	for i, value := range []string{"<b>\"\n", "-5", "0.50", "2024-02-29", "2024-07-01T12:00:00", "false", "<=", "2147483648"} {
		item := d.Forms[0].Items[i].Name
		if err := d.Check(item, value); err != nil {
			t.Fatal(err)
		}
		b.Cells = append(b.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "f", Repeat: 1, Item: item}, Value: value})
	}
	for _, missing := range []ecrf.MissingReason{ecrf.NoConsent, ecrf.Absent("not-performed"), ecrf.NoResource} {
		b.Cells = append(b.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "f", Repeat: 2, Item: d.Forms[0].Items[len(b.Cells)%8].Name}, Missing: missing})
	}
	return b
}

// What another program says of them: @medplum/core of npm.
func TestQuestionnairesAndResponsesAreValidAgainstFHIR(t *testing.T) {
	d, dir := types(t), t.TempDir()
	delivery := targettest.Delivery(d, []*ecrf.StoredCasebook{book(t, d)})
	delivery.AsOf = delivery.AsOf.In(time.FixedZone("", 3600))
	report, err := open(t, dir).Deliver(t.Context(), delivery)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) != 1 || report.Problems[0] != "item i_large: 1 values are too large for an integer of FHIR and were left out" {
		t.Errorf("%v", report.Problems)
	}
	other := t.TempDir()
	if _, err := open(t, other).Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(`{"resourceType":"Questionnaire","status":"active","item":[{"type":"group"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	said := string(shared.Node(t, "@medplum/core", "testdata/validate.mjs", wrong, filepath.Join(dir, "f.questionnaire.json"), filepath.Join(dir, "f.responses.ndjson"),
		filepath.Join(other, "base.questionnaire.json"), filepath.Join(other, "base.responses.ndjson"), filepath.Join(other, "lab.responses.ndjson")))
	if !strings.HasPrefix(said, wrong+": ") || !strings.HasSuffix(said, "\n8 valid\n") || strings.Count(said, "\n") != 2 {
		t.Errorf("%s", said)
	}
	text, err := os.ReadFile(filepath.Join(dir, "f.responses.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`{"answer":[{"valueDecimal":0.50}],"linkId":"c_decimal"}`, `"valueDateTime":"2024-07-01T12:00:00+01:00"`, `"valueCoding":{"code":"\u003c=","display":"at most","system":"urn:crflink:types:codelist:c_list"}`,
		`"questionnaire":"urn:crflink:types:questionnaire:f|2"`, `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"not-permitted"},{"url":"urn:crflink:missing","valueCode":"no-consent"}]`,
		`"valueCode":"not-performed"`, `"status":"completed"`, `"status":"in-progress"`, `{"url":"urn:crflink:repeat","valueInteger":2}`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the responses have no %s", part)
		}
	}
}

func TestAQuestionnaireThatIsWrittenIsReadAsTheSameForm(t *testing.T) {
	d, dir := types(t), t.TempDir()
	if _, err := open(t, dir).Deliver(t.Context(), targettest.Delivery(d, nil)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "f.questionnaire.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	draft, err := questionnaire.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	got, _, _, err := draft.Dictionary("types")
	if err != nil {
		t.Fatal(err)
	}
	var had, has strings.Builder
	for w, from := range map[*strings.Builder]*ecrf.Dictionary{&had: d, &has: got} {
		alone := &ecrf.Dictionary{Study: "types", CodeLists: from.CodeLists, Forms: from.Forms} // a Questionnaire has no events
		if err := ecrf.WriteDictionary(w, alone, ecrf.Comments{}); err != nil {
			t.Fatal(err)
		}
	}
	if had.String() != has.String() {
		t.Errorf("written\n%s\nread\n%s", had.String(), has.String())
	}
}

func TestALineThatSomebodyChangedIsNotErasedFrom(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.responses.ndjson"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eraser, ok := open(t, dir).(ecrf.Eraser)
	if !ok {
		t.Fatal("no eraser")
	}
	if _, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S1"}}); err == nil {
		t.Error("a file that cannot be read counts as erased")
	}
}
