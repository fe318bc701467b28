package gics_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/consent/gics"
	"github.com/crflink/crflink/consent/gics/fakegics"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/wire"
)

const (
	pid    = "https://h.example/pid"
	canary = "PID-4711-canary"
)

// patients is a source of patients p0, p1, … with their own texts.
type patients struct {
	texts [][]string
}

func (p patients) Name() string { return "test" }
func (p patients) Close() error { return nil }

func (p patients) record(i int) (*fhir.Record, error) {
	r := fhir.NewRecord(fhir.Key{Type: "Patient", ID: fmt.Sprintf("p%d", i)})
	for n, text := range p.texts[i] {
		res, err := fhir.ReadResource(text, fhir.Origin{Position: int64(n)})
		if err != nil {
			return nil, err
		}
		r.Add(res)
	}
	return r, nil
}

func (p patients) Subjects(context.Context, func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		for i := range p.texts {
			if !yield(p.record(i)) {
				return
			}
		}
	}
}

func (p patients) Fetch(_ context.Context, k fhir.Key, _ fhir.Wanted, _ func(fhir.Rejected)) (*fhir.Record, error) {
	for i := range p.texts {
		if fmt.Sprintf("p%d", i) == k.ID {
			return p.record(i)
		}
	}
	return nil, fhir.ErrUnknownPatient
}

// of makes patients with one identifier each.
func of(values ...string) (p patients) {
	for i, v := range values {
		p.texts = append(p.texts, []string{fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","birthDate":"1950-01-01","identifier":[{"system":%q,"value":%q}]}`, i, pid, v)})
	}
	return p
}

func open(t *testing.T, inner fhir.Source, handler http.Handler, change func(*gics.Options)) *gics.Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := gics.Options{Domain: "MII", Patient: pid, Folder: t.TempDir(),
		Wire: wire.Options{Base: server.URL + "/ttp-fhir/fhir/gics/", Retries: 2, Pause: time.Microsecond, MaxPause: time.Millisecond}}
	if change != nil {
		change(&o)
	}
	s, err := gics.New(inner, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func asking(a gics.Ask) func(*gics.Options) { return func(o *gics.Options) { o.Ask = a } }

var asks = []gics.Ask{gics.Domain, gics.Person, gics.States}

// permit and deny are documents about the gate and the window of the broad consent.
func permit(person, when string) fakegics.Document { return signed(person, when, "permit") }
func deny(person, when string) fakegics.Document   { return signed(person, when, "deny") }

func signed(person, when, typ string) fakegics.Document {
	d := fakegics.Document{Person: person, When: when + "T10:00:00+01:00"}
	for _, code := range []string{"6", "7", "8"} {
		d.Provisions = append(d.Provisions, fakegics.Provision{Type: typ, Name: "MDAT_" + code,
			Code: "2.16.840.1.113883.3.1937.777.24.5.3." + code, Start: when + "T10:00:00+01:00", End: "2051-01-01T00:00:00+01:00"})
	}
	return d
}

func service(documents ...fakegics.Document) *fakegics.Server {
	s := fakegics.New()
	s.AddDomain("MII")
	s.Sign("MII", documents...)
	return s
}

// decide returns each patient's decision by the built-in policy, by Subjects and, which must be the same, by Fetch.
func decide(t *testing.T, s *gics.Source) (outcomes []string, rejected []fhir.Rejected, err error) {
	t.Helper()
	policy, err := consent.Load(consent.BuiltInName)
	if err != nil {
		t.Fatal(err)
	}
	asOf := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	evaluate := func(r *fhir.Record) string {
		return consent.Evaluate(consent.FactsOf(r), policy, asOf).Outcome().String()
	}
	rej := func(r fhir.Rejected) { rejected = append(rejected, r) }
	var keys []fhir.Key
	for r, err := range s.Subjects(t.Context(), rej) {
		if err != nil {
			return outcomes, rejected, err
		}
		outcomes, keys = append(outcomes, evaluate(r)), append(keys, r.Key())
	}
	for i, k := range keys {
		r, err := s.Fetch(t.Context(), k, fhir.Everything(), rej)
		if err != nil {
			return outcomes, rejected, err
		}
		if again := evaluate(r); again != outcomes[i] {
			outcomes[i] += "/" + again
		}
	}
	return outcomes, rejected, nil
}

func TestConsentsOfGICSDecide(t *testing.T) {
	for _, ask := range asks {
		for _, lenient := range []bool{false, true} {
			g := service(permit("A", "2022-01-01"), permit("B", "2022-01-01"), deny("B", "2023-01-01"))
			g.Lenient = lenient
			s := open(t, of("A", "B", "nobody"), g, asking(ask))
			got, rejected, err := decide(t, s)
			if want := []string{"permitted", "excluded", "held"}; err != nil || !slices.Equal(got, want) || len(rejected) > 0 {
				t.Errorf("%s: %v %v %v, want %v", ask, got, rejected, err, want)
			}
		}
	}
}

func TestPagesAreComputedFromTheTotal(t *testing.T) {
	var documents []fakegics.Document
	var values []string
	for i := range 250 {
		values = append(values, fmt.Sprintf("P%03d", i))
		documents = append(documents, permit(values[i], "2022-01-01"))
	}
	g := service(documents...)
	var queries []string
	s := open(t, of(values...), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		queries = append(queries, q.URL.RawQuery)
		g.ServeHTTP(w, q)
	}), nil)
	got, _, err := decide(t, s)
	if err != nil || len(got) != 250 || slices.ContainsFunc(got, func(o string) bool { return o != "permitted" }) {
		t.Errorf("%v %v", got, err)
	}
	if want := []string{"_count=100&_offset=0", "_count=100&_offset=100", "_count=100&_offset=200"}; !slices.Equal(queries, want) {
		t.Errorf("asked %v", queries)
	}
}

func TestAServerWithSmallerPagesIsReadToTheEnd(t *testing.T) {
	g := service(permit("A", "2022-01-01"), permit("B", "2022-01-01"), permit("C", "2022-01-01"))
	s := open(t, of("A", "B", "C"), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		q.URL.RawQuery = strings.Replace(q.URL.RawQuery, "_count=100", "_count=1", 1)
		g.ServeHTTP(w, q)
	}), nil)
	if got, _, err := decide(t, s); err != nil || strings.Join(got, " ") != "permitted permitted permitted" || len(g.Calls()) != 3 {
		t.Errorf("%v %v after %d calls", got, err, len(g.Calls()))
	}
}

func TestWhatIsNotCompleteIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakegics.Server)
		want   string
	}{
		"fewer than counted": {func(g *fakegics.Server) { g.Excess = 1 }, "ended at 3 of 4"},
		"more than counted":  {func(g *fakegics.Server) { g.Excess = -1 }, "more documents than the 2"},
		"uncounted":          {func(g *fakegics.Server) { g.Uncounted = true }, "does not count"},
		"keeps changing":     {func(g *fakegics.Server) { g.AfterPage = func() { g.Sign("MII", permit("Z", "2022-01-01")) } }, "changed while they were read"},
	} {
		g := service(permit("A", "2022-01-01"), permit("B", "2022-01-01"), permit(canary, "2022-01-01"))
		c.change(g)
		s := open(t, of("A"), g, func(o *gics.Options) { o.Page = 2 })
		got, _, err := decide(t, s)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(got) > 0 || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v %v, want an error with %q", name, got, err, c.want)
		}
	}
}

func TestADomainThatChangesOnceIsReadAgain(t *testing.T) {
	g := service(permit("A", "2022-01-01"), permit("B", "2022-01-01"), permit("C", "2022-01-01"))
	changed := false
	g.AfterPage = func() {
		if !changed {
			changed = true
			g.Sign("MII", deny("A", "2023-01-01"))
		}
	}
	s := open(t, of("A", "B"), g, func(o *gics.Options) { o.Page = 2 })
	if got, _, err := decide(t, s); err != nil || strings.Join(got, " ") != "excluded permitted" {
		t.Errorf("%v %v", got, err)
	}
}

