package pipeline_test

import (
	"bufio"
	"context"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
)

// one is a source that lists a single patient of another: it spares the walk over all of them for each cell.
type one struct {
	fhir.Source
	patient fhir.Key
}

func (s one) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		record, err := s.Fetch(ctx, s.patient, fhir.WantTypes(fhir.FactTypes()...), rej)
		yield(record, err)
	}
}

// explainAll explains every cell of the ledger and hands each explanation over.
func explainAll(t *testing.T, parts pipeline.Parts, s site, check func(ecrf.StoredCell, *pipeline.Explanation)) {
	t.Helper()
	patients := map[string]fhir.Key{}
	for i := range s.truth {
		patients[s.truth[i].Subject] = fhir.Key{Type: "Patient", ID: s.truth[i].Patients[0]}
	}
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		alone := parts
		alone.Source = one{parts.Source, patients[book.Facts.Subject]}
		for _, c := range book.Cells {
			e, err := pipeline.Explain(t.Context(), alone, pipeline.Asked{
				Subject: book.Facts.Subject, Form: c.Form, Item: c.Item, Event: c.Event, Repeat: c.Repeat, AsOf: asOfTruth(parts.Study.Zone),
			})
			if err != nil {
				t.Fatal(err)
			}
			check(c, e)
		}
	}
}

func TestEveryExplanationEndsInTheLedgersCell(t *testing.T) {
	if testing.Short() {
		t.Skip("explaining runs by itself: the race detector would find nothing in it")
	}
	s := newSite(t, 1, 50)
	parts := openParts(t, exampleStudy(t), s.folder)
	mustRun(t, parts)
	before := dump(t, parts)
	identifiers := originals(t, s)
	cells, veiled := 0, 0
	explainAll(t, parts, s, func(c ecrf.StoredCell, e *pipeline.Explanation) {
		cells++
		veiled += len(e.Veil)
		if e.Status != pipeline.StatusExplained || e.Rule == nil || !e.Ledger.Equal || e.Rule.Value != c.Value || e.Rule.Missing != c.Missing {
			t.Errorf("%s %s %d: %s %+v, the cell is %q %s", e.Subject, e.Item.Name, c.Repeat, e.Status, e.Ledger, c.Value, c.Missing)
		}
		if e.Item.Repeat != c.Repeat {
			t.Errorf("%s: repeat %d, want %d", e.Item.Name, e.Item.Repeat, c.Repeat)
		}
		refuse(t, identifiers, e)
	})
	if cells < 2000 {
		t.Errorf("%d cells", cells)
	}
	if veiled == 0 {
		t.Error("no explanation says what de-identification dropped")
	}
	if after := dump(t, parts); after != before {
		t.Error("explaining changed the ledger")
	}
}

func dump(t *testing.T, parts pipeline.Parts) string {
	t.Helper()
	var b strings.Builder
	if err := ecrf.Dump(t.Context(), &b, parts.Ledger); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// identifying matches the elements that name a person or resource, by their member names.
var identifying = map[string]bool{"id": true, "family": true, "given": true, "line": true, "city": true, "birthDate": true, "reference": true}

// originals gathers every value of the hospital's resources that may not occur in an explanation: ids, references, names,
// addresses, identifier values and birth dates. Study numbers are what explanations speak of.
func originals(t *testing.T, s site) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(s.folder, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "truth.ndjson" {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var v any
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				t.Fatal(err)
			}
			gather(all, "", "", v)
		}
		_ = f.Close()
	}
	for i := range s.truth {
		delete(all, s.truth[i].Subject)
	}
	delete(all, "psma-registry") // also the id of the ResearchStudy
	delete(all, "1900-01-01")    // a birth date, and where the window of a consent that reaches back begins
	if len(all) < 1000 {
		t.Fatalf("only %d originals", len(all))
	}
	return all
}

func gather(all map[string]bool, above, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			gather(all, name, k, x)
		}
	case []any:
		for _, x := range v {
			gather(all, above, name, x)
		}
	case string:
		if (identifying[name] || name == "value" && (above == "identifier" || above == "telecom")) && len(v) >= 4 {
			all[v] = true
		}
	}
}

var word = regexp.MustCompile(`[A-Za-z0-9ÄÖÜäöüß.:/_-]+`)

// refuse demands that no original is a word of the explanation, nor the id behind a type.
func refuse(t *testing.T, originals map[string]bool, e *pipeline.Explanation) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range word.FindAllString(string(text), -1) {
		_, id, _ := strings.Cut(w, "/")
		if originals[w] || id != "" && originals[id] {
			t.Errorf("%s: the explanation holds an original: %s", e.Item.Name, w)
		}
	}
}

