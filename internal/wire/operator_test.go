package wire_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/wire"
)

func operator(t *testing.T, handler http.HandlerFunc, operations ...string) *wire.Operator {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o, err := wire.NewOperator(wire.Options{Base: server.URL + "/fhir/gpas/", Pause: time.Microsecond, MaxPause: time.Millisecond, Retries: 2}, operations...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func TestAnOperatorCallsWhatItWasMadeFor(t *testing.T) {
	var got []string
	o := operator(t, func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		got = append(got, q.Method+" "+q.RequestURI+" "+q.Header.Get("Content-Type")+" "+string(b))
	}, "$pseudonymize", "$pseudonymize-allow-create")
	ignore := func(wire.Answer) error { return nil }
	if err := o.Post(t.Context(), "$pseudonymize", url.Values{"_count": {"2"}}, []byte(`{}`), ignore); err != nil {
		t.Error(err)
	}
	if err := o.Get(t.Context(), "$pseudonymize-allow-create", url.Values{"original": {"a|b"}}, ignore); err != nil {
		t.Error(err)
	}
	want := []string{"POST /fhir/gpas/$pseudonymize?_count=2 application/fhir+json {}", "GET /fhir/gpas/$pseudonymize-allow-create?original=a%7Cb  "}
	if !slices.Equal(got, want) {
		t.Errorf("sent %q\nwant %q", got, want)
	}
	for _, name := range []string{"$deletePseudonyms", "pseudonymize", "../$pseudonymize", ""} {
		if err := o.Post(t.Context(), name, nil, nil, ignore); err == nil {
			t.Errorf("%q was called", name)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d requests, want 2", len(got))
	}
}

func TestAnOperatorIsMadeForNamedOperationsOnly(t *testing.T) {
	for _, names := range [][]string{nil, {""}, {"$"}, {"Patient"}, {"$x/../y"}, {"$ok", "$a b"}} {
		if _, err := wire.NewOperator(wire.Options{Base: "http://localhost"}, names...); err == nil {
			t.Errorf("%q was accepted", names)
		}
	}
}

func TestAnOutcomeIsToldByItsCodesOnly(t *testing.T) {
	o := operator(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		_, _ = w.Write([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"PID-4711"},{"code":"PID-4711"}]}`))
	}, "$pseudonymize")
	err := o.Post(t.Context(), "$pseudonymize", nil, nil, func(wire.Answer) error { return nil })
	var status *wire.StatusError
	if !errors.As(err, &status) || !slices.Equal(status.Issues, []string{"not-found", "unreadable"}) {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), "4711") {
		t.Errorf("the error names the patient: %v", err)
	}
}

func TestWhatWasPostedIsNotRedirected(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		var followed atomic.Bool
		o := operator(t, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/elsewhere" {
				followed.Store(true)
				return
			}
			http.Redirect(w, q, "/elsewhere", code)
		}, "$x")
		if err := o.Post(t.Context(), "$x", nil, []byte(`{}`), func(wire.Answer) error { return nil }); err == nil || followed.Load() {
			t.Errorf("%d: %v, followed: %v", code, err, followed.Load())
		}
	}
}
