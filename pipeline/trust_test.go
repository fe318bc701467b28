package pipeline_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent/gics"
	"github.com/crflink/crflink/consent/gics/fakegics"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym/gpas"
	"github.com/crflink/crflink/pseudonym/gpas/fakegpas"
)

// trust puts fakes of the trust centre before a run: gICS holds what the truth says about consent, and gPAS the numbers.
type trust struct {
	gics *fakegics.Server
	gpas *fakegpas.Server
}

func broad(person, when, typ string) fakegics.Document {
	d := fakegics.Document{Person: person, When: when + "T10:00:00+01:00"}
	for _, code := range []string{"6", "7", "8", "45", "46"} {
		d.Provisions = append(d.Provisions, fakegics.Provision{Type: typ, Name: "P" + code, Code: "2.16.840.1.113883.3.1937.777.24.5.3." + code,
			Start: when + "T10:00:00+01:00", End: "2051-01-01T00:00:00+01:00"})
	}
	return d
}

func behindTrust(t *testing.T, parts *pipeline.Parts) trust {
	t.Helper()
	c := trust{fakegics.New(), fakegpas.New(fakegpas.Since1103)}
	c.gics.AddDomain("MII")
	c.gpas.AddDomain("PSMA", "x")
	at := func(h http.Handler) wire.Options {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return wire.Options{Base: server.URL + "/ttp-fhir/fhir/", Retries: -1, Pause: time.Microsecond}
	}
	source, err := gics.New(parts.Source, gics.Options{Wire: at(c.gics), Domain: "MII", Patient: parts.Study.Identity.System})
	if err != nil {
		t.Fatal(err)
	}
	parts.Source = source
	c.reopen(t, parts, at(c.gpas))
	return c
}

// reopen gives the next run a numbering of its own, as every start of the program does.
func (c trust) reopen(t *testing.T, parts *pipeline.Parts, options wire.Options) {
	t.Helper()
	numbers, err := gpas.New(gpas.Options{Wire: options, Domain: "PSMA"})
	if err != nil {
		t.Fatal(err)
	}
	parts.Study.Numbering, parts.Numbering = nil, numbers
}

func TestTheTrustCentreDecidesAndNumbers(t *testing.T) {
	s := newSite(t, 3, 60)
	parts := openParts(t, exampleStudy(t), s.folder)
	c := behindTrust(t, &parts)
	numbers := map[string]string{}
	permitted := 0
	for i := range s.truth {
		pid := s.truth[i].PID
		switch i % 4 {
		case 0: // in gICS and gPAS
			permitted++
			numbers["gpas-"+pid] = pid
			c.gics.Sign("MII", broad(pid, "2020-01-01", "permit"))
			c.gpas.Insert("PSMA", pid, "gpas-"+pid)
		case 1: // withdrawn in gICS, whatever the server's own Consents say
			c.gics.Sign("MII", broad(pid, "2020-01-01", "permit"), broad(pid, "2021-01-01", "deny"))
			c.gpas.Insert("PSMA", pid, "gpas-"+pid)
		case 2: // not enrolled
			c.gics.Sign("MII", broad(pid, "2020-01-01", "permit"))
		}
	}
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	got := subjectsOf(t, parts)
	if d := outcome.Tally.Decisions; len(got) != permitted || outcome.Tally.NotEnrolled != 15 || d["excluded"]["withdrawn"] != 15 || d["held"]["no-consent"] != 15 {
		t.Fatalf("%d subjects, %d not enrolled, %v", len(got), outcome.Tally.NotEnrolled, outcome.Tally.Decisions)
	}
	for number, standing := range got {
		if _, ok := numbers[number]; !ok || standing != "permitted" {
			t.Errorf("%s is %s", number, standing)
		}
	}
	if calls := len(c.gpas.Calls()); calls != 1 {
		t.Errorf("gPAS was called %d times, want once", calls)
	}
	for _, call := range append(c.gpas.Calls(), c.gics.Calls()...) {
		if !trustCalls.MatchString(call) {
			t.Errorf("the trust centre was sent %s", call)
		}
	}
	c.fails(t, parts, s)
}

// trustCalls are the operations of gICS and gPAS that crflink uses.
var trustCalls = regexp.MustCompile(`^POST /ttp-fhir/fhir/(\w+/)?\$(allConsentsForDomain|allConsentsForPerson|currentPolicyStatesForPerson|pseudonymize)$|^GET /ttp-fhir/fhir/(\w+/)?\$allConsentsFor(Domain|Person)(\?.*)?$`)

