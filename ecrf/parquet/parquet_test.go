package parquet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/parquet"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/shared"
)

func open(t testing.TB, dir string) ecrf.Target {
	target, err := parquet.New("files", dir)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestParquetFilesPassTheTargetExam(t *testing.T) {
	targettest.Run(t, targettest.Candidate{Kind: "parquet", Open: open, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored()})
}

const everyType = `study: types
version: "1"
events: [{name: e, forms: [f]}]
codelists: {c: {"1": one, "<=": at most}}
forms:
  - name: f
    items:
      - {name: a_text, type: text}
      - {name: b_integer, type: integer}
      - {name: c_decimal, type: decimal, decimals: 2}
      - {name: d_date, type: date}
      - {name: e_partial, type: partial-date}
      - {name: f_datetime, type: datetime}
      - {name: g_boolean, type: boolean}
      - {name: h_choice, type: choice, codelist: c}
`

func book(t *testing.T, d *ecrf.Dictionary, values ...string) *ecrf.StoredCasebook {
	t.Helper()
	b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S1"}}
	for i, item := range d.Forms[0].ItemNames() {
		c := ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "f", Item: item}, Value: values[i], State: ecrf.New}
		if c.Value == "" {
			c.Missing = ecrf.NoResource
		} else if err := d.Check(item, c.Value); err != nil {
			t.Fatal(err)
		}
		b.Cells = append(b.Cells, c)
	}
	return b
}

// What another program reads: npm's hyparquet.
func TestAnotherReaderFindsTheTypesAndTheValues(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(everyType))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	books := []*ecrf.StoredCasebook{
		book(t, d, "=1+1 äöü€\n", "-12", "-0.05", "1969-12-31", "2024-02", "2024-02-29T23:59:58", "true", "<="),
		book(t, d, "", "", "", "", "", "", "", ""),
	}
	if _, err := open(t, dir).Deliver(t.Context(), targettest.Delivery(d, books)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"f": `{"columns":["subject STRING","site STRING","event STRING","repeat INTEGER","a_text STRING","b_integer INTEGER","c_decimal DECIMAL 18,2","d_date DATE","e_partial STRING","f_datetime TIMESTAMP","g_boolean BOOLEAN","h_choice STRING"],` +
			`"rows":[{"subject":"S1","site":null,"event":"e","repeat":null,"a_text":"=1+1 äöü€\n","b_integer":-12,"c_decimal":-0.05,"d_date":"1969-12-31T00:00:00.000Z","e_partial":"2024-02","f_datetime":"2024-02-29T23:59:58.000Z","g_boolean":true,"h_choice":"<="},` +
			`{"subject":"S1","site":null,"event":"e","repeat":null,"a_text":null,"b_integer":null,"c_decimal":null,"d_date":null,"e_partial":null,"f_datetime":null,"g_boolean":null,"h_choice":null}]}`,
		"codelists": `{"columns":["codelist STRING","code STRING","label STRING"],"rows":[{"codelist":"c","code":"1","label":"one"},{"codelist":"c","code":"<=","label":"at most"}]}`,
	} {
		got := strings.TrimSpace(string(shared.Node(t, "hyparquet", "testdata/read.mjs", filepath.Join(dir, name+".parquet"))))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestANumberThatIsTooLargeIsReportedAndStandsInTheLongTable(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(everyType))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	large := book(t, d, "x", "9223372036854775808", "12345678901234567.89", "", "", "", "", "")
	report, err := open(t, dir).Deliver(t.Context(), targettest.Delivery(d, []*ecrf.StoredCasebook{large}))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) != 2 || !strings.Contains(report.Problems[0], "item b_integer: 1 values are too large") {
		t.Errorf("%v", report.Problems)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "cells.parquet")); err != nil || !strings.Contains(string(text), "12345678901234567.89") {
		t.Error("the long table does not have it", err)
	}
}

// Several row groups are erased from as if the subject had never been there.
func TestErasingFromALargeFileLeavesTheOthersRows(t *testing.T) {
	d := ledgertest.Dictionary(t)
	many := func(leaveOut string) []*ecrf.StoredCasebook {
		var all []*ecrf.StoredCasebook
		for n := range 3000 {
			b := *ledgertest.Stored()[0]
			if b.Facts.Subject = ledgertest.Number(n); b.Facts.Subject != leaveOut {
				all = append(all, &b)
			}
		}
		return all
	}
	const goes = "S001500"
	dir, never := t.TempDir(), t.TempDir()
	for folder, books := range map[string][]*ecrf.StoredCasebook{dir: many(""), never: many(goes)} {
		if _, err := open(t, folder).Deliver(t.Context(), targettest.Delivery(d, books)); err != nil {
			t.Fatal(err)
		}
	}
	eraser, ok := open(t, dir).(ecrf.Eraser)
	if !ok {
		t.Fatal("no eraser")
	}
	if cells, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{goes}}); err != nil || cells != 7 {
		t.Errorf("%d cells, %v", cells, err)
	}
	for _, name := range []string{"cells", "base", "lab"} {
		got, gotErr := os.ReadFile(filepath.Join(dir, name+".parquet"))
		want, wantErr := os.ReadFile(filepath.Join(never, name+".parquet"))
		if gotErr != nil || wantErr != nil || string(got) != string(want) {
			t.Errorf("%s is not as if the subject had never been delivered", name)
		}
	}
}

func TestAFileThatSomebodyBrokeIsNotErasedFrom(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cells.parquet"), []byte("not Parquet"), 0o600); err != nil {
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
