package mainzelliste_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/mainzelliste"
	"github.com/crflink/crflink/pseudonym/mainzelliste/fakemainzelliste"
)

const (
	canary = "PID-4711-canary"
	apiKey = "api-key-canary"
)

func ids(values ...string) (all []pseudonym.Identity) {
	for _, v := range values {
		all = append(all, pseudonym.Identity{System: "https://h.example/pid", Value: v})
	}
	return all
}

func service() *fakemainzelliste.Server {
	return fakemainzelliste.New(apiKey, []string{"extern"}, []string{"psma", "other"})
}

func numbers(t *testing.T, handler http.Handler, change func(*mainzelliste.Options)) *mainzelliste.Numbers {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := mainzelliste.Options{Key: wire.NewSecret(apiKey), IdentifierType: "extern", NumberType: "psma", Site: "S1",
		Wire: wire.Options{Base: server.URL + "/mainzelliste/", Retries: 2, Pause: time.Microsecond, MaxPause: time.Millisecond}}
	if change != nil {
		change(&o)
	}
	n, err := mainzelliste.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func creating(o *mainzelliste.Options) { o.Create = true }

// told is what is known about a patient: a number, "" for not enrolled, or the failure.
func told(t *testing.T, n *mainzelliste.Numbers, value string) string {
	t.Helper()
	e, ok, err := n.Number(ids(value)[0], nil)
	switch {
	case err != nil && (ok || e.Number != ""):
		t.Errorf("%s: a number beside a failure: %v %v", value, e, err)
	case err != nil:
		if strings.Contains(err.Error(), value) || strings.Contains(err.Error(), apiKey) {
			t.Errorf("the error names the patient or the key: %v", err)
		}
		return "failed: " + err.Error()
	case ok && e.Site != "S1":
		t.Errorf("site %q", e.Site)
	case ok == (e.Number == ""):
		t.Errorf("%s: %v %v", value, e, ok)
	}
	return e.Number
}

func TestPatientsAreReadInBatchesAndUnknownOnesWait(t *testing.T) {
	s := service()
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("P%03d", i))
		if i != 77 {
			s.Insert(map[string]string{"extern": all[i], "psma": fmt.Sprintf("PSMA-%d", i), "other": "x"})
		}
	}
	n := numbers(t, s, nil)
	if err := n.Prefetch(t.Context(), ids(all...)); err != nil {
		t.Fatal(err)
	}
	for i, who := range all {
		want := fmt.Sprintf("PSMA-%d", i)
		if i == 77 {
			want = ""
		}
		if got := told(t, n, who); got != want {
			t.Errorf("%s: %q, want %q", who, got, want)
		}
	}
	if calls := len(s.Calls()); calls > 30 || s.Len() != 199 {
		t.Errorf("%d calls, %d patients", calls, s.Len())
	}
	if err := n.Close(); err != nil || s.Sessions() != 0 {
		t.Errorf("%d sessions are left open (%v)", s.Sessions(), err)
	}
}

func TestPatientsAreCreatedByTheirIdentifierAlone(t *testing.T) {
	s := service()
	s.Insert(map[string]string{"extern": "known", "psma": "PSMA-known"})
	s.BeUnsure("P-unsure")
	s.BeTentative("P-tent")
	n := numbers(t, s, creating)
	if err := n.Prefetch(t.Context(), ids("known", "new", "P-unsure", "P-tent")); err != nil {
		t.Fatal(err)
	}
	number := told(t, n, "new")
	if told(t, n, "known") != "PSMA-known" || !strings.HasPrefix(number, "PSMA-0") {
		t.Errorf("%q %q", told(t, n, "known"), number)
	}
	for who, want := range map[string]string{"P-unsure": "not sure", "P-tent": "tentative"} {
		if got := told(t, n, who); !strings.HasPrefix(got, "failed: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", who, got)
		}
	}
	again := numbers(t, s, creating)
	if err := again.Prefetch(t.Context(), ids("new")); err != nil || told(t, again, "new") != number {
		t.Errorf("the second run: %s, %v", told(t, again, "new"), err)
	}
}

func TestTheNumberOfAGeneratedTypeIsDeclinedAsAnIdentifier(t *testing.T) {
	s := service()
	n := numbers(t, s, func(o *mainzelliste.Options) { o.Create, o.IdentifierType = true, "other" })
	if err := n.Prefetch(t.Context(), ids("P-x", "P-y")); err != nil {
		t.Fatal(err)
	}
	if got := told(t, n, "P-x"); !strings.Contains(got, "declined") || s.Len() != 0 {
		t.Error(got)
	}
}

func TestARunOutSessionIsReplaced(t *testing.T) {
	s := service()
	s.Insert(map[string]string{"extern": "a", "psma": "1"})
	s.Insert(map[string]string{"extern": "b", "psma": "2"})
	n := numbers(t, s, nil)
	if err := n.Prefetch(t.Context(), ids("a")); err != nil {
		t.Fatal(err)
	}
	s.Expire()
	if err := n.Prefetch(t.Context(), ids("b", "nobody")); err != nil || told(t, n, "b") != "2" || told(t, n, "nobody") != "" || s.Sessions() != 1 {
		t.Errorf("%v: %q %q, %d sessions", err, told(t, n, "b"), told(t, n, "nobody"), s.Sessions())
	}
}