func TestAnExplanationOfShiftedDatesHoldsNoTrueDate(t *testing.T) {
	s := newSite(t, 2, 20)
	study := exampleStudy(t)
	study.Dates.Mode = pseudonym.Shift
	parts := openParts(t, study, s.folder)
	mustRun(t, parts)
	days := map[string]string{} // by time of day; "" when it occurs on several: moved, one may fall on the other
	moment := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)
	files, _ := filepath.Glob(filepath.Join(s.folder, "*.ndjson"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range moment.FindAllString(string(text), -1) {
			day, clock, _ := strings.Cut(m, "T")
			if known, ok := days[clock]; ok && known != day {
				day = ""
			}
			days[clock] = day
		}
	}
	instants := map[string]bool{}
	for clock, day := range days {
		if day != "" {
			instants[day+"T"+clock] = true
		}
	}
	found := 0
	explainAll(t, parts, s, func(_ ecrf.StoredCell, e *pipeline.Explanation) {
		if !e.Ledger.Equal || len(e.Consent.Windows) > 0 {
			t.Errorf("%s: %+v, windows %d", e.Item.Name, e.Ledger, len(e.Consent.Windows))
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range moment.FindAllString(string(text), -1) {
			found++
			if instants[m] {
				t.Errorf("%s: an instant of the source occurs", e.Item.Name)
			}
		}
	})
	if found < 1000 || len(instants) < 100 {
		t.Errorf("%d instants in explanations, %d in the source", found, len(instants))
	}
}

func TestWhoHasNoCellIsToldWhy(t *testing.T) {
	s := newSite(t, 1, 50)
	parts := openParts(t, exampleStudy(t), s.folder)
	mustRun(t, parts)
	identifiers := originals(t, s)
	seen := map[string]bool{}
	for i := range s.truth {
		truth := &s.truth[i]
		if truth.Subject == "" || truth.Decision.Outcome == "permitted" {
			continue
		}
		e := explain(t, parts, truth.Subject, "labs", "creatinine", 0)
		if e.Status != pipeline.StatusNotPermitted || e.Consent.Reason != truth.Decision.Reason || e.Consent.Outcome != truth.Decision.Outcome || e.Consent.Means == "" {
			t.Errorf("%s: %s %+v, true is %+v", truth.Subject, e.Status, e.Consent, truth.Decision)
		}
		if e.Rule != nil || e.Veil != nil || len(e.Consent.Windows) > 0 {
			t.Errorf("%s: something of the data is told", truth.Subject)
		}
		refuse(t, identifiers, e)
		seen[truth.Decision.Reason] = true
	}
	if len(seen) < 3 {
		t.Errorf("only %v", seen)
	}
	if e := explain(t, parts, "NOBODY", "labs", "creatinine", 0); e.Status != pipeline.StatusUnknown || e.Subject != "" {
		t.Errorf("nobody: %+v", e)
	}
}

func explain(t *testing.T, parts pipeline.Parts, subject, form, item string, repeat int) *pipeline.Explanation {
	t.Helper()
	e, err := pipeline.Explain(t.Context(), parts, pipeline.Asked{Subject: subject, Form: form, Item: item, Repeat: repeat, AsOf: asOfTruth(parts.Study.Zone)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// permitted returns a permitted subject of the truth.
func (s site) permitted(t *testing.T) string {
	t.Helper()
	for i := range s.truth {
		if s.truth[i].Decision.Outcome == "permitted" && s.truth[i].Subject != "" {
			return s.truth[i].Subject
		}
	}
	t.Fatal("nobody is permitted")
	return ""
}

func TestExplainingBeforeTheFirstRunWritesNothing(t *testing.T) {
	s := newSite(t, 1, 20)
	parts := openParts(t, exampleStudy(t), s.folder)
	subject := s.permitted(t)
	if e := explain(t, parts, subject, "labs", "creatinine", 0); e.Status != pipeline.StatusNotComputed {
		t.Errorf("%s: %s", e.Status, e.Says)
	}
	if _, err := parts.Vault.SubjectOf(t.Context(), subject); err == nil {
		t.Error("the vault has the subject")
	}
	if got := dump(t, parts); strings.Contains(got, subject) {
		t.Error("the ledger has the subject")
	}
}

func TestRepeatingFormsAskForTheInstance(t *testing.T) {
	s := newSite(t, 1, 20)
	parts := openParts(t, exampleStudy(t), s.folder)
	mustRun(t, parts)
	subject := s.permitted(t)
	e := explain(t, parts, subject, "psa", "psa", 0)
	if e.Status != pipeline.StatusWhichRepeat || len(e.Repeats) < 2 || e.Form == nil {
		t.Fatalf("%s, %d repeats", e.Status, len(e.Repeats))
	}
	for i, r := range e.Repeats {
		if r.Repeat != i+1 || r.New || r.Resource == "" {
			t.Errorf("%+v", r)
		}
	}
	if e := explain(t, parts, subject, "psa", "psa", 99); e.Status != pipeline.StatusNoInstance || e.Ledger.Known {
		t.Errorf("%s %+v", e.Status, e.Ledger)
	}
}

func TestACellThatDoesNotExistIsAnError(t *testing.T) {
	parts := openParts(t, exampleStudy(t), newSite(t, 1, 1).folder)
	for _, asked := range []pipeline.Asked{
		{Form: "labs", Item: "creatinin"}, {Form: "lab", Item: "creatinine"}, {Form: "labs", Item: "creatinine", Event: "course"},
		{Form: "labs", Item: "creatinine", Repeat: 1}, {Form: "psa", Item: "psa", Repeat: -1},
	} {
		if _, err := pipeline.Explain(t.Context(), parts, asked); err == nil {
			t.Errorf("%+v is explained", asked)
		}
	}
}

func TestALedgerThatIsBehindIsSaidToDiffer(t *testing.T) {
	s := newSite(t, 1, 20)
	study := exampleStudy(t)
	parts := openParts(t, study, s.folder)
	mustRun(t, parts)
	subject := s.permitted(t)
	file := filepath.Join(s.folder, "Patient.ndjson")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	now := strings.NewReplacer(`"gender":"male"`, `"gender":"female"`, `"gender":"female"`, `"gender":"male"`, `"gender":"other"`, `"gender":"male"`).Replace(string(text))
	if err := os.WriteFile(file, []byte(now), 0o600); err != nil {
		t.Fatal(err)
	}
	again := openParts(t, study, s.folder)
	e := explain(t, again, subject, "demographics", "sex", 0)
	if e.Rule == nil || e.Rule.Value == "" || e.Rule.Value == e.Ledger.Value || e.ValueLabel == "" || e.Ledger.Equal || !e.Ledger.Known || !strings.Contains(e.Ledger.Says, "differs") {
		t.Errorf("%+v %+v", e.Rule, e.Ledger)
	}
	mustRun(t, again)
	if e := explain(t, again, subject, "demographics", "sex", 0); !e.Ledger.Equal {
		t.Errorf("after the run: %+v", e.Ledger)
	}
}

func TestTwoPatientsOfOneNumberAreNotExplained(t *testing.T) {
	s := newSite(t, 1, 20)
	parts := openParts(t, exampleStudy(t), s.folder)
	mustRun(t, parts)
	subject := s.permitted(t)
	parts.Source = twice{parts.Source}
	if e := explain(t, parts, subject, "demographics", "sex", 0); e.Status != pipeline.StatusShared || e.Rule != nil {
		t.Errorf("%s: %s", e.Status, e.Says)
	}
}

// twice lists every patient two times, as a source with an unlinked duplicate does.
type twice struct{ fhir.Source }

func (s twice) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		for record, err := range s.Source.Subjects(ctx, rej) {
			if err != nil {
				yield(nil, err)
				return
			}
			again, err := s.Fetch(ctx, record.Key(), fhir.WantTypes(fhir.FactTypes()...), rej)
			if !yield(record, nil) || !yield(again, err) {
				return
			}
		}
	}
}

// nobody lists no patient.
type nobody struct{ fhir.Source }

func (nobody) Subjects(context.Context, func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(func(*fhir.Record, error) bool) {}
}

func TestASubjectThatTheSourceLostKeepsWhatTheLedgerHolds(t *testing.T) {
	s := newSite(t, 1, 20)
	parts := openParts(t, exampleStudy(t), s.folder)
	mustRun(t, parts)
	parts.Source = nobody{parts.Source}
	e := explain(t, parts, s.permitted(t), "demographics", "sex", 0)
	if e.Status != pipeline.StatusNotFound || e.Ledger == nil || !e.Ledger.Known || e.Ledger.Value == "" {
		t.Errorf("%s: %+v", e.Status, e.Ledger)
	}
}