// fails runs again with a patient of whom gPAS fails, and with a trust centre that is down.
func (c trust) fails(t *testing.T, parts pipeline.Parts, s site) {
	t.Helper()
	before := subjectsOf(t, parts)
	victim := ""
	for i := range s.truth {
		if before["gpas-"+s.truth[i].PID] != "" {
			victim = s.truth[i].PID
		}
	}
	c.gpas.FailOn(victim, "processing")
	server := httptest.NewServer(c.gpas)
	defer server.Close()
	options := wire.Options{Base: server.URL, Retries: -1}
	c.reopen(t, &parts, options)
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
	if err != nil || outcome.Complete() {
		t.Fatalf("%v, complete: %v", err, outcome.Complete())
	}
	after := subjectsOf(t, parts)
	if len(after) != len(before) || after["gpas-"+victim] != "held" {
		t.Errorf("the subject whose number failed is %q of %d", after["gpas-"+victim], len(after))
	}
	for _, f := range outcome.Tally.Failed {
		if strings.Contains(f.Reason, victim) {
			t.Errorf("a failure names the patient: %+v", f)
		}
	}
	c.reopen(t, &parts, options)
	c.gpas.Break(fake.Unavailable)
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2}); err == nil {
		t.Error("a run without its gPAS went on")
	}
	if now := subjectsOf(t, parts); len(now) != len(after) {
		t.Errorf("%d subjects, want %d", len(now), len(after))
	}
}

func subjectsOf(t *testing.T, parts pipeline.Parts) map[string]string {
	t.Helper()
	all := map[string]string{}
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[book.Facts.Subject] = book.Facts.Outcome
	}
	return all
}

func TestTheStudyFileNamesTheTrustCentre(t *testing.T) {
	study := variant(t,
		"    from: research-subject\n    system: https://psma-registry.example/fhir/sid/subject\n",
		"    from: gpas\n    url: https://ths.example/ttp-fhir/fhir/gpas/\n    domain: PSMA\n    site: S1\n    api: \"1.10.2\"\n    auth: {user: crflink, password-env: GPAS}\n",
		"dates: none\n",
		"dates: none\nconsent-source:\n  gics: https://ths.example/ttp-fhir/fhir/gics\n  domain: MII\n  ask: person\n  server-consents: keep\n  auth: {token-env: GICS}\n")
	if n := study.Numbers; n == nil || n.URL != "https://ths.example/ttp-fhir/fhir/gpas/" || n.Domain != "PSMA" || n.API != "1.10.2" || n.Create || n.Auth.Password.Env != "GPAS" || study.Numbering != nil {
		t.Errorf("numbers: %+v", study.Numbers)
	}
	if c := study.Consents; c == nil || c.Ask != "person" || !c.Keep || c.Patient != study.Identity.System || c.PatientID || c.Auth.Token.Env != "GICS" {
		t.Errorf("consents: %+v", study.Consents)
	}
	if study.Inputs()["study"] == exampleStudy(t).Inputs()["study"] {
		t.Error("another numbering is the same input")
	}
}

func TestMistakesAboutTheTrustCentreAreFoundAtTheirPlace(t *testing.T) {
	text, err := os.ReadFile("../configs/psma-registry/study.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.NewReplacer(
		"from: research-subject\n    system: https://psma-registry.example/fhir/sid/subject", "from: gpas\n    domain: PSMA\n    api: \"1.10.1\"",
		"dates: none\n", "dates: none\nconsent-source: {domian: MII, ask: everyone, identifier: x, patient-id: true}\n").Replace(string(text))
	file := filepath.Join(t.TempDir(), "study.yaml")
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	_, findings, err := pipeline.LoadStudy(file)
	if err == nil {
		t.Fatal("the study was accepted")
	}
	var all strings.Builder
	for _, f := range findings {
		all.WriteString(f.String() + "\n")
	}
	for _, want := range []string{"url is missing", "without creating", `unknown key "domian"`, "gics is missing", `"everyone" is not possible`, "only one of identifier and patient-id"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no finding about %s in\n%s", want, all.String())
		}
	}
}

func TestMistakesAboutANumberingServiceAreFound(t *testing.T) {
	for wrong, want := range map[string]string{
		"{from: mainzelliste, url: http://x, identifier-type: a, number-type: a, key-env: K}":               "an ID type of its own",
		"{from: mainzelliste, url: http://x, identifier-type: a, number-type: b}":                           "an API key or a bearer token",
		"{from: mainzelliste, url: http://x, number-type: b, key-env: K}":                                   "identifier-type is missing",
		"{from: mainzelliste, url: http://x, identifier-type: a, number-type: b, key-env: K, domain: PSMA}": "domain belongs to from: gpas",
		"{from: vfps, url: http://x}":                            "namespace is missing",
		"{from: vfps, url: http://x, namespace: n, api: 1.10.2}": "api belongs to from: gpas",
		"{from: gpas, url: http://x, domain: d, namespace: n}":   "namespace belongs to from: vfps",
	} {
		text, err := os.ReadFile("../configs/psma-registry/study.yaml")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "study.yaml")
		changed := strings.Replace(string(text), "number:\n    from: research-subject\n    system: https://psma-registry.example/fhir/sid/subject", "number: "+wrong, 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := pipeline.LoadStudy(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: no finding %q in %v", wrong, want, err)
		}
	}
}