func TestRefusalsEndTheRunAndNameNobody(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*fakemainzelliste.Server)
		change func(*mainzelliste.Options)
		want   string
	}{
		"wrong key":        {nil, func(o *mainzelliste.Options) { o.Key = wire.NewSecret("no") }, "401"},
		"no right to read": {func(s *fakemainzelliste.Server) { s.Permissions = []string{"createSession", "createToken"} }, nil, "401"},
		"no right to create": {func(s *fakemainzelliste.Server) {
			s.Permissions = []string{"createSession", "createToken", "tt_readPatients"}
		}, creating, "401"},
		"unknown ID type": {nil, func(o *mainzelliste.Options) { o.NumberType = "psna" }, "does it know the ID types"},
		"another base":    {nil, func(o *mainzelliste.Options) { o.Wire.Base += "x" }, "404"},
	} {
		s := service()
		if c.spoil != nil {
			c.spoil(s)
		}
		var log bytes.Buffer
		n := numbers(t, s, func(o *mainzelliste.Options) {
			o.Wire.Log = func(a wire.Attempt) { fmt.Fprintln(&log, a) }
			if c.change != nil {
				c.change(o)
			}
		})
		err := n.Prefetch(t.Context(), ids(canary))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, secret := range []string{canary, apiKey, "session-", "token-"} {
			if strings.Contains(err.Error()+log.String(), secret) {
				t.Errorf("%s: %q is named: %v\n%s", name, secret, err, &log)
			}
		}
		if got := told(t, n, canary); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestPassingFaultsAreOvercomeAndUseNoTokenTwice(t *testing.T) {
	for _, f := range []fake.Fault{fake.Unavailable, fake.Truncated, fake.HTML, fake.Cut} {
		for at := range 6 { // the call that fails: session, token, token, read, token, create
			s := service()
			s.Insert(map[string]string{"extern": "known", "psma": "PSMA-known"})
			s.Break(append(make([]fake.Fault, at), f)...)
			n := numbers(t, s, func(o *mainzelliste.Options) { o.Create, o.Batch, o.Parallel = true, 1, 1 })
			err := n.Prefetch(t.Context(), ids("known", canary))
			if err != nil || told(t, n, "known") != "PSMA-known" || !strings.HasPrefix(told(t, n, canary), "PSMA-0") || s.Len() != 2 {
				t.Errorf("fault %d at call %d: %v, %q %q, %d patients", f, at, err, told(t, n, "known"), told(t, n, canary), s.Len())
			}
		}
	}
}

func TestAServiceThatStaysDownIsAnErrorAndGivesNoNumber(t *testing.T) {
	for _, f := range []fake.Fault{fake.Unavailable, fake.Truncated, fake.HTML, fake.Cut} {
		s := service()
		s.Insert(map[string]string{"extern": canary, "psma": "1"})
		s.Insert(map[string]string{"extern": "other", "psma": "2"})
		n := numbers(t, s, func(o *mainzelliste.Options) { o.Batch, o.Parallel = 1, 1 })
		s.Break(fake.None, fake.None, f, f, f, f, f, f, f, f, f) // the first patient's token or read, as often as it is tried
		err := n.Prefetch(t.Context(), ids(canary, "other"))
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Error(err)
		}
		if got := told(t, n, canary); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("fault %d: %q", f, got)
		}
		down := service()
		down.Break(f, f, f)
		n = numbers(t, down, nil)
		if err := n.Prefetch(t.Context(), ids(canary)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("fault %d: a service that is down: %v", f, err)
		}
		if got := told(t, n, canary); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("fault %d: %q", f, got)
		}
	}
}

func TestAnswersThatDoNotFitGiveNoNumber(t *testing.T) {
	for name, patients := range map[string]string{
		"nobody":             `[]`,
		"someone else":       `[{"ids":[{"idType":"extern","idString":"else"},{"idType":"psma","idString":"1"}]}]`,
		"no identifier":      `[{"ids":[{"idType":"psma","idString":"1"}]}]`,
		"no number":          `[{"ids":[{"idType":"extern","idString":"` + canary + `"}]}]`,
		"an empty number":    `[{"ids":[{"idType":"extern","idString":"` + canary + `"},{"idType":"psma","idString":""}]}]`,
		"tentative":          `[{"ids":[{"idType":"extern","idString":"` + canary + `"},{"idType":"psma","idString":"1","tentative":true}]}]`,
		"two numbers":        `[{"ids":[{"idType":"extern","idString":"` + canary + `"},{"idType":"psma","idString":"1"},{"idType":"psma","idString":"2"}]}]`,
		"two answers":        `[{"ids":[{"idType":"extern","idString":"` + canary + `"},{"idType":"psma","idString":"1"}]},{"ids":[{"idType":"extern","idString":"` + canary + `"},{"idType":"psma","idString":"2"}]}]`,
		"the original again": `[{"ids":[{"idType":"extern","idString":"` + canary + `"},{"idType":"psma","idString":"` + canary + `"}]}]`,
	} {
		n := numbers(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			switch {
			case q.Method == http.MethodGet:
				_, _ = w.Write([]byte(patients))
			case strings.HasSuffix(q.URL.Path, "/tokens"):
				_, _ = w.Write([]byte(`{"id":"t"}`))
			default:
				_, _ = w.Write([]byte(`{"sessionId":"s"}`))
			}
		}), nil)
		if err := n.Prefetch(t.Context(), ids(canary)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := told(t, n, canary); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	base, key := wire.Options{Base: "http://localhost/mainzelliste"}, wire.NewSecret("k")
	for name, o := range map[string]mainzelliste.Options{
		"no types": {Wire: base, Key: key}, "one type": {Wire: base, Key: key, IdentifierType: "a", NumberType: "a"},
		"no key": {Wire: base, IdentifierType: "a", NumberType: "b"}, "no base": {Key: key, IdentifierType: "a", NumberType: "b"},
	} {
		if _, err := mainzelliste.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
