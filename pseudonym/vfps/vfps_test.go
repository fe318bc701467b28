package vfps_test

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
	"github.com/crflink/crflink/pseudonym/vfps"
	"github.com/crflink/crflink/pseudonym/vfps/fakevfps"
)

const canary = "PID-4711-canary"

func ids(values ...string) (all []pseudonym.Identity) {
	for _, v := range values {
		all = append(all, pseudonym.Identity{System: "https://h.example/pid", Value: v})
	}
	return all
}

func service() *fakevfps.Server {
	s := fakevfps.New()
	s.AddNamespace("psma", "PSMA-", "^P")
	return s
}

func numbers(t *testing.T, handler http.Handler, change func(*vfps.Options)) *vfps.Numbers {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := vfps.Options{Namespace: "psma", Site: "S1",
		Wire: wire.Options{Base: server.URL + "/v1/fhir/", Retries: 2, Pause: time.Microsecond, MaxPause: time.Millisecond}}
	if change != nil {
		change(&o)
	}
	n, err := vfps.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func creating(o *vfps.Options) { o.Create = true }

// told is what is known about a patient: a number, "" for not enrolled, or the failure.
func told(t *testing.T, n *vfps.Numbers, value string) string {
	t.Helper()
	e, ok, err := n.Number(ids(value)[0], nil)
	switch {
	case err != nil && (ok || e.Number != ""):
		t.Errorf("%s: a number beside a failure: %v %v", value, e, err)
	case err != nil:
		if strings.Contains(err.Error(), value) {
			t.Errorf("the error names the patient: %v", err)
		}
		return "failed: " + err.Error()
	case ok == (e.Number == "") || ok && e.Site != "S1":
		t.Errorf("%s: %v %v", value, e, ok)
	}
	return e.Number
}

func TestAPseudonymIsReadOrCreated(t *testing.T) {
	s := service()
	s.Insert("psma", "P-known", "PSMA-1")
	n := numbers(t, s, nil)
	if err := n.Prefetch(t.Context(), ids("P-known", "P-new", "X-rule")); err != nil {
		t.Fatal(err)
	}
	if told(t, n, "P-known") != "PSMA-1" || told(t, n, "P-new") != "" || s.Len("psma") != 1 || !strings.Contains(told(t, n, "X-rule"), "rule of the namespace") {
		t.Errorf("reading: %q %q %q, %d pseudonyms", told(t, n, "P-known"), told(t, n, "P-new"), told(t, n, "X-rule"), s.Len("psma"))
	}
	n = numbers(t, s, creating)
	if err := n.Prefetch(t.Context(), ids("P-known", "P-new", "X-rule")); err != nil {
		t.Fatal(err)
	}
	if told(t, n, "P-known") != "PSMA-1" || !strings.HasPrefix(told(t, n, "P-new"), "PSMA-0") || s.Len("psma") != 2 || !strings.Contains(told(t, n, "X-rule"), "rule of the namespace") {
		t.Errorf("creating: %q %q %q, %d pseudonyms", told(t, n, "P-known"), told(t, n, "P-new"), told(t, n, "X-rule"), s.Len("psma"))
	}
}

func TestManyPatientsAreAskedForOnceAndAtTheSameTime(t *testing.T) {
	s := service()
	s.Latency = 20 * time.Millisecond
	var all []string
	for i := range 100 {
		all = append(all, fmt.Sprintf("P%d", i))
	}
	n := numbers(t, s, creating)
	for range 2 {
		if err := n.Prefetch(t.Context(), ids(all...)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Calls()) != 100 || s.AtOnce() < 2 {
		t.Errorf("%d calls, %d at once", len(s.Calls()), s.AtOnce())
	}
}

func TestRefusalsEndTheRunAndNameNobody(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*fakevfps.Server)
		change func(*vfps.Options)
		want   string
	}{
		"unknown namespace":           {nil, func(o *vfps.Options) { o.Namespace = "nowhere" }, "404 Not Found (processing)"},
		"unknown namespace, creating": {nil, func(o *vfps.Options) { o.Namespace, o.Create = "nowhere", true }, "404 Not Found (processing)"},
		"another's namespace":         {func(s *fakevfps.Server) { s.Forbid("psma") }, nil, "403"},
		"too old to read":             {func(s *fakevfps.Server) { s.Old = true }, nil, "404"},
		"no credentials":              {func(s *fakevfps.Server) { s.Token = "t" }, nil, "401"},
	} {
		s := service()
		if c.spoil != nil {
			c.spoil(s)
		}
		var log bytes.Buffer
		n := numbers(t, s, func(o *vfps.Options) {
			o.Wire.Log = func(a wire.Attempt) { fmt.Fprintln(&log, a) }
			if c.change != nil {
				c.change(o)
			}
		})
		err := n.Prefetch(t.Context(), ids(canary, "P-other"))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error()+log.String(), canary) || len(s.Calls()) != 1 {
			t.Errorf("%s: %d calls, %v\n%s", name, len(s.Calls()), err, &log)
		}
		if got := told(t, n, canary); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestFaultsAreOvercomeOrGiveNoNumber(t *testing.T) {
	for _, f := range []fake.Fault{fake.Unavailable, fake.Truncated, fake.HTML, fake.Cut} {
		s := service()
		s.Break(f, f)
		n := numbers(t, s, creating)
		if err := n.Prefetch(t.Context(), ids(canary)); err != nil || !strings.HasPrefix(told(t, n, canary), "PSMA-") || s.Len("psma") != 1 {
			t.Errorf("fault %d: %v", f, err)
		}
		s.Break(f, f, f)
		if err := n.Prefetch(t.Context(), ids("P2", "P3")); err != nil || !strings.HasPrefix(told(t, n, "P2"), "failed: ") || !strings.HasPrefix(told(t, n, "P3"), "PSMA-") {
			t.Errorf("fault %d, one patient: %v %q %q", f, err, told(t, n, "P2"), told(t, n, "P3"))
		}
		s.Break(f, f, f)
		if err := n.Prefetch(t.Context(), ids("P4")); err == nil || !strings.HasPrefix(told(t, n, "P4"), "failed: ") {
			t.Errorf("fault %d, down: %v %q", f, err, told(t, n, "P4"))
		}
	}
}

func TestAnswersThatDoNotFitGiveNoNumber(t *testing.T) {
	answer := func(namespace, original, pseudonym string) string {
		return fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"namespace","valueString":%q},{"name":"originalValue","valueString":%q},{"name":"pseudonymValue","valueString":%q}]}`, namespace, original, pseudonym)
	}
	for name, body := range map[string]string{
		"another namespace": answer("other", canary, "1"), "another patient": answer("psma", "P", "1"), "no pseudonym": answer("psma", canary, ""),
		"the original": answer("psma", canary, canary), "nothing": `{"resourceType":"Parameters"}`,
	} {
		n := numbers(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }), nil)
		if err := n.Prefetch(t.Context(), ids(canary)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := told(t, n, canary); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := vfps.New(vfps.Options{Wire: wire.Options{Base: "http://localhost/v1/fhir"}}); err == nil {
		t.Error("no namespace was accepted")
	}
}
