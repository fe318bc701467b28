package odm_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
)

func snapshot(t testing.TB, d *ecrf.Dictionary, books []*ecrf.StoredCasebook, o odm.Options) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := odm.Write(t.Context(), &out, targettest.Delivery(d, books), o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// xmllint validates a document against the published schema.
func xmllint(t *testing.T, document string) error {
	return validated(t, shared.Dir(t, "data", "odm", "schema-1.3.2", "ODM1-3-2.xsd"), document)
}

// xmllint2 validates a document of version 2.0.
func xmllint2(t *testing.T, document string) error {
	return validated(t, shared.Dir(t, "data", "odm", "schema-2.0", "ODM.xsd"), document)
}

func validated(t *testing.T, schema, document string) error {
	t.Helper()
	program, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv(shared.EnvRequire) == "all" {
			t.Fatal("xmllint is required; install libxml2-utils")
		}
		t.Skip("xmllint is absent; install libxml2-utils")
	}
	command := exec.Command(program, "--nonet", "--noout", "--schema", schema, "-")
	command.Stdin = strings.NewReader(document)
	if out, err := command.CombinedOutput(); err != nil {
		return errors.New(string(out))
	}
	return nil
}

func registry(t testing.TB) *ecrf.Dictionary {
	t.Helper()
	file := filepath.Join("..", "..", "configs", "psma-registry", "dictionary.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := ecrf.ParseDictionary(file, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// documents are all that can be asked for, by the name of its golden file.
var documents = map[string]odm.Options{
	"snapshot":       {Provenance: true},
	"transactional":  {Transactional: true},
	"snapshot2":      {Version: odm.V2, Provenance: true},
	"transactional2": {Version: odm.V2, Transactional: true},
}

// lint validates a document against the published schema of its version, and against the checker.
func lint(t *testing.T, document string, o odm.Options) {
	t.Helper()
	schema := xmllint
	if o.Version == odm.V2 {
		schema = xmllint2
	}
	if err := schema(t, document); err != nil {
		t.Errorf("%+v: %v", o, err)
	}
	if problems := check(t, document); len(problems) != 0 {
		t.Errorf("%+v: %v", o, problems)
	}
}

func TestEachDocumentIsAsTheGoldenOne(t *testing.T) {
	for name, o := range documents {
		got := snapshot(t, ledgertest.Dictionary(t), ledgertest.Stored(), o)
		golden.Equal(t, filepath.Join("testdata", name+".xml"), got)
	}
}

func TestEveryDocumentIsValidAgainstTheSchemaAndTheChecker(t *testing.T) {
	for _, o := range documents {
		lint(t, snapshot(t, ledgertest.Dictionary(t), ledgertest.Stored(), o), o)
		lint(t, snapshot(t, registry(t), nil, o), o)
		o.Provenance = false
		lint(t, snapshot(t, ledgertest.Dictionary(t), ledgertest.Stored(), o), o)
	}
}

// In a document of transactions each value says who wrote it when and why, and what it came from.
func TestEveryTransactionHasItsAuditRecord(t *testing.T) {
	for _, name := range []string{"transactional", "transactional2"} {
		document := snapshot(t, ledgertest.Dictionary(t), ledgertest.Stored(), documents[name])
		items := strings.Count(document, "<ItemData ")
		for _, part := range []string{
			`<UserRef UserOID="U.crflink"/>`, `<LocationRef LocationOID="L.site-`, "<DateTimeStamp>2026-01-15T02:00:00Z</DateTimeStamp>", "<ReasonForChange>", "<SourceID>",
		} {
			if n := strings.Count(document, part); n != items || n == 0 {
				t.Errorf("%s: %d of %d items have %s", name, n, items, part)
			}
		}
		for _, part := range []string{`FileType="Transactional"`, `SubjectKey="S000001" TransactionType="Upsert"`, "Observation/k7/_history/3; path=Observation.value; rule=lab.psa"} {
			if !strings.Contains(document, part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
	}
}

func TestAVersionThatIsNotWrittenIsRefused(t *testing.T) {
	if _, err := odm.New("odm", "f.xml", odm.Options{Version: "1.2"}); err == nil {
		t.Error("ODM 1.2 is written")
	}
}

func TestDocumentsPassTheTargetExam(t *testing.T) {
	for name, o := range map[string]odm.Options{"V1": {Provenance: true}, "V2": {Version: odm.V2, Transactional: true}} {
		t.Run(name, func(t *testing.T) {
			open := func(t testing.TB, dir string) ecrf.Target {
				target, err := odm.New("odm", filepath.Join(dir, "study.odm.xml"), o)
				if err != nil {
					t.Fatal(err)
				}
				return target
			}
			targettest.Run(t, targettest.Candidate{Kind: "odm", Open: open, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored()})
		})
	}
}

func TestHostileTextsAndSitesAreValidAgainstTheSchema(t *testing.T) {
	d := ledgertest.Dictionary(t)
	for _, text := range []string{"<a b='c'>&amp;\"]]>", "\x00\x1f\ufffe", "a\nb\tc\r", "=cmd|' /C calc'!A0", "'); DROP TABLE cell; --", "\xff"} {
		if err := xmllint(t, snapshot(t, d, hostile(text), documents["snapshot"])); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if err := xmllint2(t, snapshot(t, d, hostile(text), documents["transactional2"])); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

const everyType = `study: types
version: "2"
events: [{name: e, forms: [f]}]
codelists: {c: {"<=": at most, R: right}}
forms:
  - name: f
    items:
      - {name: a_text, label: "A <text>", type: text, length: 5}
      - {name: b_integer, type: integer, min: -5, max: 10, unit: d}
      - {name: c_decimal, type: decimal, decimals: 0, min: -0.5, max: 9.25, unit: 10*9/L}
      - {name: d_date, type: date, min: 2020-01-01}
      - {name: e_partial, type: partial-date, max: "2030"}
      - {name: f_datetime, type: datetime}
      - {name: g_boolean, type: boolean}
      - {name: h_choice, type: choice, codelist: c, required: true}
`

func TestEveryTypeIsWrittenInItsODMForm(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(everyType))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{
		"a_text": {"äöüß€"}, "b_integer": {"-5", "10", "0"}, "c_decimal": {"9", "0"}, "d_date": {"2024-02-29"}, "e_partial": {"2024", "2024-05", "2024-05-06"},
		"f_datetime": {"2024-05-06T07:08:09"}, "g_boolean": {"true", "false"}, "h_choice": {"<=", "R"},
	}
	for n := range 3 {
		book := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: ledgertest.Number(n)}}
		for _, item := range d.Forms[0].ItemNames() {
			value := values[item][min(n, len(values[item])-1)]
			if err := d.Check(item, value); err != nil {
				t.Fatal(err)
			}
			book.Cells = append(book.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "f", Item: item}, Value: value, State: ecrf.New})
		}
		for _, o := range documents {
			lint(t, snapshot(t, d, []*ecrf.StoredCasebook{book}, o), o)
		}
	}
}

func TestASubjectWithoutCellsIsNotInTheDocument(t *testing.T) {
	books := append(ledgertest.Stored(), &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "EXCLUDED", Site: "hidden-site", Outcome: "excluded"}})
	document := snapshot(t, ledgertest.Dictionary(t), books, odm.Options{})
	if strings.Contains(document, "EXCLUDED") || strings.Contains(document, "hidden-site") {
		t.Error("a subject without data is named")
	}
}

