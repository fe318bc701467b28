package main

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestTheEstimateAsksForNumbersAndForNothingElse reads what the server was asked.
func TestTheEstimateAsksForNumbersAndForNothingElse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	base := serving(t, 21, 12, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			mu.Lock()
			asked = append(asked, q.URL.RequestURI())
			mu.Unlock()
			h.ServeHTTP(w, q)
		})
	})
	j := newJob(t, "fhir: "+base)
	j.write(t, "mapping.yaml", strings.ReplaceAll(j.read(t, "mapping.yaml"), "29463-7", "99999-9")) // nobody is weighed
	s := j.run(t, "plan", "--estimate", j.path("study.yaml"))
	if s.code != 0 {
		t.Fatalf("exit code %d: %s", s.code, s.err)
	}
	found := regexp.MustCompile(`(?m)^ +Observation +(\d+) of (\d+)$`).FindStringSubmatch(s.out)
	if found == nil || found[1] == "0" || len(found[1]) > len(found[2]) || found[1] == found[2] {
		t.Errorf("the estimate says of observations: %v\n%s", found, s.out)
	}
	for _, q := range asked {
		if !strings.HasSuffix(q, "/metadata") && !strings.HasSuffix(q, "_summary=count") {
			t.Errorf("asked %s", q)
		}
	}
	if len(asked) < 5 {
		t.Errorf("asked only %q", asked)
	}
}
