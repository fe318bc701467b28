package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// served is a hospital with a FHIR server, and a study that reads it.
type served struct {
	site
	server *synth.Server
	parts  pipeline.Parts
	seen   *seenBooks
}

func newServed(t *testing.T, patients int) *served {
	t.Helper()
	config := synth.Config{Seed: 4, Patients: patients}
	s := &served{site: newSite(t, config.Seed, config.Patients), seen: &seenBooks{}}
	var base string
	s.server, base = serve(t, config)
	s.parts = openParts(t, exampleStudy(t), s.folder)
	s.connect(t, base)
	s.parts.Targets = []ecrf.Target{s.seen}
	return s
}

// connect has the next run read the server anew.
func (s *served) connect(t *testing.T, base string) {
	t.Helper()
	source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base, MaxPause: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	s.parts.Source = source
}

// runWith runs the study; between the decisions and the delivery something is done.
func (s *served) runWith(t *testing.T, between func()) (*pipeline.Outcome, error) {
	t.Helper()
	s.parts.Progress = onStage{"subjects", &sync.Once{}, between}
	return pipeline.Run(t.Context(), s.parts, pipeline.Options{AsOf: asOfTruth(s.parts.Study.Zone), Workers: 2})
}

func (s *served) put(t *testing.T, resource string) {
	t.Helper()
	if err := s.server.Put([]byte(resource)); err != nil {
		t.Error(err)
	}
}

// consentsOf are the ids of a patient's Consents.
func (s *served) consentsOf(t *testing.T, patient string) (keys []fhir.Key) {
	t.Helper()
	for record, err := range s.parts.Source.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Key().ID != patient {
			continue
		}
		for c := range record.OfType("Consent") {
			keys = append(keys, c.Key())
		}
	}
	return keys
}

