package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

func asJSON(t testing.TB, r Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func asSummary(t testing.TB, r Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func asHTML(t testing.TB, r Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheFormsOfAReportStandStill(t *testing.T) {
	golden.Equal(t, "testdata/demo.json", asJSON(t, demoRun()))
	golden.Equal(t, "testdata/demo.txt", asSummary(t, demoRun()))
	golden.Equal(t, "testdata/suppressed.json", asJSON(t, demoRun().Suppress()))
	golden.Equal(t, "testdata/empty.json", asJSON(t, Run{}))
	golden.Equal(t, "testdata/empty.txt", asSummary(t, Run{}))
}

func TestJSONCanBeReadBack(t *testing.T) {
	for _, r := range []Run{demoRun(), demoRun().Suppress()} {
		text := asJSON(t, r)
		var again Run
		if err := json.Unmarshal([]byte(text), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, asJSON(t, again)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTheDemoIsBalancedAndALossIsSeen(t *testing.T) {
	r := demoRun()
	if faults := r.Unbalanced(); len(faults) != 0 {
		t.Errorf("got %q", faults)
	}
	for name, spoil := range map[string]func(*Run){
		"patient":  func(r *Run) { r.Patients.Found++ },
		"enrolled": func(r *Run) { r.Patients.Enrolled-- },
		"resource": func(r *Run) { r.Resources.Kept-- },
		"cell":     func(r *Run) { r.Cells.New++ },
		"study":    func(r *Run) { r.Imaging.Linked-- },
	} {
		r := demoRun()
		spoil(&r)
		if len(r.Unbalanced()) == 0 || !strings.Contains(asSummary(t, r), "but the parts are") || !strings.Contains(asHTML(t, r), "but the parts are") {
			t.Errorf("%s: the loss is not shown", name)
		}
	}
}

func TestShardsInAnyOrderGiveTheWhole(t *testing.T) {
	a, b := demoRun(), demoRun()
	b.Rejected = []Rejected{{"Patient", "a@1", "x"}}
	b.Cells.Empty = Tally{"another": 1}
	b.Warnings = []string{"another"}
	one, other := a, b
	one.Merge(b)
	c := demoRun()
	other.Merge(c)
	if diff := cmp.Diff(asJSON(t, one), asJSON(t, other)); diff != "" {
		t.Errorf("the order matters:\n%s", diff)
	}
	if one.Patients.Found != 400 || one.Patients.Held["expired"] != 18 || one.Cells.Empty["another"] != 1 || one.Forms[0].Items[0].Filled != 294 || len(one.Forms) != 8 {
		t.Errorf("got %+v", one.Patients)
	}
}

// A merge must not write into the Run that it takes from.
func TestMergingLeavesTheOtherAlone(t *testing.T) {
	var sum Run
	part := demoRun()
	before := asJSON(t, part)
	sum.Merge(part)
	sum.Merge(part)
	if diff := cmp.Diff(before, asJSON(t, part)); diff != "" {
		t.Error(diff)
	}
}

func TestNoSmallNumberIsLeftAfterSuppressing(t *testing.T) {
	r := demoRun()
	before := asJSON(t, r)
	hidden := r.Suppress()
	if asJSON(t, r) != before {
		t.Error("suppressing changed the original")
	}
	var visit func(path string, v any)
	visit = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if k == "seconds" || k == "exit" {
					continue
				}
				visit(path+"."+k, x)
			}
		case []any:
			for _, x := range v {
				visit(path, x)
			}
		case float64:
			if int(v)%smallest != 0 {
				t.Errorf("%s is %v", path, v)
			}
		}
	}
	var tree any
	if err := json.Unmarshal([]byte(asJSON(t, hidden)), &tree); err != nil {
		t.Fatal(err)
	}
	visit("", tree)
	for _, text := range []string{asJSON(t, hidden), asSummary(t, hidden), asHTML(t, hidden)} {
		if strings.Contains(text, "88213") {
			t.Error("the place of a rejected resource is still there")
		}
		if strings.Contains(text, "-1") && strings.Contains(text, ": -1") {
			t.Error("a hidden number is written as -1")
		}
	}
}

func TestARunWithoutConsentSaysSoEverywhere(t *testing.T) {
	r := demoRun()
	r.Policy = Policy{Kind: "none"}
	if !strings.Contains(asSummary(t, r), noConsent) || !strings.Contains(asHTML(t, r), noConsent) || !strings.Contains(asJSON(t, r), `"kind": "none"`) {
		t.Error("the banner is missing")
	}
	if strings.Contains(asSummary(t, demoRun()), noConsent) || strings.Contains(asHTML(t, demoRun()), noConsent) {
		t.Error("the banner is there without cause")
	}
}

// hostile texts must not be anything but text, wherever they stand.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; DROP TABLE cells; --`, `</style><svg onload=alert(1)>`, `{{.}}`, `]]>`,
	"\x1b[31mred\x1b[0m", "a\x00b\nc\td", "\u202Egnp.exe", `=HYPERLINK("http://x")`, "\xff\xfe", strings.Repeat("long", 5000), `<!--`, `javascript:alert(1)`,
}

func hostileRun(s string) Run {
	r := demoRun()
	r.Study, r.AsOf, r.Version = Study{s, s, s}, s, s
	r.Policy, r.Verdict.Text, r.Warnings = Policy{s, s, s}, s, []string{s}
	r.AuditHead = s
	r.Inputs, r.Rejected = []Input{{s, s, s, s}}, []Rejected{{s, s, s}}
	r.Patients.Held, r.Resources.Dropped = Tally{s: 23}, Tally{s: 1542}
	r.Cells = Cells{Filled: 3, New: 3, Empty: Tally{s: 1}}
	r.Imaging.Links, r.Imaging.Unlinked = Tally{s: 2}, Tally{s: 13}
	r.Targets, r.Stages = []Target{{Name: s, Kind: s, Error: s}}, []Stage{{s, s, 1, 1}}
	r.Forms = []Form{{s, s, []Item{{s, s, 3, Tally{s: 1}}}}}
	return r
}

func TestHostileTextStaysText(t *testing.T) {
	plain := tags(t, asHTML(t, hostileRun("word")))
	for i, s := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if diff := cmp.Diff(plain, tags(t, asHTML(t, hostileRun(s)))); diff != "" {
				t.Errorf("the text changed the elements of the page:\n%s", diff)
			}
			summary := asSummary(t, hostileRun(s))
			if strings.ContainsAny(summary, "\x1b\x00\x07\r\t\u202e") {
				t.Error("the summary holds control characters")
			}
			if lines, want := strings.Count(summary, "\n"), strings.Count(asSummary(t, hostileRun("word")), "\n"); len(s) < 100 && lines != want {
				t.Errorf("the summary has %d lines, want %d", lines, want)
			}
			if !json.Valid([]byte(asJSON(t, hostileRun(s)))) {
				t.Error("the JSON is not valid")
			}
		})
	}
}

