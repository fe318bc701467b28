package redcap

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

// formCells are items of every type, and fields that hold them.
const formCells = `study: s
version: "1"
events: [{name: e, forms: [f]}]
codelists: {sex: {"1": male, "2": female}}
forms:
  - name: f
    items:
      - {name: text, type: text}
      - {name: count, type: integer}
      - {name: lab, type: decimal, decimals: 1}
      - {name: fine, type: decimal, decimals: 3}
      - {name: day, type: date}
      - {name: part, type: partial-date}
      - {name: moment, type: datetime}
      - {name: flag, type: boolean}
      - {name: sex, type: choice, codelist: sex}
`

func formats(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(formCells))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func join(d *ecrf.Dictionary, item string, v variable) (*column, string) {
	it := d.Item(item)
	var codes []ecrf.Code
	if l := d.CodeList(it.CodeList); l != nil {
		codes = l.Codes
	}
	return newColumn(it, codes, &v, "x")
}

func textField(validation string) variable { return variable{kind: "text", validation: validation} }

func TestAValueIsSpelledAsItsFieldWantsItAndReadBackAsItWas(t *testing.T) {
	d := formats(t)
	yes := variable{kind: "yesno"}
	codes := variable{kind: "radio", choices: Choices("1, male | 2, female | 3, other")}
	for _, c := range []struct {
		item      string
		field     variable
		canonical string
		raw       string
	}{
		{"text", textField(""), "a, \"b\"\nc", "a, \"b\"\nc"},
		{"text", textField("email"), "a@b.example", "a@b.example"},
		{"text", variable{kind: "notes"}, "x", "x"},
		{"text", textField("time"), "08:30", "08:30"},
		{"count", textField("integer"), "-7", "-7"},
		{"count", textField("number"), "7", "7"},
		{"count", textField("number_2dp"), "7", "7.00"},
		{"count", variable{kind: "slider"}, "70", "70"},
		{"lab", textField("number"), "4.1", "4.1"},
		{"lab", textField("number_1dp"), "22.0", "22.0"},
		{"lab", textField("number_2dp"), "22.0", "22.00"},
		{"lab", textField("number_comma_decimal"), "4.1", "4,1"},
		{"lab", textField("number_2dp_comma_decimal"), "-4.1", "-4,10"},
		{"lab", textField(""), "0.5", "0.5"},
		{"day", textField("date_dmy"), "2026-01-31", "2026-01-31"},
		{"day", textField("date_mdy"), "2026-01-31", "2026-01-31"},
		{"part", textField(""), "2026-01", "2026-01"},
		{"part", textField("date_ymd"), "2026-01-31", "2026-01-31"},
		{"moment", textField("datetime_dmy"), "2026-01-31T08:30:00", "2026-01-31 08:30"},
		{"moment", textField("datetime_seconds_mdy"), "2026-01-31T08:30:15", "2026-01-31 08:30:15"},
		{"flag", yes, "true", "1"},
		{"flag", variable{kind: "truefalse"}, "false", "0"},
		{"flag", variable{kind: "checkbox"}, "true", "1"},
		{"sex", codes, "2", "2"},
		{"sex", variable{kind: "sql"}, "2", "2"},
	} {
		column, problem := join(d, c.item, c.field)
		if problem != "" {
			t.Errorf("%s in %+v: %s", c.item, c.field, problem)
			continue
		}
		if value, raw, err := column.settled(c.canonical); raw != c.raw || value != c.canonical || err != nil {
			t.Errorf("%s in %+v: %q is spelled %q and read back as %q, want %q: %v", c.item, c.field, c.canonical, raw, value, c.raw, err)
		}
	}
}

func TestWhatAFieldCannotHoldIsFoundBeforeAnythingIsWritten(t *testing.T) {
	d := formats(t)
	for _, c := range []struct {
		item  string
		field variable
		says  string
	}{
		{"lab", textField("integer"), "more decimals"},
		{"fine", textField("number_2dp"), "more decimals"},
		{"day", textField("datetime_dmy"), "cannot hold that"},
		{"moment", textField("date_dmy"), "cannot hold that"},
		{"text", textField("number"), "cannot hold that"},
		{"text", variable{kind: "yesno"}, "cannot hold that"},
		{"sex", variable{kind: "radio", choices: Choices("1, male | 3, other")}, "the codes 2"},
		{"text", variable{kind: "calc"}, "calculates"},
		{"text", variable{kind: "text", annotation: "@CALCTEXT('x')"}, "calculates"},
		{"text", variable{kind: "file"}, "calculates"},
		{"text", variable{kind: "colour"}, "unknown"},
		{"flag", variable{kind: "radio", choices: Choices("1, yes | 2, no")}, "the codes 0"},
	} {
		if _, problem := join(d, c.item, c.field); !strings.Contains(problem, c.says) {
			t.Errorf("%s in %+v: %q, want %q", c.item, c.field, problem, c.says)
		}
	}
}

