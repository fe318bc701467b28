package redcap_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/fake"
)

// change alters a field of the trial's design.
func change(name string, alter func(*fakeredcap.Field)) func(*fakeredcap.Design) {
	return func(d *fakeredcap.Design) {
		for i := range d.Fields {
			if d.Fields[i].Name == name {
				alter(&d.Fields[i])
			}
		}
	}
}

func TestAProjectThatDriftedIsNotWrittenInto(t *testing.T) {
	d := dictionary(t, trialForms)
	for says, drift := range map[string]func(*fakeredcap.Design){
		"base.sex: the field does not have the codes 2":                       change("sex", func(f *fakeredcap.Field) { f.Choices = "1, male | 3, other" }),
		"base.sex: the code 1 means in the project what the code 2 means":     change("sex", func(f *fakeredcap.Field) { f.Choices = "1, female | 2, male" }),
		"base.temp: the project has no field temp":                            change("temp", func(f *fakeredcap.Field) { f.Name = "temperature" }),
		"base.born: the field born stands in the instrument lab, not in base": change("born", func(f *fakeredcap.Field) { f.Form = "lab" }),
		"lab.psa: the item has more decimals than the field takes":            change("psa", func(f *fakeredcap.Field) { f.Validation = "number_1dp" }),
		"base.seen: the item is of type datetime, and the field (text with":   change("seen", func(f *fakeredcap.Field) { f.Validation = "date_dmy" }),
		"base.remarks: REDCap calculates the field":                           change("remarks", func(f *fakeredcap.Field) { f.Type, f.Choices = "calc", "1+1" }),
		"base.symptoms_minus_4: the project has no field symptoms_minus_4":    change("symptoms", func(f *fakeredcap.Field) { f.Choices = "1, fever" }),
		"form lab in event visit_arm_1: the instrument lab is not designated": func(d *fakeredcap.Design) { d.Events[1].Forms = []string{"base"} },
		"form lab in event visit_arm_1: the project has no event visit_arm_1": func(d *fakeredcap.Design) { d.Events = d.Events[:1]; d.Repeating = d.Repeating[:1] },
		"form base in event baseline_arm_1: the form does not repeat": func(d *fakeredcap.Design) {
			d.Repeating = append(d.Repeating, fakeredcap.Repeating{Event: baseline, Form: "base"})
		},
		"form lab in event visit_arm_1: the form repeats, and neither":          func(d *fakeredcap.Design) { d.Repeating = d.Repeating[:1] },
		"stands at the same place of the project: its events have to be told":   func(d *fakeredcap.Design) { d.Events = nil; d.Repeating = []fakeredcap.Repeating{{Form: "lab"}} },
		"site site-a: the project has no data access group site_a":              func(d *fakeredcap.Design) { d.Groups = nil },
		"missing reason no-resource: the project has no missing-data code NASK": func(d *fakeredcap.Design) { d.MissingCodes = "" },
		"event visit_arm_1: it repeats as a whole, and the study fills base, lab": func(d *fakeredcap.Design) {
			d.Events[1].Forms = []string{"base", "lab"}
			d.Repeating = []fakeredcap.Repeating{{Event: baseline, Form: "lab"}, {Event: visit}}
		},
	} {
		forms := d
		if strings.Contains(says, "repeats as a whole") {
			forms = dictionary(t, strings.NewReplacer("visit_arm_1, forms: [lab]", "visit_arm_1, forms: [base, lab]", "  - name: base\n", "  - name: base\n    repeating: true\n").Replace(trialForms))
		}
		s := newSite(t, trial(), redcap.Options{
			Dictionary: forms, CreateRecords: true, Groups: map[string]string{"site-a": "site_a"}, MissingCodes: map[ecrf.MissingReason]string{ecrf.NoResource: "NASK"},
		})
		s.Redesign("anna", drift)
		delivery := targettest.Delivery(forms, []*ecrf.StoredCasebook{trialBook("S1", "site-a")})
		delivery.Record = &targettest.Record{}
		_, err := s.Open(t).Deliver(t.Context(), delivery)
		var drifted *redcap.DriftError
		if !errors.As(err, &drifted) || !slices.ContainsFunc(drifted.Problems, func(p string) bool { return strings.HasPrefix(p, says) || strings.Contains(p, says) }) {
			t.Errorf("want %q: %v", says, err)
		}
		if s.Writes() != 0 {
			t.Errorf("%q: something was written", says)
		}
	}
}

