// Package deploy holds what others need to run and watch crflink. Its tests hold it together with the program.
package deploy_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/telemetry"
)

// scraped is what Prometheus would get of a study that was run.
func scraped(t *testing.T) string {
	t.Helper()
	night := time.Date(2026, 9, 1, 1, 30, 0, 0, time.UTC)
	run := schedule.Run{ID: 1, Job: "psma", Due: night, Started: night.Add(time.Minute), Ended: night.Add(time.Hour)}
	m := telemetry.NewMetrics("v1", func() []schedule.Standing { return []schedule.Standing{{Job: "psma", Next: night}} })
	m.Shards(func() []telemetry.Shards { return []telemetry.Shards{{Study: "psma", Waiting: 3, Workers: 2}} })
	m.Ended(run, schedule.Done)
	m.Ended(run, schedule.Failed)
	m.Requested(wire.Observed{Host: "fhir.example", Type: "Patient", Status: 200, Took: time.Second})
	m.Expires("psma", "source hospital", "certificate", night)
	m.Waits("psma", telemetry.Waits{Tasks: 2, Overdue: 1, Withdrawals: 3})
	r := report.Run{
		Study: report.Study{ID: "psma"}, Stages: []report.Stage{{Name: "decide", Seconds: 2}},
		Sources: []report.Source{{Name: "north", Patients: 12}, {Name: "south", Silent: "no answer"}},
	}
	r.Resources.Rejected.Add("it does not say whose it is", 2)
	r.Cells.Empty.Add("not-done", 2)
	m.Report(r)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		shared.Absent(t, "promtool is not on the PATH; make setup installs it")
		return
	}
	c := exec.CommandContext(t.Context(), "promtool", args...) // #nosec G204 -- a test
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestTheMetricsAreWellFormed(t *testing.T) { promtool(t, scraped(t), "check", "metrics") }

func TestTheAlertsAreRaisedWhenTheyShould(t *testing.T) {
	promtool(t, "", "check", "rules", "prometheus/crflink.rules.yaml")
	promtool(t, "", "test", "rules", "prometheus/crflink.rules.test.yaml")
}

var metric = regexp.MustCompile(`\b(crflink|go|process)_[a-z_]+\b`)

func names(text string) (all []string) {
	for _, name := range metric.FindAllString(text, -1) {
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			name = strings.TrimSuffix(name, suffix)
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestAlertsAndDashboardKnowTheMetricsThatThereAre also the other way round: each metric is shown or told of.
func TestAlertsAndDashboardKnowTheMetricsThatThereAre(t *testing.T) {
	there := names(scraped(t))
	rules, err := os.ReadFile("prometheus/crflink.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dashboard, err := os.ReadFile("grafana/crflink.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &board); err != nil || len(board.Panels) < 10 {
		t.Fatal(err, len(board.Panels))
	}
	used := names(string(rules) + string(dashboard))
	for _, name := range used {
		if !slices.Contains(there, name) {
			t.Errorf("%s is asked for, and is not there", name)
		}
	}
	for _, name := range there {
		if strings.HasPrefix(name, "crflink_") && !slices.Contains(used, name) && name != "crflink_build_info" && name != "crflink_run_duration_seconds" {
			t.Errorf("%s is told, and neither shown nor alerted on", name)
		}
	}
	var expressions bytes.Buffer
	expressions.WriteString("groups: [{name: dashboard, rules: [")
	for _, p := range board.Panels {
		for _, x := range p.Targets {
			text, err := json.Marshal(strings.ReplaceAll(x.Expr, "$study", "psma"))
			if err != nil {
				t.Fatal(err)
			}
			expressions.WriteString("{record: x, expr: " + string(text) + "},")
		}
	}
	expressions.WriteString("]}]")
	file := t.TempDir() + "/dashboard.yaml"
	if err := os.WriteFile(file, expressions.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", "--lint=none", file)
}
