package rest_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/synth"
)

const pidSystem = "https://hospital.example/fhir/sid/pid"

var examined = []string{"Patient", "Consent", "Encounter", "ResearchSubject", "Observation"}

// examine returns what is said about a server, check by check.
func examine(t *testing.T, base, identifier string) map[string]checkup.Remark {
	t.Helper()
	var r checkup.Report
	o := rest.Options{Wire: wire.Options{Base: base, Retries: -1, Pause: time.Microsecond}}
	if err := rest.Examine(t.Context(), o, rest.Examination{Types: examined, Identifier: identifier}, &r); err != nil {
		t.Fatal(err)
	}
	all := map[string]checkup.Remark{}
	for _, m := range r.Remarks {
		all[m.Check] = m
	}
	return all
}

func synthetic(t *testing.T, patients int, faults ...synth.Fault) (*synth.Server, string) {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Generate(t.Context(), synth.Config{Seed: 2, Patients: patients}); err != nil {
		t.Fatal(err)
	}
	if err := server.Script(&synth.Script{Faults: faults}); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	return server, front.URL + "/fhir"
}

func TestAServerThatIsAllRightIsCalledSo(t *testing.T) {
	server, base := synthetic(t, 30)
	all := examine(t, base, pidSystem)
	for check, m := range all {
		if m.Verdict != checkup.Good {
			t.Errorf("%s: %+v", check, m)
		}
	}
	for _, check := range append([]string{"version", "_lastUpdated", "identifier", "paging", "round trip"}, examined...) {
		if _, ok := all[check]; !ok {
			t.Errorf("nothing is said of %s", check)
		}
	}
	for _, q := range server.Requests() {
		if strings.HasPrefix(q.Path, "Observation") && !strings.Contains(q.Query, "_summary=count") {
			t.Errorf("clinical data were read: %s?%s", q.Path, q.Query)
		}
	}
}

func TestWhatAServerCannotDoIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		fault   synth.Fault
		check   string
		verdict checkup.Verdict
		said    string
	}{
		"no right":   {synth.Fault{Kind: synth.FaultStatus, Match: "Observation", Status: 403}, "Observation", checkup.Bad, "403"},
		"login page": {synth.Fault{Kind: synth.FaultHTML, Match: "metadata"}, "capabilities", checkup.Bad, "login page"},
		"no word":    {synth.Fault{Kind: synth.FaultStatus, Match: "metadata", Status: 404}, "capabilities", checkup.Doubtful, "404"},
		"wrong host": {synth.Fault{Kind: synth.FaultLinkHost, Match: "_count"}, "paging", checkup.Doubtful, "another host"},
		"no single":  {synth.Fault{Kind: synth.FaultStatus, Match: "GET Patient/", Status: 403}, "round trip", checkup.Bad, "403"},
	} {
		_, base := synthetic(t, 30, c.fault)
		m := examine(t, base, pidSystem)[c.check]
		if m.Verdict != c.verdict || !strings.Contains(m.Said+m.Hint, c.said) {
			t.Errorf("%s: %+v", name, m)
		}
	}
	_, base := synthetic(t, 5)
	if m := examine(t, base, pidSystem+"/another")["identifier"]; m.Verdict != checkup.Bad {
		t.Errorf("an unknown system: %+v", m)
	}
}

// A server that takes no notice of whose resources are asked for would give each patient everybody's.
func TestAServerThatHeedsNoPatientIsBad(t *testing.T) {
	count := `{"resourceType":"Bundle","total":7}`
	f := newFake(t, map[string][]string{
		"Observation?_summary=count": {count}, "Observation?subject=Patient%2Fcrflink-nobody-0&_summary=count": {count},
		"Observation?patient=crflink-nobody-0&_summary=count": {count},
		"Patient?_summary=count":                              {count}, "Patient?_lastUpdated=gt2999-01-01&_summary=count": {count},
		"Patient?_count=20": {`{"resourceType":"Bundle","total":7,"entry":[{"resource":{"resourceType":"Patient","id":"canary-7"}}]}`},
		"Patient/canary-7":  {`{"resourceType":"Patient","id":"canary-8"}`},
	})
	all := examine(t, f.base, "")
	if m := all["Observation"]; m.Verdict != checkup.Bad || !strings.Contains(m.Said, "not heeded") {
		t.Errorf("%+v", m)
	}
	if m := all["_lastUpdated"]; m.Said != "not heeded" {
		t.Errorf("%+v", m)
	}
	if m := all["round trip"]; m.Verdict != checkup.Bad {
		t.Errorf("%+v", m)
	}
	if m := all["paging"]; m.Verdict != checkup.Bad {
		t.Errorf("%+v", m)
	}
	for _, m := range all {
		if strings.Contains(m.Said+m.Hint, "canary") {
			t.Errorf("a remark names a patient: %+v", m)
		}
	}
}

func TestTheIndependentServerIsExamined(t *testing.T) {
	base := shared.Peer(t, shared.Dir(t, "data", "mii-kds-testdata", "resources"))
	all := examine(t, base, "")
	for _, check := range []string{"version", "Patient", "round trip"} {
		if m, ok := all[check]; !ok || m.Verdict == checkup.Bad {
			t.Errorf("%s: %+v", check, m)
		}
	}
	if slices.Contains([]string{"", "0"}, all["Patient"].Said) {
		t.Errorf("%+v", all["Patient"])
	}
}
