package gpas_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/gpas"
	"github.com/crflink/crflink/pseudonym/gpas/fakegpas"
)

const canary = "PID-4711-canary"

func id(value string) pseudonym.Identity {
	return pseudonym.Identity{System: "https://h.example/pid", Value: value}
}

// numbers opens a service at a handler, below a base with a trailing slash, as sites write it.
func numbers(t *testing.T, handler http.Handler, change func(*gpas.Options)) *gpas.Numbers {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := gpas.Options{Domain: "MIRACUM", Site: "S1", Create: true,
		Wire: wire.Options{Base: server.URL + "/ttp-fhir/fhir/gpas/", Retries: 2, Pause: time.Microsecond, MaxPause: time.Millisecond}}
	if change != nil {
		change(&o)
	}
	n, err := gpas.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func reading(o *gpas.Options) { o.Create = false }

func service(version string) *fakegpas.Server {
	s := fakegpas.New(version)
	s.AddDomain("MIRACUM", "mrcm_")
	return s
}

func TestAThousandPatientsTakeTenCalls(t *testing.T) {
	for version, want := range map[string]int{fakegpas.Since1103: 10, fakegpas.Only1102: 11} {
		s := service(version)
		s.Latency = 20 * time.Millisecond
		n := numbers(t, s, nil)
		var ids []pseudonym.Identity
		for i := range 1000 {
			ids = append(ids, id(fmt.Sprintf("P%04d", i)))
		}
		for _, chunk := range slices.Collect(slices.Chunk(ids, 400)) { // as a run asks
			if err := n.Prefetch(t.Context(), chunk); err != nil {
				t.Fatal(err)
			}
		}
		given := map[string]bool{}
		for _, who := range ids {
			e, ok, err := n.Number(who, nil)
			if err != nil || !ok || !strings.HasPrefix(e.Number, "mrcm_") || e.Site != "S1" {
				t.Fatalf("%v %v %v", e, ok, err)
			}
			given[e.Number] = true
		}
		if calls := len(s.Calls()); calls != want || len(given) != 1000 || s.Len("MIRACUM") != 1000 {
			t.Errorf("%s: %d calls for %d numbers, want %d calls", version, calls, len(given), want)
		}
	}
}

func TestResultsAreMatchedByOriginal(t *testing.T) {
	s := service(fakegpas.Since1103)
	s.Insert("MIRACUM", "a", "psn-of-a")
	s.Insert("MIRACUM", "b", "psn-of-b")
	n := numbers(t, s, reading)
	if err := n.Prefetch(t.Context(), []pseudonym.Identity{id("a"), id("nobody"), id("b"), id("a")}); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]string{"a": "psn-of-a", "b": "psn-of-b", "nobody": ""} {
		if e, ok, err := n.Number(id(who), nil); err != nil || e.Number != want || ok != (want != "") {
			t.Errorf("%s: %v %v %v", who, e, ok, err)
		}
	}
	if s.Len("MIRACUM") != 2 || s.Calls()[0] != "POST /ttp-fhir/fhir/gpas/$pseudonymize" {
		t.Errorf("reading created a pseudonym, or called %s", s.Calls())
	}
}