func TestWhatIsNoValueOfTheItemIsEqualToNoneOfOurs(t *testing.T) {
	d := formats(t)
	for _, c := range []struct {
		item   string
		field  variable
		stored string
		read   string
	}{
		{"lab", textField("number"), "4.10", "4.1"},
		{"lab", textField("number"), "4.13", "4.13"}, // never rounded: a person was more precise
		{"lab", textField("number"), "04", "4.0"},
		{"lab", textField("number"), "-0", "0.0"},
		{"lab", textField("number"), "4,1", "4,1"},
		{"lab", textField("number_comma_decimal"), "4.1", "4.1"},
		{"lab", textField("number"), "UNK", "UNK"},
		{"count", textField("number"), "7.0", "7"},
		{"count", textField("number"), "7.5", "7.5"},
		{"sex", variable{kind: "radio", choices: Choices("1, a | 2, b")}, "9", "9"},
		{"moment", textField("datetime_dmy"), "2026-01-31 08:30", "2026-01-31T08:30:00"},
		{"text", textField(""), " x\r\ny ", "x\ny"},
		{"flag", variable{kind: "yesno"}, "", ""},
	} {
		column, problem := join(d, c.item, c.field)
		if problem != "" {
			t.Fatal(problem)
		}
		if got := column.read(c.stored); got != c.read {
			t.Errorf("%s: %q is read as %q, want %q", c.item, c.stored, got, c.read)
		}
	}
}

func TestAMomentIsSettledToWhatItsFieldKeeps(t *testing.T) {
	column, _ := join(formats(t), "moment", textField("datetime_dmy"))
	if value, raw, err := column.settled("2026-01-31T08:30:59"); value != "2026-01-31T08:30:00" || raw != "2026-01-31 08:30" || err != nil {
		t.Errorf("%q %q %v", value, raw, err)
	}
	column, _ = join(formats(t), "part", textField("date_dmy"))
	if _, _, err := column.settled("2026-01"); err == nil {
		t.Error("half a date was spelled")
	}
}

func TestARefusalNamesItsCells(t *testing.T) {
	quad := `"S1 (visit_arm_1)","k","4,1","The value you provided could not be validated because it does not follow the expected format. Please try again."` + "\n" +
		`"S2","sex","7","The value is not a valid category for sex"` + "\n" + `"S3","k","4.1","This field is located on a form that is locked. You must first unlock this form for this record."`
	for name, body := range map[string]string{
		"bare":      quad,
		"in JSON":   `{"error":` + quoted(quad) + `}`,
		"with word": "ERROR: " + quad,
	} {
		r := asRefusal(refused(400, []byte(body)))
		want := []badCell{{"S1", "visit_arm_1", "k", causeFormat}, {"S2", "", "sex", causeCategory}, {"S3", "", "k", causeLocked}}
		if r == nil || len(r.cells) != 3 || r.cells[0] != want[0] || r.cells[1] != want[1] || r.cells[2] != want[2] {
			t.Errorf("%s: %+v", name, r)
		}
		if strings.Contains(r.Error(), "S1") || strings.Contains(r.Error(), "4,1") {
			t.Errorf("the error holds data: %v", r)
		}
	}
	old := asRefusal(refused(400, []byte(`{"error":"There were data validation errors","records":[{"record":"1","field_name":"sex","value":"7","message":"The value is not a valid category for sex"}]}`)))
	if len(old.cells) != 1 || old.cells[0] != (badCell{"1", "", "sex", causeCategory}) {
		t.Errorf("an older server: %+v", old)
	}
	for body, says := range map[string]string{
		`{"error":"You do not have permissions to use the API"}`: "the token is not accepted",
		"ERROR: You do not have API Import/Update privileges":    "may not import",
		"<html>403</html>": "Forbidden",
	} {
		if r := asRefusal(refused(403, []byte(body))); len(r.cells) != 0 || !strings.Contains(r.Error(), says) {
			t.Errorf("%s: %v", body, r)
		}
	}
}

func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `"`, `\"`), "\n", `\n`) + `"`
}

// Whatever a field holds, reading it is stable: what was read as a value of the item is spelled and read again as itself.
func FuzzReadAndSpell(f *testing.F) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(formCells))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"4,1", "-0.50", "2026-01-31 08:30", "1", "UNK", " x ", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		for item, field := range map[string]variable{
			"text": textField(""), "count": textField("integer"), "lab": textField("number_2dp_comma_decimal"), "fine": textField("number"), "day": textField("date_dmy"),
			"moment": textField("datetime_seconds_ymd"), "flag": {kind: "yesno"}, "sex": {kind: "radio", choices: Choices("1, a | 2, b")},
		} {
			column, problem := join(d, item, field)
			if problem != "" {
				t.Fatal(problem)
			}
			value := column.read(stored)
			if d.Check(item, value) != nil {
				continue // no value of the item
			}
			if again, _, err := column.settled(value); again != value && err == nil {
				t.Errorf("%s: %q is read as %q, and that as %q", item, stored, value, again)
			}
		}
	})
}