func TestRefusalsEndTheRunAndNameNobody(t *testing.T) {
	for _, ask := range asks {
		for name, c := range map[string]struct {
			change func(*gics.Options)
			fault  fake.Fault
			want   string
		}{
			"unknown domain": {func(o *gics.Options) { o.Domain = "NOWHERE" }, fake.None, "404"},
			"no credentials": {func(o *gics.Options) { o.Wire.Auth = wire.Auth{} }, fake.None, "401"},
			"forbidden":      {func(*gics.Options) {}, fake.Forbidden, "403"},
			"stays down":     {func(*gics.Options) {}, fake.Unavailable, "503"},
			"HTML":           {func(*gics.Options) {}, fake.HTML, "login page"},
			"truncated":      {func(*gics.Options) {}, fake.Truncated, "not a FHIR Bundle"},
		} {
			g := service(permit(canary, "2022-01-01"))
			g.Token = "secret"
			if c.fault != fake.None {
				g.Break(c.fault, c.fault, c.fault)
			}
			var log bytes.Buffer
			s := open(t, of(canary), g, func(o *gics.Options) {
				o.Ask, o.Wire.Auth = ask, wire.Auth{Bearer: wire.NewSecret("secret")}
				o.Wire.Log = func(a wire.Attempt) { fmt.Fprintln(&log, a) }
				c.change(o)
			})
			got, _, err := decide(t, s)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(got) > 0 || strings.Contains(err.Error()+log.String(), canary) {
				t.Errorf("%s, %s: %v %v\n%s", ask, name, got, err, &log)
			}
		}
	}
}

func TestPassingFaultsAreOvercome(t *testing.T) {
	for _, ask := range asks {
		for _, f := range []fake.Fault{fake.Unavailable, fake.HTML, fake.Truncated, fake.Cut} {
			g := service(permit("A", "2022-01-01"))
			g.Break(f, fake.None, f)
			if got, _, err := decide(t, open(t, of("A"), g, asking(ask))); err != nil || strings.Join(got, "") != "permitted" {
				t.Errorf("%s, fault %d: %v %v", ask, f, got, err)
			}
		}
	}
}

// A failure about one person, after the domain was found, ends the run, too.
func TestAnErrorAboutOnePersonIsNoMissingConsent(t *testing.T) {
	g := service(permit("A", "2022-01-01"))
	g.Break(fake.None, fake.Unavailable, fake.Unavailable, fake.Unavailable)
	if got, _, err := decide(t, open(t, of("A"), g, asking(gics.Person))); err == nil {
		t.Errorf("%v", got)
	}
}

func TestThePatientsOwnConsentsAreWithheldOrKept(t *testing.T) {
	own := func(typ, id string) string {
		code := `[{"coding":[{"system":"urn:oid:2.16.840.1.113883.3.1937.777.24.5.3","code":"2.16.840.1.113883.3.1937.777.24.5.3.8"}]}]`
		return `{"resourceType":"Consent","id":"` + id + `","status":"active","patient":{"reference":"Patient/p0"},"dateTime":"2024-01-01",
			"policy":[{"uri":"urn:oid:2.16.840.1.113883.3.1937.777.24.2.184"}],"category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]},
			{"coding":[{"system":"https://www.medizininformatik-initiative.de/fhir/modul-consent/CodeSystem/mii-cs-consent-consent_category","code":"2.16.840.1.113883.3.1937.777.24.2.184"}]}],
			"provision":{"type":"deny","period":{"start":"2024-01-01"},"provision":[{"type":"` + typ + `","period":{"start":"2024-01-01","end":"2051-01-01"},"code":` + code + `}]}}`
	}
	for _, c := range []struct {
		keep bool
		id   string
		want string
	}{{false, "own", "permitted"}, {true, "own", "excluded"}, {true, "same", "excluded"}} {
		p := of("A")
		p.texts[0] = append(p.texts[0], own("deny", c.id))
		d := permit("A", "2022-01-01")
		d.ID = "same" // as the server's copy
		s := open(t, p, service(d), func(o *gics.Options) { o.Keep = c.keep })
		if got, _, err := decide(t, s); err != nil || got[0] != c.want {
			t.Errorf("keep %v, id %s: %v %v, want %s", c.keep, c.id, got, err, c.want)
		}
	}
	// A patient whom gICS cannot be asked about is not permitted by the server's word.
	p := of("")
	p.texts[0] = append(p.texts[0], own("permit", "own"))
	got, rejected, err := decide(t, open(t, p, service(), func(o *gics.Options) { o.Keep = true }))
	if err != nil || got[0] == "permitted" || len(rejected) != 1 || rejected[0].Patient.ID != "p0" {
		t.Errorf("%v %v %v", got, rejected, err)
	}
}