func TestCellsThatTheDictionaryNoLongerHasAreLeftOut(t *testing.T) {
	books := ledgertest.Stored()[:1]
	gone := books[0].Cells[0]
	gone.Item = "gone"
	other := gone
	other.Form = "gone_form"
	books[0].Cells = append(books[0].Cells, gone, other)
	document := snapshot(t, ledgertest.Dictionary(t), books, odm.Options{})
	if strings.Contains(document, "gone") {
		t.Error("an unknown item is in the document")
	}
	if problems := check(t, document); len(problems) != 0 {
		t.Error(problems)
	}
}

func TestNoticesStandInTheStudyDescription(t *testing.T) {
	delivery := targettest.Delivery(ledgertest.Dictionary(t), nil)
	delivery.Notices = []string{"No consent was checked."}
	var out bytes.Buffer
	if _, err := odm.Write(t.Context(), &out, delivery, odm.Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "<StudyDescription>Data of study ledger-test. No consent was checked.</StudyDescription>") {
		t.Error(out.String()[:800])
	}
}

func hostile(text string) []*ecrf.StoredCasebook {
	remark := ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "baseline", Form: "base", Item: "remark"}, Value: text, State: ecrf.New}
	remark.Provenance = ecrf.Provenance{Source: text, Resource: text, Version: text, Path: text, Rule: text}
	return []*ecrf.StoredCasebook{{Facts: ecrf.Facts{Subject: "S1", Site: text}, Cells: []ecrf.StoredCell{remark}}}
}

// FuzzAnyTextGivesAWellFormedDocumentAndComesBack: a value that an item may hold is read back as it was; any other
// text still leaves the document well formed.
func FuzzAnyTextGivesAWellFormedDocumentAndComesBack(f *testing.F) {
	for _, s := range []string{"a", "<a b='c'>&amp;\"", "]]>", "\x00\x1f", "a\nb\tc", "\r\n", "\ufffe\uffff", "\xff\xfe", "', DROP TABLE", "\U0001F600"} {
		f.Add(s)
	}
	d := ledgertest.Dictionary(f)
	f.Fuzz(func(t *testing.T, text string) {
		document := snapshot(t, d, hostile(text), odm.Options{Provenance: true})
		if !utf8.ValidString(document) {
			t.Fatal("not UTF-8")
		}
		value, source := readBack(t, document)
		if d.Check("remark", text) != nil {
			return
		}
		if value != text {
			t.Errorf("value %q comes back as %q", text, value)
		}
		if !strings.Contains(source, text) {
			t.Errorf("source %q does not hold %q", source, text)
		}
	})
}

func readBack(t *testing.T, document string) (value, source string) {
	decoder := xml.NewDecoder(strings.NewReader(document))
	inSource := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return value, source
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			inSource = x.Name.Local == "SourceID"
			for _, a := range x.Attr {
				if x.Name.Local == "ItemData" && a.Name.Local == "Value" {
					value = a.Value
				}
			}
		case xml.CharData:
			if inSource {
				source += string(x)
			}
		case xml.EndElement:
			inSource = false
		}
	}
}

func TestADocumentThatSomebodyBrokeIsNotErasedFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "study.odm.xml")
	const broken = `<ODM><ClinicalData><SubjectData SubjectKey="S1"><ItemData/></ClinicalData></ODM>`
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := odm.New("odm", file, odm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S1"}}); err == nil {
		t.Error("a document that cannot be read counts as erased")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != broken {
		t.Errorf("it is %q now, %v", text, err)
	}
}
