package consent

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

func records(recs ...*fhir.Record) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		for _, r := range recs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestCheckWritesOneLineForEachPatient(t *testing.T) {
	var out bytes.Buffer
	sum, err := Check(&out, records(record(t, official(), observation("o1", "2021-01-01"), observation("o2", "2019-01-01")), record(t)),
		BuiltIn(), asOf(t, today), CheckOptions{Resources: true})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"patient":"P1","permitted":true,"outcome":"permitted","reason":"granted","window":[{"start":"2020-09-01","end":"2025-08-31"}],"consents":["C1"],` +
		`"resources":[{"resource":"Patient/P1","kept":true,"reason":"undated-type"},{"resource":"Consent/C1","kept":true,"reason":"in-window"},` +
		`{"resource":"Observation/o1","kept":true,"reason":"in-window"},{"resource":"Observation/o2","kept":false,"reason":"outside-window"}]}` + "\n" +
		`{"patient":"P1","permitted":false,"outcome":"held","reason":"no-consent","window":[],"consents":[],` +
		`"resources":[{"resource":"Patient/P1","kept":false,"reason":"patient-not-permitted"}]}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if sum.Patients != 2 || sum.Outcomes[Granted] != 1 || sum.Reasons[NoConsent] != 1 || sum.Drops.Count("Observation", OutsideWindow) != 1 {
		t.Errorf("got %+v", sum)
	}
}

func TestCheckReadsLinkedRecords(t *testing.T) {
	own := func() *fhir.Record { return record(t, linked("P1", "P2", "seealso"), official()) }
	other := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "P2"})
	other.Add(res(t, patient("P2")))
	other.Add(res(t, with(fullDeny(), "patient", obj{"reference": "Patient/P2"})))
	for want, look := range map[Reason]func(fhir.Key) (*fhir.Record, error){
		LinkUnread: nil,
		Withdrawn:  func(fhir.Key) (*fhir.Record, error) { return other, nil },
		Consented:  func(fhir.Key) (*fhir.Record, error) { return nil, nil },
	} {
		var out bytes.Buffer
		sum, err := Check(&out, records(own()), BuiltIn(), asOf(t, today), CheckOptions{Linked: look})
		if err != nil || sum.Reasons[want] != 1 {
			t.Errorf("%s: got %v %v", want, sum.Reasons, err)
		}
	}
	broken := errors.New("the server is gone")
	_, err := Check(&bytes.Buffer{}, records(own()), BuiltIn(), asOf(t, today), CheckOptions{Linked: func(fhir.Key) (*fhir.Record, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestCheckStopsAtAnErrorOfTheSource(t *testing.T) {
	broken := errors.New("half a file")
	_, err := Check(&bytes.Buffer{}, func(yield func(*fhir.Record, error) bool) { yield(nil, broken) }, BuiltIn(), asOf(t, today), CheckOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzEvaluate gives arbitrary text in the place of a Consent beside one that permits. Laws: no panic; text that is no
// readable Consent changes nothing; whatever it is, windows stay within what it and the other permit: nothing that
// does not itself hold a permit widens; the decision is the same in both orders.
func FuzzEvaluate(f *testing.F) {
	for _, c := range []obj{official(), fullDeny(), withdrawnStatus(), signedPolicy("C2", "deny", "2020-09-01", "", 6), localCodes("C2")} {
		text, err := json.Marshal(with(c, "id", "N"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	p := BuiltIn()
	f.Fuzz(func(t *testing.T, text string) {
		r, err := fhir.ReadResource(text, fhir.Origin{Source: "fuzz"})
		if err != nil {
			t.Skip()
		}
		base := FactsOf(record(t, official()))
		before := Evaluate(base, p, asOf(t, today))
		one, two := base, base
		one.Consents = []*fhir.Resource{base.Consents[0], r}
		two.Consents = []*fhir.Resource{r, base.Consents[0]}
		a, b := Evaluate(one, p, asOf(t, today)), Evaluate(two, p, asOf(t, today))
		if say(a) != say(b) || a.Warnings() != b.Warnings() {
			t.Errorf("order matters: %s and %s", say(a), say(b))
		}
		if !strings.Contains(r.String(), `"permit"`) && !within(a.Windows(), before.Windows()) {
			t.Errorf("it widened: %s", say(a))
		}
		rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "P1"})
		rec.Add(r)
		kept, drops := Admit(rec, Evaluate(FactsOf(rec), p, asOf(t, today)), p)
		n := 0
		for range kept.Resources() {
			n++
		}
		if n+drops.Total() != rec.Len() {
			t.Error("a resource was neither kept nor counted")
		}
	})
}

// FuzzPolicy: no text makes the reader panic, and what it accepts decides.
func FuzzPolicy(f *testing.F) {
	f.Add(string(builtIn))
	f.Add(studyForm)
	f.Add("kind: statutory\napproval: {number: 1, validUntil: 2030-01-01}\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("p.yaml", []byte(text), nil)
		if err != nil {
			return
		}
		Evaluate(FactsOf(record(t, official(), fullDeny())), p, asOf(t, today))
	})
}

func BenchmarkEvaluate(b *testing.B) {
	full := official(permit("2020-09-01", "2050-08-31", 7), permit("2020-09-01", "2050-08-31", 9), permit("2020-09-01", "2050-08-31", 19),
		permit("2020-09-01", "2050-08-31", 20), permit("2020-09-01", "2050-08-31", 22))
	p, at := BuiltIn(), asOf(b, today)
	for name, facts := range map[string]Facts{
		"one-consent":       FactsOf(record(b, full, encounter("E1", "2020-08-20", "2020-09-10"))),
		"withdrawn-again":   FactsOf(record(b, full, fullDeny(), again())),
		"consent-status-27": FactsOf(record(b, withdrawnStatus())),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(facts, p, at)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "patients/s")
		})
	}
}
