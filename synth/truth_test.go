package synth

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

// missingReasons are those that cells can have. no-consent is none of them: nobody without consent has cells.
var missingReasons = []string{
	"no-resource", "outside-window", "no-event", "no-value", "unmapped", "unconvertible", "status", "certainty", "ambiguous", "out-of-range",
	"not-applicable", "absent:unknown", "absent:error", "absent:not-performed", "absent:temp-unknown",
}

func TestTheDemoSeedsShowEveryCellAndEveryReason(t *testing.T) {
	items := dictionaryItems(t)
	for seed := uint64(1); seed <= 5; seed++ {
		filled, reasons, methods, decisions := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, truth := range generate(t, Config{Seed: seed, Patients: 200}).truths {
			decisions[truth.Decision.Outcome] = true
			for _, c := range truth.Cells {
				if (c.Value == "") == (c.Missing == "") {
					t.Fatalf("%s.%s has value %q and reason %q", c.Form, c.Item, c.Value, c.Missing)
				}
				if reasons[c.Missing] = true; c.Value != "" {
					filled[c.Form+"."+c.Item] = true
				}
				if !slices.Contains(items, c.Form+"."+c.Item) {
					t.Fatalf("%s.%s is not in the dictionary", c.Form, c.Item)
				}
			}
			for _, m := range truth.Imaging {
				methods[m.Method] = true
			}
		}
		for _, want := range items {
			if !filled[want] {
				t.Errorf("seed %d: %s is never filled", seed, want)
			}
		}
		check(t, seed, "reason", reasons, missingReasons)
		check(t, seed, "method", methods, []string{"dicom-uid", "uri", "hashed-id", "accession-patient", "series-uid", "patient-date"})
		check(t, seed, "outcome", decisions, []string{"permitted", "excluded", "held", "not-enrolled"})
	}
}

func check(t *testing.T, seed uint64, what string, got map[string]bool, want []string) {
	t.Helper()
	for _, w := range want {
		if !got[w] {
			t.Errorf("seed %d: no %s %s", seed, what, w)
		}
	}
	delete(got, "")
	for g := range got {
		if !slices.Contains(want, g) && !strings.HasPrefix(g, "absent:") {
			t.Errorf("seed %d: the %s %s is not on the list", seed, what, g)
		}
	}
}

// dictionaryItems reads form.item from the example study's dictionary, by its layout.
func dictionaryItems(t *testing.T) (items []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "configs", "psma-registry", "dictionary.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	form := ""
	formLine, itemLine := regexp.MustCompile(`^  - name: (\w+)`), regexp.MustCompile(`^      - \{name: (\w+),`)
	for line := range strings.Lines(string(text)) {
		if m := formLine.FindStringSubmatch(line); m != nil {
			form = m[1]
		}
		if m := itemLine.FindStringSubmatch(line); m != nil {
			items = append(items, form+"."+m[1])
		}
	}
	if len(items) < 40 {
		t.Fatalf("only %d items found", len(items))
	}
	return items
}

func TestEveryPermittedPatientHasEveryItemOfEveryForm(t *testing.T) {
	repeating := []string{"psa", "therapy", "imaging"}
	items := dictionaryItems(t)
	for _, truth := range generate(t, Config{Seed: 4, Patients: 120}).truths {
		if truth.Decision.Outcome != "permitted" {
			if len(truth.Cells)+len(truth.Imaging) > 0 {
				t.Fatalf("%s patients have cells", truth.Decision.Outcome)
			}
			continue
		}
		instances := map[string]int{}
		for _, c := range truth.Cells {
			instances[fmt.Sprintf("%s %d", c.Form, c.Repeat)]++
		}
		for _, form := range []string{"demographics", "diagnosis", "staging", "labs", "medication", "follow_up"} {
			if instances[form+" 1"] == 0 || instances[form+" 2"] > 0 {
				t.Errorf("form %s does not occur once", form)
			}
		}
		for key, n := range instances {
			form, repeat, _ := strings.Cut(key, " ")
			if repeat != "1" && !slices.Contains(repeating, form) {
				t.Errorf("%s is repeated", form)
			}
			if want := countPrefix(items, form+"."); n != want {
				t.Errorf("%s has %d of %d items", form, n, want)
			}
		}
	}
}

