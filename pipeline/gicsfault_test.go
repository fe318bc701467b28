package pipeline_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent/gics"
	"github.com/crflink/crflink/consent/gics/fakegics"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
)

// trustedHospital runs the example study once with consents from a gICS.
func trustedHospital(t *testing.T, patients int, ask gics.Ask) (*hospital, *fakegics.Server) {
	t.Helper()
	h := preparedHospital(t, patients, "")
	service := fakegics.New()
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	h.sign(service, func(int) bool { return true })
	h.trust = func(source fhir.Source) fhir.Source {
		both, err := gics.New(source, gics.Options{Wire: wire.Options{Base: server.URL + "/ttp-fhir/fhir/gics", Retries: -1, Pause: time.Microsecond},
			Domain: "MII", Ask: ask, Page: 10, Patient: h.parts.Study.Identity.System})
		if err != nil {
			t.Fatal(err)
		}
		return both
	}
	h.run(t)
	if n := len(h.books(t)); n < 15 {
		t.Fatalf("only %d subjects", n)
	}
	return h, service
}

// sign lets gICS know the consents of these of the permitted patients, and nothing else.
func (h *hospital) sign(service *fakegics.Server, which func(i int) bool) {
	service.AddDomain("MII")
	for i, truth := range permittedOf(h.site) {
		if which(i) {
			service.Sign("MII", broad(truth.PID, "2020-01-01", "permit"))
		}
	}
}

func isAnotherError(err error) bool { return err != nil && !isLimit(err) }

func TestATrustCentreThatIsEmptyHalfLoadedOrGoneErasesNothing(t *testing.T) {
	longTest(t)
	fault := func(f fake.Fault, text string) func(*hospital, *fakegics.Server) {
		return func(_ *hospital, service *fakegics.Server) {
			service.Choose = func(q *http.Request) fake.Fault {
				if strings.Contains(q.URL.String(), text) {
					return f
				}
				return fake.None
			}
		}
	}
	signed := func(which func(int) bool) func(*hospital, *fakegics.Server) {
		return func(h *hospital, service *fakegics.Server) { h.sign(service, which) }
	}
	both := []gics.Ask{gics.Domain, gics.Person}
	cases := map[gics.Ask][]func(*hospital, *fakegics.Server){}
	for name, c := range map[string]struct {
		asks   []gics.Ask
		damage func(*hospital, *fakegics.Server)
		want   func(error) bool
	}{
		"an empty domain":          {both, signed(func(int) bool { return false }), isLimit},
		"half of the persons":      {both, signed(func(i int) bool { return i%2 == 0 }), isLimit},
		"an outage":                {both, fault(fake.Unavailable, ""), isAnotherError},
		"no answer":                {both, fault(fake.Cut, ""), isAnotherError},
		"no right":                 {both, fault(fake.Forbidden, ""), isAnotherError},
		"the page of a proxy":      {both, fault(fake.HTML, ""), isAnotherError},
		"a failing second page":    {both[:1], fault(fake.Failed, "_offset=10"), isAnotherError},
		"a second page cut off":    {both[:1], fault(fake.Truncated, "_offset=10"), isAnotherError},
		"failures about persons":   {both[1:], fault(fake.Failed, "ForPerson"), isAnotherError},
		"a page that is missing":   {both[:1], func(_ *hospital, service *fakegics.Server) { service.Excess = 10 }, isAnotherError},
		"pages that nobody counts": {both[:1], func(_ *hospital, service *fakegics.Server) { service.Uncounted = true }, isAnotherError},
	} {
		for _, ask := range c.asks {
			cases[ask] = append(cases[ask], func(h *hospital, service *fakegics.Server) {
				c.damage(h, service)
				h.untouched(t, name+", asked by "+string(ask), c.want)
				if begun := h.list(t).Withdrawals; len(begun) > 0 {
					t.Errorf("%s, asked by %s: withdrawals %+v", name, ask, begun)
				}
				service.Choose, service.Excess, service.Uncounted = nil, 0, false
				h.sign(service, func(int) bool { return true })
			})
		}
	}
	for ask, list := range cases {
		h, service := trustedHospital(t, 30, ask)
		before := h.files(t)
		for _, damaged := range list {
			damaged(h, service)
		}
		h.run(t)
		if after := h.files(t); !maps.Equal(after, before) {
			t.Errorf("asked by %s: when gICS was whole again %d files were other than the %d before", ask, len(after), len(before))
		}
	}
}

func TestAFewPersonsLessInTheTrustCentreAreHeldAndNotErased(t *testing.T) {
	longTest(t)
	h, service := trustedHospital(t, 30, gics.Domain)
	before := h.books(t)
	var lost []string
	for _, truth := range permittedOf(h.site)[:3] {
		lost = append(lost, truth.Subject)
	}
	h.sign(service, func(i int) bool { return i >= 3 })
	h.run(t)
	files := h.files(t)
	for subject := range before {
		standing := h.values(t)[subject]
		gone := slices.Contains(lost, subject)
		if gone != (standing == "held") || gone != (len(with(files, subject)) == 0) {
			t.Errorf("%s is %s and in %v; lost: %t", subject, standing, with(files, subject), gone)
		}
	}
	if len(h.books(t)) != len(before) || len(h.list(t).Withdrawals) != 0 {
		t.Errorf("%d subjects of %d are left, %d withdrawals", len(h.books(t)), len(before), len(h.list(t).Withdrawals))
	}
	h.sign(service, func(int) bool { return true })
	h.run(t)
	for _, subject := range lost {
		if len(with(h.files(t), subject)) == 0 {
			t.Errorf("%s did not come back", subject)
		}
	}
}