func TestEverythingThatDriftedIsSaidAtOnceAndWhatNoRuleFillsIsANote(t *testing.T) {
	d := dictionary(t, trialForms)
	s := newSite(t, trial(), redcap.Options{Dictionary: d, Project: "7", Fills: func(_, _, item string) bool { return item != "remarks" }})
	s.Redesign("anna", change("temp", func(f *fakeredcap.Field) { f.Name = "temperature" }))
	s.Redesign("anna", change("remarks", func(f *fakeredcap.Field) { f.Name = "notes" }))
	s.Redesign("anna", change("sex", func(f *fakeredcap.Field) { f.Choices = "1, male" }))
	notes, err := s.target(t).Check(t.Context())
	var drifted *redcap.DriftError
	if !errors.As(err, &drifted) || len(drifted.Problems) != 3 {
		t.Errorf("%v", err)
	}
	want := []string{"base.remarks: the project has no field remarks (no rule fills the item)", "2 fields of the project are not in the study's dictionary: notes, temperature"}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q", notes)
	}
}

// rig is a site with a record and the books of its study.
type rig struct {
	*site
	t      *testing.T
	d      *ecrf.Dictionary
	record *targettest.Record
	asOf   time.Time
	dry    bool
}

func newRig(t *testing.T, o redcap.Options) *rig {
	t.Helper()
	o.Dictionary = dictionary(t, trialForms)
	return &rig{site: newSite(t, trial(), o), t: t, d: o.Dictionary, record: &targettest.Record{}, asOf: time.Date(2026, 1, 15, 2, 0, 0, 0, time.UTC)}
}

func (r *rig) deliver(books ...*ecrf.StoredCasebook) ecrf.DeliveryReport {
	r.t.Helper()
	given := targettest.Delivery(r.d, books)
	given.Record, given.AsOf, given.DryRun = r.record, r.asOf, r.dry
	report, err := r.Open(r.t).Deliver(r.t.Context(), given)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

// holds expects what a cell of the project holds.
func (r *rig) holds(subject string, key ecrf.CellKey, want string) {
	r.t.Helper()
	if got := r.Content()[there(subject, key)]; got != want {
		r.t.Errorf("%s %+v holds %q, want %q", subject, key, got, want)
	}
}

// set returns a book with other values; "" is missing for want of a resource.
func set(b *ecrf.StoredCasebook, values map[ecrf.CellKey]string) *ecrf.StoredCasebook {
	for i := range b.Cells {
		if v, ok := values[b.Cells[i].CellKey]; ok {
			b.Cells[i].Value, b.Cells[i].Missing = v, ""
			if v == "" {
				b.Cells[i].Missing = ecrf.NoResource
			}
		}
	}
	return b
}

func TestARecordThatIsMadeGoesIntoTheGroupOfItsSite(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true, Groups: map[string]string{"site-a": "site_a", "site-b": "site_b"}})
	if err := r.Project.Enter("anna", fakeredcap.Cell{Record: "S2", Event: baseline, Field: "remarks"}, "mine"); err != nil {
		t.Fatal(err)
	}
	if err := r.Assign("anna", "S2", "site_b"); err != nil {
		t.Fatal(err)
	}
	report := r.deliver(trialBook("S1", "site-a"), trialBook("S2", "site-a"), trialBook("S3", "elsewhere"))
	if len(report.Problems) != 2 || !strings.Contains(report.Problems[0], "1 subjects are of a site for which") || !strings.Contains(report.Problems[1], "1 subjects have a record in another data access group") {
		t.Errorf("%q", report.Problems)
	}
	r.holds("S1", at(baseline, "sex", 0), "2")
	r.holds("S2", at(baseline, "sex", 0), "")
	if got := r.Records(); !slices.Equal(got, []string{"S1", "S2"}) {
		t.Errorf("records %q", got)
	}
	assigned := slices.ContainsFunc(r.Log(), func(e fakeredcap.Entry) bool { return e.Record == "S1" && strings.Contains(e.Details, "'site_a'") })
	if !assigned {
		t.Error("S1 is in no group")
	}
	r.Regrant(fakeredcap.User{Name: "etl", Token: token, Export: true, Import: true, Group: "site_a"})
	if report := r.deliver(trialBook("S1", "site-a")); len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "take the account out of its group") {
		t.Errorf("%+v", report)
	}
}