func countPrefix(list []string, prefix string) (n int) {
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

func TestEveryConsentPatternOccursAndDecidesAsItSays(t *testing.T) {
	seen := map[string]int{}
	shifted, retro := 0, 0
	for _, truth := range generate(t, Config{Seed: 6, Patients: 1500, Messiness: Clean}).truths {
		d := truth.Decision
		seen[d.Outcome+" "+d.Reason]++
		if (len(d.Window) > 0) != (d.Outcome == "permitted" || d.Outcome == "not-enrolled") {
			t.Fatalf("%s has window %v", d.Outcome, d.Window)
		}
		for _, w := range d.Window {
			if w.first > w.last {
				t.Fatal("a window ends before it begins")
			}
			if w.first == retroFirst {
				retro++
			}
		}
	}
	var p patient
	for i := range uint64(1500) {
		p.draw(Config{Seed: 6, AsOf: DefaultAsOf, Messiness: Clean}, i)
		if d := p.decision; d.shifts && p.shifted(d) < d.first {
			shifted++
		}
	}
	for outcome, reasons := range Reasons {
		for _, r := range reasons {
			if seen[outcome+" "+r] == 0 {
				t.Errorf("nobody is %s because of %s", outcome, r)
			}
		}
	}
	if shifted < 50 || retro < 200 {
		t.Errorf("%d windows begin with a stay, %d are retrospective", shifted, retro)
	}
}

// subjectOf is a patient without facts, consented for 2024, whose index PET was on 2024-06-15.
func subjectOf(fill func(*patient)) *teller {
	p := &patient{asOf: DefaultAsOf}
	fill(p)
	return &teller{
		p: p, truth: &Truth{}, window: []Span{{fhir.NewDay(2024, 1, 1), fhir.NewDay(2024, 12, 31)}}, index: fhir.NewDay(2024, 6, 15), indexed: true,
	}
}

func (t *teller) cell(item string) string {
	for _, c := range t.truth.Cells {
		if c.Item == item {
			return c.Value + "!" + c.Missing
		}
	}
	return "absent"
}

// sample is a creatinine of a day of 2024 in mg/dL hundredths.
func sample(month, day int, hundredths int64) observation {
	q := &quantity{value: decimal{hundredths, 2}, unit: "mg/dL", code: "mg/dL", num: 1, den: 1}
	return observation{kind: "creatinine", base: base{status: "final", when: at(onDay(fhir.NewDay(2024, month, day)))}, quantity: q}
}

func with(o observation, change func(*observation)) observation {
	q := *o.quantity
	o.quantity = &q
	change(&o)
	return o
}

func TestTheLaboratoryRulesAreThoseOfTheSemantics(t *testing.T) {
	status := func(s string) func(*observation) { return func(o *observation) { o.status = s } }
	absent := func(o *observation) { o.quantity, o.absent = nil, "error" }
	for _, tc := range []struct {
		name string
		labs []observation
		want string
	}{
		{"nothing", nil, "!no-resource"},
		{"the nearest", []observation{sample(6, 10, 110), sample(6, 14, 120), sample(6, 18, 130)}, "1.20!"},
		{"of equal distance the earlier", []observation{sample(6, 17, 130), sample(6, 13, 110)}, "1.10!"},
		{"30 days before is in the window", []observation{sample(5, 16, 110)}, "1.10!"},
		{"31 days before is not", []observation{sample(5, 15, 110)}, "!outside-window"},
		{"7 days after is", []observation{sample(6, 22, 110)}, "1.10!"},
		{"8 days after is not", []observation{sample(6, 23, 110)}, "!outside-window"},
		{"what was entered in error never was", []observation{with(sample(6, 15, 110), status("entered-in-error")), sample(6, 5, 120)}, "1.20!"},
		{"only errors", []observation{with(sample(6, 15, 110), status("cancelled"))}, "!status"},
		{"outside the consent", []observation{with(sample(6, 15, 110), func(o *observation) { o.when = at(onDay(fhir.NewDay(2023, 12, 31))) })}, "!no-resource"},
		{"without a date", []observation{with(sample(6, 15, 110), func(o *observation) { o.when = when{} })}, "!no-resource"},
		{"nobody's", []observation{with(sample(6, 15, 110), func(o *observation) { o.orphan = true })}, "!no-resource"},
		{"an empty one steps back", []observation{with(sample(6, 15, 110), absent), sample(6, 1, 120)}, "1.20!"},
		{"only an empty one", []observation{with(sample(6, 15, 110), absent)}, "!absent:error"},
		{"the newest edition", []observation{
			with(sample(6, 15, 110), func(o *observation) { o.result, o.issued = 1, 100 }),
			with(sample(6, 15, 140), func(o *observation) { o.result, o.issued = 1, 200 }),
		}, "1.40!"},
		{"a correction voids", []observation{
			with(sample(6, 15, 110), func(o *observation) { o.result, o.issued = 1, 100 }),
			with(sample(6, 15, 140), func(o *observation) { o.result, o.issued, o.status = 1, 200, "entered-in-error" }),
		}, "!status"},
		{"molar", []observation{with(sample(6, 15, 0), func(o *observation) {
			o.quantity.value, o.quantity.num, o.quantity.den = decimal{884, 1}, 11312, 1_000_000 // 88.4 umol/L
		})}, "1.00!"},
		{"half is rounded up", []observation{with(sample(6, 15, 0), func(o *observation) { o.quantity.value = decimal{1005, 3} })}, "1.01!"},
		{"a unit of another kind", []observation{with(sample(6, 15, 110), func(o *observation) { o.quantity.den = 0 })}, "!unconvertible"},
		{"a comparator", []observation{with(sample(6, 15, 110), func(o *observation) { o.quantity.comparator = "<" })}, "!unconvertible"},
		{"implausible", []observation{sample(6, 15, 8840)}, "!out-of-range"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := subjectOf(func(p *patient) { p.labs = tc.labs })
			s.labsForm()
			if got := s.cell("creatinine"); got != tc.want {
				t.Errorf("creatinine is %s, want %s", got, tc.want)
			}
		})
	}
	s := subjectOf(func(p *patient) { p.labs = []observation{sample(6, 10, 110)} })
	s.indexed = false
	if s.labsForm(); s.cell("creatinine") != "!no-event" || s.cell("labs_days") != "!no-event" || s.cell("height") != "!no-resource" {
		t.Errorf("without index: %v", s.truth.Cells)
	}
}

