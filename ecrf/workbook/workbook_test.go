package workbook_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/ecrf/workbook"
	"github.com/crflink/crflink/internal/shared"
)

func open(t testing.TB, dir string) ecrf.Target {
	target, err := workbook.New("book", filepath.Join(dir, "study.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestWorkbooksPassTheTargetExam(t *testing.T) {
	targettest.Run(t, targettest.Candidate{
		Kind: "xlsx", Open: open, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored(), Content: rows, Memory: 96 << 20,
	})
}

// rows is what stands in the sheets.
func rows(t testing.TB, dir string) map[string]string {
	t.Helper()
	parts := map[string]string{}
	file := filepath.Join(dir, "study.xlsx")
	if _, err := os.Stat(file); err != nil {
		return parts
	}
	f, err := excelize.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, sheet := range f.GetSheetList() {
		all, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		parts[sheet] = fmt.Sprint(all)
	}
	return parts
}

// content is what another program reads: npm's exceljs.
func content(t testing.TB, dir string) map[string]string {
	t.Helper()
	file := filepath.Join(dir, "study.xlsx")
	parts := map[string]string{}
	if _, err := os.Stat(file); err != nil {
		return parts
	}
	var sheets map[string][][]any
	if err := json.Unmarshal(shared.Node(t, "exceljs", "testdata/read.mjs", file), &sheets); err != nil {
		t.Fatal(err)
	}
	for name, rows := range sheets {
		for _, row := range rows {
			text, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			parts[name] += strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text)) + "\n"
		}
	}
	return parts
}

const everyType = `study: types
version: "1"
events: [{name: e, forms: [f, a_form_with_a_name_that_is_too_long_for_a_sheet]}]
codelists: {c: {"1": one, "01": old one, "<=": at most}}
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
  - {name: a_form_with_a_name_that_is_too_long_for_a_sheet, items: [{name: x, type: text}]}
`

func book(t *testing.T, d *ecrf.Dictionary, subject string, values ...string) *ecrf.StoredCasebook {
	t.Helper()
	b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: subject}}
	for i, value := range values {
		item := d.Forms[0].Items[i].Name
		if err := d.Check(item, value); err != nil {
			t.Fatal(err)
		}
		b.Cells = append(b.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "f", Item: item}, Value: value})
	}
	return b
}

func TestAnotherReaderFindsTypedCellsAndNoFormula(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(everyType))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	delivery := targettest.Delivery(d, []*ecrf.StoredCasebook{
		book(t, d, "S1", "=HYPERLINK(\"http://x\")", "-12", "-0.50", "1969-12-31", "2024-02", "2024-02-29T23:59:58", "true", "01"),
		book(t, d, "S2", "@SUM(A1)\n<ä>&_x0041_", "1234567890123456", "1234567890123456.78", "1969-12-31", "2024", "2024-02-29T23:59:58", "false", "<="),
		book(t, d, "S3", "+1"),
	})
	delivery.Notices = []string{"No consent was checked."}
	if _, err := open(t, dir).Deliver(t.Context(), delivery); err != nil {
		t.Fatal(err)
	}
	// exceljs shows the escape _x005F_, which is an underscore.
	check := func(when string, subjects ...string) {
		rows := map[string]string{
			"S1": `["String S1",null,"String e",null,"String =HYPERLINK(\"http://x\")","Number -12","Number -0.5 0.00","String 1969-12-31","String 2024-02","String 2024-02-29T23:59:58","Boolean true","String 01"]` + "\n",
			"S2": `["String S2",null,"String e",null,"String @SUM(A1)\n<ä>&_x005F_x0041_","String 1234567890123456","String 1234567890123456.78","String 1969-12-31","String 2024","String 2024-02-29T23:59:58","Boolean false","String <="]` + "\n",
			"S3": `["String S3",null,"String e",null,"String +1"]` + "\n",
		}
		want := `["String subject","String site","String event","String repeat","String a_text","String b_integer","String c_decimal","String d_date","String e_partial","String f_datetime","String g_boolean","String h_choice"]` + "\n"
		for _, s := range subjects {
			want += rows[s]
		}
		sheets := content(t, dir)
		if diff := cmp.Diff(want, sheets["f"]); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		if !strings.Contains(sheets["notice"], "No consent was checked.") || !strings.Contains(sheets["dictionary"], `"String c_decimal","String c_decimal","String decimal",null,"Number 2"`) || !strings.Contains(sheets["codelists"], "old one") {
			t.Errorf("%s: %v", when, sheets)
		}
		if _, has := sheets["a_form_with_a_name_that_is_to~3"]; !has || len(sheets) != 6 {
			t.Errorf("%s: the sheets are %v", when, sheets)
		}
	}
	check("delivered", "S1", "S2", "S3")
	eraser, ok := open(t, dir).(ecrf.Eraser)
	if !ok {
		t.Fatal("no eraser")
	}
	if _, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S1"}}); err != nil {
		t.Fatal(err)
	}
	check("erased", "S2", "S3")
	erased, err := os.ReadFile(filepath.Join(dir, "study.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	never := t.TempDir()
	others := targettest.Delivery(d, slices.Clone([]*ecrf.StoredCasebook{
		book(t, d, "S2", "@SUM(A1)\n<ä>&_x0041_", "1234567890123456", "1234567890123456.78", "1969-12-31", "2024", "2024-02-29T23:59:58", "false", "<="),
		book(t, d, "S3", "+1"),
	}))
	others.Notices = delivery.Notices
	if _, err := open(t, never).Deliver(t.Context(), others); err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(filepath.Join(never, "study.xlsx")); err != nil || string(want) != string(erased) {
		t.Errorf("the workbook is not as if the subject had never been delivered, %v", err)
	}
}

func TestATextThatIsTooLongForACellIsCutAndReported(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(everyType))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	report, err := open(t, dir).Deliver(t.Context(), targettest.Delivery(d, []*ecrf.StoredCasebook{book(t, d, "S1", strings.Repeat("ä😀", 20000))}))
	if err != nil || len(report.Problems) != 2 || report.Problems[0] != "sheet f: 1 texts are too long for a cell and were cut" {
		t.Errorf("%v, %v", report.Problems, err)
	}
	if got := content(t, dir)["f"]; !strings.Contains(got, `ä😀ä…"`) && !strings.Contains(got, `ä😀…"`) {
		t.Errorf("the cell ends in %s", got[len(got)-60:])
	}
}

func TestAWorkbookThatSomebodyBrokeIsNotErasedFrom(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "study.xlsx")
	if err := os.WriteFile(file, []byte("no workbook"), 0o600); err != nil {
		t.Fatal(err)
	}
	eraser, ok := open(t, dir).(ecrf.Eraser)
	if !ok {
		t.Fatal("no eraser")
	}
	if _, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S1"}}); err == nil {
		t.Error("a file that cannot be read counts as erased")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}