// tags lists the elements of a page with the names of their attributes.
func tags(t *testing.T, page string) (list []string) {
	t.Helper()
	in := html.NewTokenizer(strings.NewReader(page))
	for {
		switch in.Next() {
		case html.ErrorToken:
			return list
		case html.StartTagToken, html.SelfClosingTagToken:
			token := in.Token()
			for _, a := range token.Attr {
				token.Data += " " + a.Key
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "src" {
					t.Errorf("attribute %s in the page", a.Key)
				}
			}
			list = append(list, token.Data)
		}
	}
}

func TestSharesAreNeverRoundedToAllOrNothing(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 0.0001: "1 %", 0.5: "50 %", 0.996: "99 %", 1: "100 %"} {
		if got := percent(share, true); got != want {
			t.Errorf("%v: want %s, got %s", share, want, got)
		}
	}
	if got := percent(0, false); got != "–" {
		t.Errorf("nothing expected: got %s", got)
	}
}

func TestAMatrixCountsByFormAndItem(t *testing.T) {
	m := NewMatrix([]Form{{Name: "labs", Label: "Laboratory", Items: []Item{{Name: "hb"}, {Name: "ldh"}}}})
	m.Filled("labs", "hb")
	if !m.Filled("labs", "hb") || !m.Empty("labs", "hb", "no-value") || !m.Empty("labs", "ldh", "unmapped") {
		t.Error("an item of the dictionary is not known")
	}
	if m.Filled("labs", "psa") || m.Empty("psa", "hb", "no-value") {
		t.Error("an item that is not in the dictionary was counted")
	}
	var r Run
	m.Put(&r)
	r.Cells.New = 2
	if r.Cells.Filled != 2 || r.Cells.Empty["no-value"] != 1 || r.Cells.Empty["unmapped"] != 1 || r.Forms[0].Items[0].Filled != 2 || len(r.Unbalanced()) != 0 {
		t.Errorf("got %+v %+v %v", r.Cells, r.Forms, r.Unbalanced())
	}
}