func TestAPatientWithoutAnAnswerWaitsAlone(t *testing.T) {
	s := service(fakegpas.Since1103)
	s.FailOn("broken", "processing")
	s.FailOn("gone", "not-found") // although it may create
	s.LeaveOut("left out")
	s.Insert("MIRACUM", "twin", "same")
	s.Insert("MIRACUM", "other twin", "same")
	s.Insert("MIRACUM", "echo", "echo")
	n := numbers(t, s, nil)
	all := []string{"fine", "broken", "gone", "left out", "twin", "other twin", "echo"}
	var ids []pseudonym.Identity
	for _, who := range all {
		ids = append(ids, id(who))
	}
	if err := n.Prefetch(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	for _, who := range append(all, "unasked") {
		e, ok, err := n.Number(id(who), nil)
		if got := ok && err == nil && e.Number != ""; got != (who == "fine") || ok && err != nil || who != "fine" && err == nil {
			t.Errorf("%s: %v %v %v", who, e, ok, err)
		}
	}
}

func TestTheThreeNamingsWork(t *testing.T) {
	for version, call := range map[string]string{
		fakegpas.Since1103: "POST $pseudonymizeAllowCreate", fakegpas.Only1102: "POST $pseudonymize-allow-create", fakegpas.Before1102: "GET $pseudonymize-allow-create",
	} {
		s := service(version)
		s.FailOn("broken", "value")
		n := numbers(t, s, func(o *gpas.Options) { o.API = gpas.API(version) })
		if err := n.Prefetch(t.Context(), []pseudonym.Identity{id("a&b=ö"), id("broken")}); err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		if e, ok, err := n.Number(id("a&b=ö"), nil); !ok || err != nil || s.Len("MIRACUM") != 1 {
			t.Errorf("%s: %v %v %v", version, e, ok, err)
		}
		if _, ok, err := n.Number(id("broken"), nil); ok || err == nil {
			t.Errorf("%s: a failed original got a number", version)
		}
		for _, got := range s.Calls() {
			if got != strings.Replace(call, "$", "/ttp-fhir/fhir/gpas/$", 1) {
				t.Errorf("%s: called %s", version, got)
			}
		}
	}
}

func TestTheOldestNamingIsNeverTriedUnasked(t *testing.T) {
	s := service(fakegpas.Before1102)
	n := numbers(t, s, nil)
	if err := n.Prefetch(t.Context(), []pseudonym.Identity{id(canary)}); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("%v", err)
	}
	for _, c := range s.Calls() {
		if strings.HasPrefix(c, "GET") {
			t.Error("an original was written into a URL")
		}
	}
}

func TestRefusalsEndTheRunAndNameNobody(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gpas.Options)
		want   string
	}{
		"unknown domain":    {func(o *gpas.Options) { o.Domain, o.Create = "NOWHERE", false }, "404 Not Found (not-found)"},
		"unknown, creating": {func(o *gpas.Options) { o.Domain = "NOWHERE" }, "whether the domain exists"},
		"no credentials":    {func(o *gpas.Options) { o.Wire.Auth = wire.Auth{} }, "401 Unauthorized"},
		"wrong password":    {func(o *gpas.Options) { o.Wire.Auth.Password = wire.NewSecret("no") }, "401 Unauthorized"},
	} {
		s := service(fakegpas.Since1103)
		s.User, s.Password = "u", "p"
		var log bytes.Buffer
		n := numbers(t, s, func(o *gpas.Options) {
			o.Wire.Auth = wire.Auth{User: "u", Password: wire.NewSecret("p")}
			o.Wire.Log = func(a wire.Attempt) { fmt.Fprintln(&log, a) }
			c.change(o)
		})
		err := n.Prefetch(t.Context(), []pseudonym.Identity{id(canary), id("other")})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error()+log.String(), canary) || log.Len() == 0 {
			t.Errorf("%s: %v\n%s", name, err, &log)
		}
		if _, ok, err := n.Number(id(canary), nil); ok || err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

func TestPassingFaultsAreOvercome(t *testing.T) {
	for _, f := range []fake.Fault{fake.Unavailable, fake.Truncated, fake.HTML, fake.Cut} {
		s := service(fakegpas.Since1103)
		s.Break(f, f)
		n := numbers(t, s, nil)
		err := n.Prefetch(t.Context(), []pseudonym.Identity{id(canary)})
		if _, ok, numberErr := n.Number(id(canary), nil); err != nil || !ok || numberErr != nil || s.Len("MIRACUM") != 1 {
			t.Errorf("fault %d: %v, %v", f, err, numberErr)
		}
	}
}