func TestWithoutTheWordOfTheStudyFileNoRecordIsMade(t *testing.T) {
	r := newRig(t, redcap.Options{})
	if report := r.deliver(trialBook("S1", "")); report.Written != 0 || len(report.Problems) != 1 || len(r.Records()) != 0 {
		t.Errorf("%+v, records %q", report, r.Records())
	}
}

func TestAMissingReasonIsWrittenAsTheProjectsCode(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true, MissingCodes: map[ecrf.MissingReason]string{ecrf.NoResource: "NASK"}})
	missing := map[ecrf.CellKey]string{at(baseline, "temp", 0): "", at(baseline, "sex", 0): "", at(baseline, "symptoms_1", 0): ""}
	r.deliver(set(trialBook("S1", ""), missing))
	r.holds("S1", at(baseline, "temp", 0), "NASK")
	r.holds("S1", at(baseline, "sex", 0), "NASK")
	r.holds("S1", at(baseline, "symptoms_1", 0), "")
	if report := r.deliver(set(trialBook("S1", ""), missing)); report.Written != 0 || report.Conflicts != 0 {
		t.Errorf("%+v", report)
	}
	if report := r.deliver(trialBook("S1", "")); report.Written != 3 {
		t.Errorf("when there are values: %+v", report)
	}
	r.Enter(t, "S1", at(baseline, "remarks", 0), "UNK") // a person's word
	if report := r.deliver(trialBook("S1", "")); report.Conflicts != 1 {
		t.Errorf("%+v", report)
	}
}

func TestNothingIsWrittenBehindAFreeze(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true, Freezes: ecrf.Freezes{{From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Site: "site-a", Form: "lab"}}})
	r.deliver(trialBook("S1", "site-a"), trialBook("S2", "site-b"))
	r.asOf = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	other := map[ecrf.CellKey]string{at(visit, "psa", 1): "9.99", at(baseline, "temp", 0): "36.5"}
	report := r.deliver(set(trialBook("S1", "site-a"), other), set(trialBook("S2", "site-b"), other))
	if report.Written != 3 || report.Queries != 1 {
		t.Errorf("%+v", report)
	}
	r.holds("S1", at(visit, "psa", 1), "0.07")
	r.holds("S1", at(baseline, "temp", 0), "36,5")
	r.holds("S2", at(visit, "psa", 1), "9.99")
	if got := r.record.Pending("S1", at(visit, "psa", 1)); !slices.Equal(got, []ecrf.Cause{ecrf.CauseFrozen}) {
		t.Errorf("queries %q", got)
	}
}

func TestThePolicyOfAnItemDecides(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true, Policy: ecrf.FillEmptyOnly, Policies: map[string]ecrf.Policy{"sex": ecrf.Always, "remarks": ecrf.SuggestOnly, "born": ecrf.OwnValuesOnly}})
	r.deliver(trialBook("S1", ""))
	r.holds("S1", at(baseline, "remarks", 0), "")
	r.Enter(t, "S1", at(baseline, "sex", 0), "1")
	report := r.deliver(set(trialBook("S1", ""), map[ecrf.CellKey]string{at(baseline, "born", 0): "1958-05-01", at(baseline, "temp", 0): "36.5"}))
	if report.Written != 2 || report.Conflicts != 0 || report.Queries != 2 {
		t.Errorf("%+v", report)
	}
	r.holds("S1", at(baseline, "sex", 0), "2")
	r.holds("S1", at(baseline, "born", 0), "1958-05-01")
	r.holds("S1", at(baseline, "temp", 0), "38,2")
	for key, want := range map[ecrf.CellKey]ecrf.Cause{at(baseline, "temp", 0): ecrf.CauseChanged, at(baseline, "remarks", 0): ecrf.CauseSuggested} {
		if got := r.record.Pending("S1", key); !slices.Equal(got, []ecrf.Cause{want}) {
			t.Errorf("%s: %q", key.Item, got)
		}
	}
}

