package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// gathered is an OTLP collector that keeps what it is sent.
type gathered struct {
	mu   sync.Mutex
	sent []byte
}

func (c *gathered) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	text, _ := io.ReadAll(q.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, text...)
}

func (c *gathered) all() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

func get(t *testing.T, url string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(q)
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return fmt.Sprintf("%d\n%s", answer.StatusCode, text)
}

// TestMonitoringIsToldNothingOfPatients runs a study on spoilt patients, whose server fails now and then and at last for good,
// and looks for tokens in metrics, traces, logs, status, the book and everything else that is left.
func TestMonitoringIsToldNothingOfPatients(t *testing.T) {
	t.Parallel()
	s := newSpoiler(t, pidSystem, numberSystem)
	folder := filepath.Join(t.TempDir(), "hospital")
	s.spoil(t, hospital(t, 13, 30), folder)
	var mu sync.Mutex
	n, broken := 0, false
	base := loaded(t, folder, func(w http.ResponseWriter, q *http.Request, h http.Handler) {
		mu.Lock()
		n++
		fail := broken || n == 12
		mu.Unlock()
		if fail {
			say(w, map[bool]int{true: 403, false: 500}[broken], "<html>"+canary+" "+q.URL.String())
			return
		}
		h.ServeHTTP(w, q)
	})
	traces := &gathered{}
	otlp := httptest.NewServer(traces)
	t.Cleanup(otlp.Close)
	hook := &gathered{}
	chat := httptest.NewServer(hook)
	t.Cleanup(chat.Close)
	j := newJob(t, "fhir: "+base)
	j.env = append(j.env, "HOOK="+chat.URL+"/"+canary)
	d := newServed(t, j, "traces: {otlp: "+otlp.URL+"/v1/traces}\nnotify: {webhooks: [{url-env: HOOK}]}\n")
	address := fmt.Sprintf("http://%v", d.told["health and metrics are told"]["address"])
	d.do("jobs", "run", "serve.yaml", "psma-registry")
	if ended := d.await("run ended"); ended["state"] != "done" {
		t.Fatalf("%v", ended)
	}
	mu.Lock()
	broken = true
	mu.Unlock()
	d.do("jobs", "run", "serve.yaml", "psma-registry")
	if ended := d.await("run ended"); ended["state"] != "failed" {
		t.Fatalf("%v", ended)
	}
	metrics := get(t, address+"/metrics")
	for _, line := range []string{`crflink_patients{outcome="delivered",study="psma-registry"}`, `status="500",type="`, `status="403",type="`, `crflink_runs_total{state="failed",study="psma-registry"} 1`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("%s is missing in the metrics", line)
		}
	}
	told := map[string]string{"metrics": metrics, "health": get(t, address+"/healthz") + get(t, address+"/readyz") + get(t, address+"/none")}
	for _, args := range [][]string{{"status", "serve.yaml", "--json"}, {"runs", "serve.yaml"}, {"runs", "serve.yaml", "--run", "1", "--json"}} {
		shown := d.do(args...)
		told[args[0]] = shown.out + shown.err
	}
	d.signal(syscall.SIGTERM)
	d.end()
	if told["notices"] = string(hook.all()); !strings.Contains(told["notices"], "run 2 failed with exit code 4") {
		t.Errorf("notices: %s", told["notices"])
	}
	told["log"], told["traces"] = strings.Join(d.lines, "\n"), string(traces.all())
	if !strings.Contains(told["traces"], "stage subjects") || !strings.Contains(told["traces"], "GET Consent") {
		t.Errorf("the traces are %d bytes", len(told["traces"]))
	}
	for what, text := range told {
		if found := trace([]byte(text)); found != "" {
			t.Errorf("a token is in the %s: %s", what, found)
		}
	}
	d.leaks(t, "serve", said{})
}

// TestASafetyLimitThatStoppedARunIsToldAtOnce lets most patients vanish from the source.
func TestASafetyLimitThatStoppedARunIsToldAtOnce(t *testing.T) {
	t.Parallel()
	hook := &gathered{}
	chat := httptest.NewServer(hook)
	t.Cleanup(chat.Close)
	j := newJob(t, "files: [hospital]")
	must(t, os.CopyFS(j.path("hospital"), os.DirFS(hospital(t, 4, 30))))
	j.env = append(j.env, "HOOK="+chat.URL)
	d := newServed(t, j, "notify: {webhooks: [{url-env: HOOK}]}\n")
	d.do("jobs", "run", "serve.yaml", "psma-registry")
	d.await("run ended")
	must(t, os.RemoveAll(j.path("hospital")))
	must(t, os.CopyFS(j.path("hospital"), os.DirFS(hospital(t, 4, 2))))
	d.do("jobs", "run", "serve.yaml", "psma-registry")
	if ended := d.await("run ended"); ended["state"] != "failed" || fmt.Sprint(ended["exit"]) != "4" {
		t.Errorf("%v", ended)
	}
	const sent = "a notice was sent" // before the run's end is told, or after it
	for told := d.told[sent]; told == nil || told["kind"] != "safety-limit"; told = d.await(sent) {
	}
	d.signal(syscall.SIGTERM)
	d.end()
	if told := string(hook.all()); !strings.Contains(told, `"kind":"safety-limit"`) || !strings.Contains(told, "delivered patients would be lost") {
		t.Error(told)
	}
}

// TestWhoAsksFromElsewhereShowsAToken: beyond this machine metrics need token and TLS; here, they are told to whoever is here.
func TestWhoAsksFromElsewhereShowsAToken(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(demanding("secret", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "told") })))
	t.Cleanup(server.Close)
	for token, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer secre": 401, "secret": 401, "Bearer secret": 200} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		must(t, err)
		q.Header.Set("Authorization", token)
		answer, err := server.Client().Do(q)
		must(t, err)
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%q: %d", token, answer.StatusCode)
		}
	}
}