// partRefusal is a later refusal of further collection.
func partRefusal(patient string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":"part-%s","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]},`+
		`"category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2024-08-01","policy":[{"uri":"urn:oid:2.16.840.1.113883.3.1937.777.24.2.1791"}],`+
		`"provision":{"type":"deny","provision":[{"type":"deny","period":{"start":"2024-08-01","end":"3000-01-01"},"code":[{"coding":[{"system":"urn:oid:2.16.840.1.113883.3.1937.777.24.5.3","code":"2.16.840.1.113883.3.1937.777.24.5.3.6"}]}]}]}}`, patient, patient)
}

// TestConsentsOfAServerAreAskedAgainBeforeDelivery changes one patient's Consents after everybody was decided about: that
// patient is not delivered, and everybody else is.
func TestConsentsOfAServerAreAskedAgainBeforeDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(t *testing.T, s *served, patient string)
		outcome   string // in the audit
		reason    string
		withdrawn int
	}{
		"a withdrawal": {func(t *testing.T, s *served, p string) { s.put(t, broadRefusal(p)) }, "excluded", "withdrawn", 1},
		"a part of the consent is withdrawn": {
			func(t *testing.T, s *served, p string) { s.put(t, partRefusal(p)) }, "held", "changed", 0},
		"a refusal that is not in force": {func(t *testing.T, s *served, p string) {
			s.put(t, strings.Replace(broadRefusal(p), `"active"`, `"inactive"`, 1))
		}, "held", "review", 0},
		"a refusal that cannot be read": {func(t *testing.T, s *served, p string) {
			s.put(t, strings.Replace(broadRefusal(p), `"2026-08-01","policy"`, `"2026-08-99","policy"`, 1))
		}, "held", "review", 0},
		"the consents are gone": {func(t *testing.T, s *served, p string) {
			for _, k := range s.consentsOf(t, p) {
				s.server.Delete(k)
			}
		}, "held", "no-consent", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t, 60)
			gone := permittedOf(s.site)[0]
			outcome, err := s.runWith(t, func() { c.change(t, s, gone.Patients[0]) })
			if err != nil {
				t.Fatal(err)
			}
			if n := len(s.seen.books); s.seen.books[gone.Subject] != nil || n < 20 || n != outcome.Tally.Computed-1 {
				t.Errorf("%d of %d are delivered, with the one who changed: %t", n, outcome.Tally.Computed, s.seen.books[gone.Subject] != nil)
			}
			if f := outcome.Tally.Failed; len(f) != 1 || f[0].Subject != gone.Subject || !strings.Contains(f[0].Reason, "before delivery") {
				t.Errorf("failed: %+v", f)
			}
			if outcome.Tally.Withdrawn.Done != c.withdrawn {
				t.Errorf("withdrawals: %+v", outcome.Tally.Withdrawn)
			}
			s.standsAs(t, gone.Subject, c.outcome, c.reason, c.withdrawn > 0)
		})
	}
}

// standsAs expects how a subject stands in ledger and audit.
func (s *served) standsAs(t *testing.T, subject, outcome, reason string, erased bool) {
	t.Helper()
	sound(t, s.parts)
	facts, err := s.parts.Ledger.Facts(t.Context(), []string{subject})
	if err != nil {
		t.Fatal(err)
	}
	if erased {
		if f, ok := facts[subject]; ok && f.Outcome != ecrf.OutcomeWithdrawn {
			t.Errorf("the ledger has %+v of who withdrew", f)
		}
		return
	}
	if f := facts[subject]; f.Outcome != outcome || f.Reason != reason {
		t.Errorf("the ledger says %s %s, want %s %s", f.Outcome, f.Reason, outcome, reason)
	}
	last := ""
	for _, e := range told(t, s.parts, audit.Decided) {
		if e.Subject.Number() == subject {
			last = string(e.Detail)
		}
	}
	if !strings.Contains(last, `"outcome":"`+outcome+`"`) || !strings.Contains(last, `"reason":"`+reason+`"`) {
		t.Errorf("the audit says last %s, want %s %s", last, outcome, reason)
	}
}

// TestWhatIsLeftOfAConsentIsDeliveredByTheNextRun lets a patient withdraw further collection: the next run delivers what is
// left of the permission.
func TestWhatIsLeftOfAConsentIsDeliveredByTheNextRun(t *testing.T) {
	s := newServed(t, 40)
	base := ""
	s.server, base = serve(t, synth.Config{Seed: 4, Patients: 40})
	s.connect(t, base)
	who := permittedOf(s.site)[0]
	if _, err := s.runWith(t, func() { s.put(t, partRefusal(who.Patients[0])) }); err != nil {
		t.Fatal(err)
	}
	if s.seen.books[who.Subject] != nil {
		t.Fatal("delivered by the consent before")
	}
	others := len(s.seen.books)
	s.connect(t, base)
	if outcome, err := s.runWith(t, func() {}); err != nil || len(outcome.Tally.Failed) != 0 {
		t.Fatal(err)
	}
	if s.seen.books[who.Subject] == nil || len(s.seen.books) != others+1 {
		t.Errorf("%d are delivered after %d", len(s.seen.books), others)
	}
}

// TestNothingIsDeliveredWhenConsentsCannotBeAskedAgain breaks the server between the decisions and the delivery.
func TestNothingIsDeliveredWhenConsentsCannotBeAskedAgain(t *testing.T) {
	for name, fault := range map[string]synth.Fault{
		"an outage":           {Kind: synth.FaultStatus, Status: 503, Match: "Consent?patient"},
		"a refusal to answer": {Kind: synth.FaultStatus, Status: 403, Match: "Consent?patient"},
		"the page of a proxy": {Kind: synth.FaultHTML, Match: "Consent?patient"},
		"a cut answer":        {Kind: synth.FaultCutShort, Match: "Consent?patient"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t, 60)
			_, err := s.runWith(t, func() {
				if err := s.server.Script(&synth.Script{PageCap: 10, Faults: []synth.Fault{fault}}); err != nil {
					t.Error(err)
				}
			})
			if err == nil || !strings.Contains(err.Error(), "settle: read again: ") {
				t.Errorf("error %v", err)
			}
			if s.seen.books != nil || len(told(t, s.parts, audit.DeliveryMade)) != 0 {
				t.Errorf("%d are delivered", len(s.seen.books))
			}
			if kinds := sound(t, s.parts); kinds[audit.RunStopped] != 1 || kinds[audit.RunFinished] != 0 {
				t.Errorf("audit: %v", kinds)
			}
		})
	}
}

// TestConsentsAreAskedAgainInBatchesAndOnlyOfThoseToBeDelivered reads the server's own log.
func TestConsentsAreAskedAgainInBatchesAndOnlyOfThoseToBeDelivered(t *testing.T) {
	s := newServed(t, 120)
	decided := 0
	if _, err := s.runWith(t, func() { decided = len(s.server.Requests()) }); err != nil {
		t.Fatal(err)
	}
	asked, requests := map[string]bool{}, 0
	for _, q := range s.server.Requests()[decided:] {
		if q.Path != "Consent" {
			continue
		}
		requests++
		values, err := url.ParseQuery(q.Query)
		if err != nil || values.Get("patient") == "" {
			t.Errorf("a search of Consent names nobody: %v", err)
		}
		for id := range strings.SplitSeq(values.Get("patient"), ",") {
			asked[id] = true
		}
	}
	want := 0
	for i := range s.truth {
		for _, id := range s.truth[i].Patients {
			delivered := s.seen.books[s.truth[i].Subject] != nil && s.truth[i].Subject != ""
			if delivered {
				want++
			}
			if delivered && !asked[id] || !delivered && s.truth[i].Decision.Outcome != "permitted" && asked[id] {
				t.Errorf("%s: delivered %t, asked again %t", s.truth[i].Decision.Outcome, delivered, asked[id])
			}
		}
	}
	if want < 60 || requests > want/10 {
		t.Errorf("%d requests for %d patients", requests, want)
	}
	t.Logf("%d requests for %d patients", requests, want)
}

// TestAConsentThatNamesItsPatientByIdentifierIsFoundAgain serves Consents that a search by patient does not find.
func TestAConsentThatNamesItsPatientByIdentifierIsFoundAgain(t *testing.T) {
	s := newServed(t, 40)
	who := permittedOf(s.site)[0]
	id := who.Patients[0]
	var texts []string
	for record, err := range s.parts.Source.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Key().ID != id {
			continue
		}
		p := record.Patient().Get("identifier")
		for i := range p.Elements() {
			logical := fmt.Sprintf(`{"identifier":{"system":%q,"value":%q}}`, i.Get("system").Text(), i.Get("value").Text())
			for c := range record.OfType("Consent") {
				texts = append(texts, strings.Replace(c.String(), c.Get("patient").String(), logical, 1))
			}
			break
		}
	}
	base := ""
	s.server, base = serve(t, synth.Config{Seed: 4, Patients: 40})
	s.connect(t, base)
	for _, text := range texts {
		s.put(t, text)
	}
	var byID []string
	outcome, err := s.runWith(t, func() {})
	if err != nil || s.seen.books[who.Subject] == nil {
		t.Errorf("not delivered: %v %+v", err, outcome.Tally.Failed)
	}
	for _, q := range s.server.Requests() {
		if q.Path == "Consent" && strings.Contains(q.Query, "_id=") {
			byID = append(byID, q.Query)
		}
	}
	if len(texts) == 0 || len(byID) != 1 {
		t.Errorf("%d Consents, asked for by id: %v", len(texts), slices.Compact(byID))
	}
}

// refusing is a target that cannot be delivered to.
type refusing struct{ seenBooks }

func (*refusing) Deliver(context.Context, ecrf.Delivery) (ecrf.DeliveryReport, error) {
	return ecrf.DeliveryReport{}, errOutage
}

// TestAResumedRunComputesAnewWhoseConsentChanged stops a run behind its last shard: what was computed of patients whose consent
// was narrowed since must not be delivered when the run goes on.
func TestAResumedRunComputesAnewWhoseConsentChanged(t *testing.T) {
	s := newServed(t, 40)
	base := ""
	s.server, base = serve(t, synth.Config{Seed: 4, Patients: 40})
	s.connect(t, base)
	all := 100
	s.parts.Study.MaxLost = &all
	s.parts.Targets = []ecrf.Target{&refusing{}}
	if _, err := s.runWith(t, func() {}); !errors.Is(err, errOutage) {
		t.Fatal(err)
	}
	before := s.supported(t)
	for _, p := range permittedOf(s.site) {
		s.put(t, partRefusal(p.Patients[0]))
	}
	s.connect(t, base)
	s.parts.Targets = []ecrf.Target{s.seen}
	if _, err := s.runWith(t, func() {}); err != nil {
		t.Fatal(err)
	}
	after := s.supported(t)
	t.Logf("%d values before, %d after", before, after)
	if len(s.seen.books) == 0 || after > before*9/10 {
		t.Errorf("%d are delivered with %d values, computed by the consents before were %d", len(s.seen.books), after, before)
	}
}

// supported counts the values in the ledger that the source supports.
func (s *served) supported(t *testing.T) (n int) {
	t.Helper()
	for book, err := range s.parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range book.Cells {
			if c.Value != "" && c.State != ecrf.Query {
				n++
			}
		}
	}
	return n
}