func TestAnInstanceThatPeopleMadeIsTheirs(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	r.Enter(t, "S1", at(visit, "psa", 1), "77.00")
	if report := r.deliver(trialBook("S1", "")); report.Conflicts != 0 {
		t.Errorf("%+v", report)
	}
	r.holds("S1", at(visit, "psa", 1), "77.00")
	r.holds("S1", at(visit, "psa", 2), "0.07")
	r.holds("S1", at(visit, "psa", 3), "12.00")
	report := r.deliver(set(trialBook("S1", ""), map[ecrf.CellKey]string{at(visit, "psa", 1): "0.08"}))
	if report.Written != 1 {
		t.Errorf("%+v", report)
	}
	r.holds("S1", at(visit, "psa", 2), "0.08")
}

func TestACheckboxThatAPersonAnsweredIsNotFilledUp(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	r.Enter(t, "S1", at(baseline, "symptoms_minus_4", 0), "true") // none
	report := r.deliver(trialBook("S1", ""))
	if report.Conflicts != 2 {
		t.Errorf("%+v", report)
	}
	r.holds("S1", at(baseline, "symptoms_1", 0), "")
	r.holds("S1", at(baseline, "symptoms_minus_4", 0), "1")
}

func TestAnImportThatIsTooLargeIsSentInParts(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	var books []*ecrf.StoredCasebook
	for _, n := range []string{"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8"} {
		books = append(books, trialBook(n, ""))
	}
	r.MaxCells = 40
	if report := r.deliver(books...); report.Written != 8*14 {
		t.Errorf("%+v", report)
	}
	if report := r.deliver(books...); report.Written != 0 {
		t.Errorf("%+v", report)
	}
}

func TestWhatAServerCannotExportAtOnceIsReadInParts(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	var books []*ecrf.StoredCasebook
	for _, n := range []string{"S1", "S2", "S3", "S4", "S5"} {
		books = append(books, trialBook(n, ""))
	}
	exports := 0
	inner := r.Choose
	r.Choose = func(q *http.Request) fake.Fault {
		call, err := fakeredcap.CallOf(q)
		if err == nil && call.Content == "record" && !call.Import() {
			exports++
			if call.Get("records[2]") != "" {
				return fake.Failed
			}
		}
		return inner(q)
	}
	if report := r.deliver(books...); report.Written != 5*14 || exports < 5 {
		t.Errorf("%+v after %d exports", report, exports)
	}
	r.record = &targettest.Record{}
	if report := r.deliver(books...); report.Unchanged != 5*14 {
		t.Errorf("%+v", report)
	}
}

func TestARejectionIsToldWithItsCauseAndWithoutItsValue(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	report := r.deliver(set(trialBook("S1", ""), map[ecrf.CellKey]string{at(baseline, "temp", 0): "99.9"}))
	if want := []string{"1 cells were rejected: base.temp: the value is outside the field's range"}; !slices.Equal(report.Notes, want) {
		t.Errorf("%q", report.Notes)
	}
}

func TestWithoutTheLogARaceCannotBeToldAndTheReportSaysSo(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	inner := r.Choose
	r.Choose = func(q *http.Request) fake.Fault {
		if call, err := fakeredcap.CallOf(q); err == nil && call.Content == "log" {
			return fake.Forbidden
		}
		return inner(q)
	}
	if report := r.deliver(trialBook("S1", "")); report.Written != 14 || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "the right to see the log") {
		t.Errorf("%+v", report)
	}
}