func TestTheBodyMassIndexIsComputedFromWhatIsDelivered(t *testing.T) {
	vital := func(kind string, m int64, scale int) observation {
		o := sample(6, 15, 0)
		o.kind, o.quantity = kind, &quantity{value: decimal{m, scale}, num: 1, den: 1, code: "x"}
		return o
	}
	s := subjectOf(func(p *patient) { p.labs = []observation{vital("weight", 8004, 2), vital("height", 1754, 1)} })
	s.labsForm() // 80.0 kg and 175 cm
	if s.cell("weight") != "80.0!" || s.cell("height") != "175!" || s.cell("bmi") != "26.1!" {
		t.Errorf("%v", s.truth.Cells)
	}
	s = subjectOf(func(p *patient) { p.labs = []observation{vital("weight", 80040, 0)} })
	if s.labsForm(); s.cell("weight") != "!out-of-range" || s.cell("bmi") != "!not-applicable" {
		t.Errorf("%v", s.truth.Cells)
	}
}

func TestTheLowestPSAIsTheLowestThatCanBeConverted(t *testing.T) {
	value := func(day int, m int64, den int64, comparator string) observation {
		o := sample(7, day, 0)
		o.kind, o.quantity = "psa", &quantity{value: decimal{m, 3}, num: 1, den: den, comparator: comparator}
		return o
	}
	s := subjectOf(func(p *patient) {
		p.labs = []observation{value(1, 900, 1, ""), value(2, 1, 0, ""), value(3, 20, 1, "<"), value(4, 90_000, 1000, "")}
	})
	s.followUp()
	if got := s.cell("psa_nadir"); got != "0.020!" {
		t.Errorf("nadir %s", got)
	}
	s.psaForm()
	if len(s.truth.Cells) != 3+4*4 || s.cell("psa_qualifier") != "!not-applicable" || s.cell("psa_days") != "16!" {
		t.Errorf("%v", s.truth.Cells)
	}
}

