package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestMetricsTellTheLastRunAndForgetTheOneBefore(t *testing.T) {
	night := time.Date(2026, 9, 1, 1, 30, 0, 0, time.UTC)
	m := NewMetrics("v1", func() []schedule.Standing {
		return []schedule.Standing{{Job: "s", Paused: &schedule.Pause{}, Waiting: make([]schedule.Run, 2)}}
	})
	run := schedule.Run{Job: "s", Due: night, Started: night.Add(90 * time.Second), Ended: night.Add(time.Hour)}
	m.Ended(run, schedule.Done)
	first := report.Run{Study: report.Study{ID: "s"}}
	first.Resources.Rejected.Add("old reason", 3)
	first.Patients.Delivered = 40
	m.Report(first)
	second := report.Run{Study: report.Study{ID: "s"}}
	second.Resources.Rejected.Add("new reason", 1)
	second.Patients.Delivered = -5 // hidden
	m.Report(second)
	m.Shards(func() []Shards {
		return []Shards{{Study: "s", Waiting: 7, Running: 2, Done: 1, GivenUp: 3, Oldest: 90 * time.Second, Workers: 4, Lost: 5}}
	})
	text := scrape(t, m)
	for _, line := range []string{
		`crflink_shards{state="waiting",study="s"} 7`, `crflink_shards{state="running",study="s"} 2`, `crflink_shards{state="done",study="s"} 1`,
		`crflink_shards{state="given-up",study="s"} 3`, `crflink_shard_wait_seconds{study="s"} 90`, `crflink_workers{study="s"} 4`, `crflink_shards_given_up_total{study="s"} 5`,
		`crflink_last_success_timestamp_seconds{study="s"} 1.7882298e+09`, `crflink_run_lag_seconds{study="s"} 90`, `crflink_runs_total{state="done",study="s"} 1`,
		`crflink_resources_rejected{reason="new reason",study="s"} 1`, `crflink_patients{outcome="delivered",study="s"} 0`,
		`crflink_paused{study="s"} 1`, `crflink_runs_waiting{study="s"} 2`, `crflink_build_info{version="v1"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
	if strings.Contains(text, "old reason") {
		t.Error("the run before is still told")
	}
}

// TestTracesHaveNoPath sends requests whose paths and queries name patients.
func TestTracesHaveNoPath(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "Observation") {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, "canary")
	}))
	defer server.Close()
	kept := tracetest.NewInMemoryExporter()
	traces := newTraces(kept, "v1")
	var requested []wire.Observed
	ctx, watch := traces.Run(t.Context(), schedule.Run{ID: 7, Job: "s"}, func(o wire.Observed) { requested = append(requested, o) })
	r, err := wire.NewReader(wire.Options{Base: server.URL + "/fhir", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ask := func(path, query string) {
		target := r.Base().JoinPath(path)
		target.RawQuery = query
		_ = r.Get(ctx, target, func(a wire.Answer) error { _, err := io.ReadAll(a.Body); return err })
	}
	watch.Stage("consent", -1)
	ask("Patient/canary-1", "")
	watch.Add(3)
	watch.Stage("subjects", 3)
	ask("Observation", "patient=canary-2")
	ask("Canary-7731-token", "")
	watch.End(schedule.Result{State: schedule.Failed, Exit: 4, Note: "canary"})
	if err := traces.provider.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	spans := kept.GetSpans()
	for _, s := range spans {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	var got []string
	for _, s := range spans {
		got = append(got, names[s.Parent.SpanID().String()]+" > "+s.Name+" "+s.Status.Code.String())
		for _, a := range s.Attributes {
			if strings.Contains(strings.ToLower(a.Value.String()+s.Name), "canary") {
				t.Errorf("%s has %s=%s", s.Name, a.Key, a.Value.String())
			}
		}
	}
	slices.Sort(got)
	want := []string{" > run Error", "run > stage consent Unset", "run > stage subjects Unset",
		"stage consent > GET Patient Unset", "stage subjects > GET Observation Error", "stage subjects > GET other Unset"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if len(requested) != 3 || requested[0].Type != "Patient" || requested[1].Status != 403 || requested[2].Type != "other" {
		t.Errorf("%+v", requested)
	}
	if err := traces.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	ctx, watch := new(Traces).Run(t.Context(), schedule.Run{}, func(wire.Observed) {})
	watch.Stage("a", 1)
	watch.Add(1)
	watch.request(wire.Observed{})
	watch.End(schedule.Result{})
	if err := new(Traces).Close(ctx); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "localhost:4318", "http://u:p@host"} {
		if _, err := NewTraces(t.Context(), bad, "v"); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