func TestPatientsWhoShareAnIdentifierAreBothRefused(t *testing.T) {
	for _, ask := range asks {
		got, rejected, err := decide(t, open(t, of("A", "B", "A"), service(permit("A", "2022-01-01"), permit("B", "2022-01-01")), asking(ask)))
		if err != nil || got[0] != "permitted/held" || got[1] != "permitted" || got[2] != "held" || len(rejected) != 2 {
			t.Errorf("%s: %v %v %v", ask, got, rejected, err)
		}
	}
}

func TestARefusalUnderAnOldIdentifierCounts(t *testing.T) {
	for _, ask := range asks {
		p := of("new")
		p.texts[0] = append(p.texts[0], `{"resourceType":"Patient","id":"merged","identifier":[{"system":"`+pid+`","use":"old","value":"old"}]}`)
		g := service(permit("new", "2022-01-01"), deny("old", "2023-01-01"))
		if got, _, err := decide(t, open(t, p, g, asking(ask))); err != nil || got[0] != "excluded" {
			t.Errorf("%s: %v %v", ask, got, err)
		}
	}
}

func TestDocumentsOfOtherIdentifierSystemsAreReported(t *testing.T) {
	d := permit("X", "2022-01-01")
	d.System = gics.SignerSystem + "Fallnummer"
	got, rejected, err := decide(t, open(t, of("X"), service(d), nil))
	if err != nil || got[0] != "held" || len(rejected) != 1 || !strings.Contains(rejected[0].Reason, "1 documents") {
		t.Errorf("%v %v %v", got, rejected, err)
	}
}

func TestAnAnswerAboutSomeoneElseIsAnError(t *testing.T) {
	g := service(permit("A", "2022-01-01"), permit(canary, "2022-01-01"))
	s := open(t, of("A"), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		q.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(b), `"value":"A"`, `"value":"`+canary+`"`)))
		g.ServeHTTP(w, q)
	}), asking(gics.Person))
	if got, _, err := decide(t, s); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("%v %v", got, err)
	}
}

func TestTheConsentBecomesThePatientsOwnAndLosesTheIdentity(t *testing.T) {
	for _, ask := range asks {
		s := open(t, of(canary), service(permit(canary, "2022-01-01")), asking(ask))
		r, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "p0"}, fhir.Everything(), func(fhir.Rejected) {})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for c := range r.OfType("Consent") {
			n++
			text := string(fhir.AppendJSON(nil, c.Node))
			if strings.Contains(text, canary) || c.Path("patient", "reference").Text() != "Patient/p0" || c.ID == "" {
				t.Errorf("%s: %s", ask, text)
			}
		}
		if want := map[gics.Ask]int{gics.Domain: 1, gics.Person: 1, gics.States: 3}[ask]; n != want {
			t.Errorf("%s: %d Consents, want %d", ask, n, want)
		}
	}
}

// TestTheWireIsThatOfTheGuide holds the requests against the examples of the TTP-FHIR implementation guide.
func TestTheWireIsThatOfTheGuide(t *testing.T) {
	for _, ask := range asks {
		g := service(permit("dic_1H51T", "2021-05-19"))
		var sent strings.Builder
		s := open(t, of("dic_1H51T"), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			b, _ := io.ReadAll(q.Body)
			fmt.Fprintf(&sent, "%s %s\nContent-Type: %s\n\n%s\n\n", q.Method, q.RequestURI, q.Header.Get("Content-Type"), b)
			q.Body = io.NopCloser(bytes.NewReader(b))
			g.ServeHTTP(w, q)
		}), asking(ask))
		if got, _, err := decide(t, s); err != nil || got[0] != "permitted" {
			t.Errorf("%s: %v %v", ask, got, err)
		}
		golden.Equal(t, "testdata/"+string(ask)+".golden", sent.String())
	}
}

func TestAnswersThatDoNotFitAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"other resource":        `{"resourceType":"Patient","id":"` + canary + `"}`,
		"outcome of 200":        `{"resourceType":"OperationOutcome","issue":[{"diagnostics":"` + canary + `"}]}`,
		"outcome in the bundle": `{"resourceType":"Bundle","total":1,"entry":[{"resource":{"resourceType":"OperationOutcome"}}]}`,
		"no consent":            `{"resourceType":"Bundle","total":1,"entry":[{"resource":{"resourceType":"Bundle"}}]}`,
		"no resource":           `{"resourceType":"Bundle","total":1,"entry":[{"fullUrl":"` + canary + `"}]}`,
		"nobody's":              `{"resourceType":"Bundle","total":1,"entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Consent"}}]}}]}`,
		"bad total":             `{"resourceType":"Bundle","total":-1}`,
		"same name twice":       `{"resourceType":"Bundle","total":0,"total":1}`,
		"endless nesting":       `{"resourceType":"Bundle","total":1,"entry":[` + strings.Repeat(`{"resource":{"resourceType":"Bundle","entry":[`, 9) + strings.Repeat(`]}}`, 9) + `]}`,
	} {
		s := open(t, of(canary), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }), nil)
		if got, _, err := decide(t, s); err == nil || len(got) > 0 || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	base := wire.Options{Base: "http://localhost/gics"}
	for name, o := range map[string]gics.Options{
		"no domain": {Wire: base, Patient: pid}, "no base": {Domain: "D", Patient: pid}, "no identifier": {Wire: base, Domain: "D"},
		"two identifiers": {Wire: base, Domain: "D", Patient: pid, PatientID: true}, "unknown ask": {Wire: base, Domain: "D", Patient: pid, Ask: "x"},
	} {
		if _, err := gics.New(of(), o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// serverPatients are patients of a server that can be asked again.
type serverPatients struct {
	patients
	asked *[]string
}

func (p serverPatients) Reread(ctx context.Context, keys []fhir.Key, types []string, rej func(fhir.Rejected)) (records []*fhir.Record, err error) {
	*p.asked = append(*p.asked, types...)
	for _, k := range keys {
		r, err := p.Fetch(ctx, k, fhir.Wanted{}, rej)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

func TestConsentsAreAskedAgainAfterARefresh(t *testing.T) {
	policy, err := consent.Load(consent.BuiltInName)
	if err != nil {
		t.Fatal(err)
	}
	for _, ask := range asks {
		for _, keep := range []bool{false, true} {
			fake, asked := service(permit("A", "2022-01-01"), permit("B", "2022-01-01")), []string{}
			s := open(t, serverPatients{of("A", "B"), &asked}, fake, func(o *gics.Options) { o.Ask, o.Keep = ask, keep })
			if got, _, err := decide(t, s); err != nil || !slices.Equal(got, []string{"permitted", "permitted"}) {
				t.Fatalf("%s: %v %v", ask, got, err)
			}
			fake.Sign("MII", deny("B", "2023-01-01"))
			s.Refresh()
			records, err := s.Reread(t.Context(), []fhir.Key{{Type: "Patient", ID: "p0"}, {Type: "Patient", ID: "p1"}}, []string{"Consent", "ResearchSubject"}, func(fhir.Rejected) {})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []string{"permitted", "excluded"} {
				if got := consent.Evaluate(consent.FactsOf(records[i]), policy, time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)).Outcome().String(); got != want {
					t.Errorf("%s: patient %d is %s, want %s", ask, i, got, want)
				}
			}
			if slices.Contains(asked, "Consent") != keep || !slices.Contains(asked, "ResearchSubject") {
				t.Errorf("%s, keep %t: the server behind was asked for %v", ask, keep, asked)
			}
		}
	}
}