func TestADiagnosisMustBeCertainAndAYearIsNoDate(t *testing.T) {
	tumour := func(day int, certainty, side string, onset moment) condition {
		return condition{base: base{status: "confirmed", when: at(onDay(fhir.NewDay(2024, 3, day)))}, codes: []icd{{code: "C61", certainty: certainty, side: side}}, onset: onset}
	}
	year := moment{fhir.NewDay(2019, 5, 5), 0, fhir.Year, false}
	both := tumour(1, "G", "L", moment{})
	both.codes = append(both.codes, icd{code: "C77.5", side: "R"})
	for _, tc := range []struct {
		name             string
		conditions       []condition
		code, date, side string
	}{
		{"suspected", []condition{tumour(1, "V", "", moment{})}, "!certainty", "!certainty", "!certainty"},
		{"recorded", []condition{tumour(2, "G", "R", moment{}), tumour(1, "A", "L", moment{})}, "C61!", "2024-03-02!", "R!"},
		{"onset", []condition{tumour(2, "", "", onDay(fhir.NewDay(2019, 5, 5)))}, "C61!", "2019-05-05!", "!no-value"},
		{"year", []condition{tumour(2, "Z", "U", year), tumour(3, "G", "", moment{})}, "C61!", "!unconvertible", "!unmapped"},
		{"two sides", []condition{both}, "C61!", "2024-03-01!", "!ambiguous"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := subjectOf(func(p *patient) { p.conditions = tc.conditions })
			s.diagnosis()
			if s.cell("icd10") != tc.code || s.cell("diagnosis_date") != tc.date || s.cell("side") != tc.side || s.cell("bone_metastases") != "0!" {
				t.Errorf("%v", s.truth.Cells)
			}
		})
	}
}

func TestAgeCountsBirthdaysAndIsAmbiguousWhenTheBirthdayIsUnknown(t *testing.T) {
	for _, tc := range []struct {
		birth moment
		want  string
	}{
		{onDay(fhir.NewDay(1950, 6, 15)), "74!"},
		{onDay(fhir.NewDay(1950, 6, 16)), "73!"},
		{moment{fhir.NewDay(1950, 6, 1), 0, fhir.Month, false}, "!ambiguous"},
		{moment{fhir.NewDay(1950, 7, 1), 0, fhir.Month, false}, "73!"},
		{moment{fhir.NewDay(1950, 7, 1), 0, fhir.Year, false}, "!ambiguous"},
		{onDay(fhir.NewDay(1900, 1, 1)), "!out-of-range"},
		{moment{}, "!not-applicable"},
	} {
		s := subjectOf(func(p *patient) { p.person.birth = tc.birth })
		if s.demographics(); s.cell("age_at_index") != tc.want {
			t.Errorf("born %s: %s, want %s", tc.birth, s.cell("age_at_index"), tc.want)
		}
	}
}

func TestMomentsAreWrittenInTheZoneOfTheClinic(t *testing.T) {
	for _, tc := range []struct {
		m    moment
		want string
	}{
		{moment{fhir.NewDay(2024, 7, 1), 900, fhir.Second, true}, "2024-06-30T22:15:00Z"},
		{moment{fhir.NewDay(2024, 7, 1), 900, fhir.Second, false}, "2024-07-01T00:15:00+02:00"},
		{moment{fhir.NewDay(2024, 1, 1), 900, fhir.Second, true}, "2023-12-31T23:15:00Z"},
		{moment{fhir.NewDay(2024, 3, 31), 3600, fhir.Second, false}, "2024-03-31T01:00:00+01:00"},
		{moment{fhir.NewDay(2024, 3, 31), 36000, fhir.Second, false}, "2024-03-31T10:00:00+02:00"},
		{moment{fhir.NewDay(2024, 10, 27), 3600, fhir.Second, false}, "2024-10-27T01:00:00+02:00"},
		{moment{fhir.NewDay(2024, 10, 27), 36000, fhir.Second, false}, "2024-10-27T10:00:00+01:00"},
		{moment{fhir.NewDay(2024, 10, 27), 0, fhir.Month, false}, "2024-10"},
		{moment{fhir.NewDay(2024, 10, 27), 0, fhir.Year, false}, "2024"},
	} {
		if tc.m.String() != tc.want {
			t.Errorf("%s, want %s", tc.m, tc.want)
		}
		d, err := fhir.ParseDateTime(tc.m.String())
		if at, ok := d.Instant(); err != nil || ok && at.Unix() != tc.m.unix() {
			t.Errorf("%s is %v, not %d", tc.m, at, tc.m.unix())
		}
	}
}

func TestTheTruthIsOneStrictJSONObject(t *testing.T) {
	for _, truth := range generate(t, Config{Seed: 2, Patients: 30}).truths {
		var table fhir.Table
		if err := table.Parse(string(truth.AppendJSON(nil))); err != nil {
			t.Fatal(err)
		}
		if got := table.Root().Get("cells").Len(); got != len(truth.Cells) {
			t.Errorf("%d cells written of %d", got, len(truth.Cells))
		}
	}
}