func TestAServiceThatStaysDownIsAnErrorAndAFailedCallCostsOnlyItsPatients(t *testing.T) {
	for _, f := range []fake.Fault{fake.Unavailable, fake.Truncated, fake.HTML, fake.Cut} {
		s := service(fakegpas.Since1103)
		s.Break(f, f, f)
		n := numbers(t, s, func(o *gpas.Options) { o.Batch, o.API, o.Parallel = 1, gpas.Since1103, 1 })
		if err := n.Prefetch(t.Context(), []pseudonym.Identity{id(canary), id("other")}); err != nil {
			t.Errorf("fault %d: %v", f, err)
		}
		_, ok, err := n.Number(id(canary), nil)
		if ok || err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("fault %d: %v %v", f, ok, err)
		}
		if _, ok, err := n.Number(id("other"), nil); !ok || err != nil {
			t.Errorf("fault %d: the other patient: %v", f, err)
		}
		s.Break(f, f, f)
		if err := n.Prefetch(t.Context(), []pseudonym.Identity{id("third")}); err == nil {
			t.Errorf("fault %d: a service that is down was no error", f)
		}
	}
}

// TestTheWireIsThatOfTheGuide holds request and reading against the examples of the TTP-FHIR implementation guide.
func TestTheWireIsThatOfTheGuide(t *testing.T) {
	answer, err := os.ReadFile("testdata/answer.json")
	if err != nil {
		t.Fatal(err)
	}
	var sent string
	n := numbers(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		sent = fmt.Sprintf("%s %s\nContent-Type: %s\nAccept: %s\n\n%s\n", q.Method, q.RequestURI, q.Header.Get("Content-Type"), q.Header.Get("Accept"), b)
		_, _ = w.Write(answer)
	}), reading)
	if err := n.Prefetch(t.Context(), []pseudonym.Identity{id("1001000000022"), id("1001000000033")}); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/request.golden", sent)
	if e, ok, err := n.Number(id("1001000000022"), nil); e.Number != "mrcm_T0TYNV21" || !ok || err != nil {
		t.Errorf("%v %v %v", e, ok, err)
	}
	if _, ok, err := n.Number(id("1001000000033"), nil); ok || err != nil {
		t.Errorf("the patient that gPAS does not know: %v %v, want to wait", ok, err)
	}
}

func TestAnswersThatDoNotFitGiveNoNumber(t *testing.T) {
	part := func(name, value string) string {
		return fmt.Sprintf(`{"name":%q,"valueIdentifier":{"value":%q}}`, name, value)
	}
	result := func(parts ...string) string {
		return `{"name":"pseudonym","part":[` + strings.Join(parts, ",") + `]}`
	}
	o, p := part("original", canary), part("pseudonym", "x1")
	for name, results := range map[string]string{
		"other domain":        result(o, part("target", "OTHER"), p),
		"no pseudonym":        result(o, part("target", "MIRACUM")),
		"no original":         result(p),
		"someone else":        result(part("original", "else"), p),
		"contradiction":       result(o, p) + "," + result(o, part("pseudonym", "x2")),
		"error and more":      result(o, p) + `,{"name":"error","part":[` + o + `]}`,
		"code that is a text": `{"name":"error","part":[` + o + `,{"name":"error-code","valueCoding":{"code":"` + canary + `"}}]}`,
		"nothing":             "",
	} {
		n := numbers(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"resourceType":"Parameters","parameter":[%s]}`, results)
		}), nil)
		if err := n.Prefetch(t.Context(), []pseudonym.Identity{id(canary)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if e, ok, err := n.Number(id(canary), nil); ok || err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v %v %v", name, e, ok, err)
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	base := wire.Options{Base: "http://localhost/gpas"}
	for name, o := range map[string]gpas.Options{
		"no domain": {Wire: base}, "no base": {Domain: "D"}, "unknown API": {Wire: base, Domain: "D", API: "2"},
		"old without creating": {Wire: base, Domain: "D", API: gpas.Before1102},
	} {
		if _, err := gpas.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
