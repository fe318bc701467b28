package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
)

// Metrics is what is told about all studies. It may be used from several goroutines.
type Metrics struct {
	registry *prometheus.Registry

	success, lag, tasks, overdue, withdrawals          *prometheus.GaugeVec // by study
	stage, patients, resources, rejected, cells, empty *prometheus.GaugeVec // by study and one more
	expiry, reached                                    *prometheus.GaugeVec
	ended                                              *prometheus.CounterVec
	took, requests                                     *prometheus.HistogramVec
}

// NewMetrics returns metrics that know nothing yet. standings is asked at each scrape.
func NewMetrics(version string, standings func() []schedule.Standing) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "crflink_" + name, Help: help}, labels)
		m.registry.MustRegister(g)
		return g
	}
	m.success = gauge("last_success_timestamp_seconds", "When the study's last run came to its end.", "study")
	m.lag = gauge("run_lag_seconds", "By how much the study's last run began later than it was due.", "study")
	m.tasks = gauge("tasks_open", "Tasks that wait for a person.", "study")
	m.overdue = gauge("tasks_overdue", "Tasks behind their deadline.", "study")
	m.withdrawals = gauge("withdrawals_open", "Withdrawals that wait for a person's word, or could not be carried out in every target.", "study")
	m.stage = gauge("stage_duration_seconds", "How long a stage of the study's last run took.", "study", "stage")
	m.reached = gauge("source_reached", "Of a study with several sources: 1 for one that answered in its last run, 0 for another.", "study", "source")
	m.patients = gauge("patients", "Patients of the study's last run, by what became of them.", "study", "outcome")
	m.resources = gauge("resources", "Resources of permitted patients in the study's last run, by what became of them.", "study", "outcome")
	m.rejected = gauge("resources_rejected", "Resources that the study's last run could not use, by reason.", "study", "reason")
	m.cells = gauge("cells", "Cells of the study's last run.", "study", "state")
	m.empty = gauge("cells_empty", "Empty cells of the study's last run, by reason.", "study", "reason")
	m.expiry = gauge("expiry_timestamp_seconds", "When a certificate or token is over.", "study", "of", "what")
	m.ended = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crflink_runs_total", Help: "Runs that ended, by what became of them."}, []string{"study", "state"})
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "crflink_run_duration_seconds", Help: "How long runs took.", Buckets: []float64{1, 10, 60, 300, 900, 1800, 3600, 7200, 14400, 28800},
	}, []string{"study"})
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "crflink_request_duration_seconds", Help: "How long servers took to answer, with reading the answer; status 0 is none.",
		Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100},
	}, []string{"host", "type", "status"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "crflink_build_info", Help: "The version that is at work.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.ended, m.took, m.requests, build, &queue{standings},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
}

// Requested counts a request of a run.
func (m *Metrics) Requested(o wire.Observed) {
	m.requests.WithLabelValues(o.Host, o.Type, strconv.Itoa(o.Status)).Observe(o.Took.Seconds())
}

// Ended counts a run that ended.
func (m *Metrics) Ended(r schedule.Run, state schedule.State) {
	m.ended.WithLabelValues(r.Job, string(state)).Inc()
	if state != schedule.Done {
		return
	}
	m.success.WithLabelValues(r.Job).Set(seconds(r.Ended))
	m.lag.WithLabelValues(r.Job).Set(r.Started.Sub(r.Due).Seconds())
	m.took.WithLabelValues(r.Job).Observe(r.Ended.Sub(r.Started).Seconds())
}

// Known says when a study was last run to its end before this program started.
func (m *Metrics) Known(study string, ended time.Time) {
	m.success.WithLabelValues(study).Set(seconds(ended))
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Expires says when a certificate or token is over.
func (m *Metrics) Expires(study, of, what string, at time.Time) {
	m.expiry.WithLabelValues(study, of, what).Set(seconds(at))
}

// Waits says what of a study waits for a person.
type Waits struct{ Tasks, Overdue, Withdrawals int }

// Waits says how much of a study waits for a person.
func (m *Metrics) Waits(study string, w Waits) {
	m.tasks.WithLabelValues(study).Set(float64(w.Tasks))
	m.overdue.WithLabelValues(study).Set(float64(w.Overdue))
	m.withdrawals.WithLabelValues(study).Set(float64(w.Withdrawals))
}

// Report tells the numbers of a study's last run. A number that is hidden is told as 0.
func (m *Metrics) Report(r report.Run) {
	study := r.Study.ID
	for _, v := range []*prometheus.GaugeVec{m.stage, m.reached, m.patients, m.resources, m.rejected, m.cells, m.empty} {
		v.DeletePartialMatch(prometheus.Labels{"study": study})
	}
	for _, s := range r.Stages {
		m.stage.WithLabelValues(study, s.Name).Set(s.Seconds)
	}
	for _, s := range r.Sources {
		answered := 1.0
		if s.Silent != "" {
			answered = 0
		}
		m.reached.WithLabelValues(study, s.Name).Set(answered)
	}
	set := func(v *prometheus.GaugeVec, numbers map[string]report.Count) {
		for label, n := range numbers {
			v.WithLabelValues(study, label).Set(float64(max(n, 0)))
		}
	}
	p := r.Patients
	set(m.patients, map[string]report.Count{
		"found": p.Found, "permitted": p.Permitted, "held": p.Held.Sum(), "excluded": p.Excluded.Sum(), "not-enrolled": p.NotEnrolled,
		"unidentified": p.Unidentified.Sum(), "failed": p.Failed.Sum(), "delivered": p.Delivered,
	})
	x := r.Resources
	set(m.resources, map[string]report.Count{"read": x.Read, "kept": x.Kept, "dropped": x.Dropped.Sum(), "rejected": x.Rejected.Sum()})
	set(m.rejected, x.Rejected)
	c := r.Cells
	set(m.cells, map[string]report.Count{"filled": c.Filled, "new": c.New, "changed": c.Changed, "unchanged": c.Unchanged, "vanished": c.Vanished})
	set(m.empty, c.Empty)
}

// queue tells how the jobs stand when it is asked.
type queue struct{ standings func() []schedule.Standing }

var (
	waiting = prometheus.NewDesc("crflink_runs_waiting", "Runs that are due and wait.", []string{"study"}, nil)
	running = prometheus.NewDesc("crflink_run_under_way", "1 while the study is run.", []string{"study"}, nil)
	paused  = prometheus.NewDesc("crflink_paused", "1 while the study's nights are kept waiting.", []string{"study"}, nil)
	next    = prometheus.NewDesc("crflink_next_run_timestamp_seconds", "When the study's next night is due.", []string{"study"}, nil)
)

// Describe names the metrics.
func (q *queue) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waiting, running, paused, next} {
		out <- d
	}
}

// Collect tells them.
func (q *queue) Collect(out chan<- prometheus.Metric) {
	for _, s := range q.standings() {
		tell := func(d *prometheus.Desc, v float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Job)
		}
		tell(waiting, float64(len(s.Waiting)))
		tell(running, truth(s.Running != nil))
		tell(paused, truth(s.Paused != nil))
		if !s.Next.IsZero() {
			tell(next, seconds(s.Next))
		}
	}
}

// Shards is how the shards of a study's run stand that several processes compute.
type Shards struct {
	Study                           string
	Waiting, Running, Done, GivenUp int
	Oldest                          time.Duration // how long the one has waited that waits longest
	Workers                         int           // processes that were there lately
	Lost                            int           // that this process has given up since it began
}

// Shards tells what is returned at each scrape.
func (m *Metrics) Shards(now func() []Shards) { m.registry.MustRegister(&shards{now}) }

type shards struct{ now func() []Shards }

var (
	shard   = prometheus.NewDesc("crflink_shards", "Shards of the run under way that several processes compute, by how they stand.", []string{"study", "state"}, nil)
	oldest  = prometheus.NewDesc("crflink_shard_wait_seconds", "How long the shard has waited for a process that waits longest.", []string{"study"}, nil)
	workers = prometheus.NewDesc("crflink_workers", "Processes that compute shards of the study, and were there lately.", []string{"study"}, nil)
	lost    = prometheus.NewDesc("crflink_shards_given_up_total", "Shards that were given up because they ended every process that tried them.", []string{"study"}, nil)
)

// Describe names the metrics.
func (q *shards) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{shard, oldest, workers, lost} {
		out <- d
	}
}

// Collect tells them.
func (q *shards) Collect(out chan<- prometheus.Metric) {
	for _, s := range q.now() {
		for state, n := range map[string]int{"waiting": s.Waiting, "running": s.Running, "done": s.Done, "given-up": s.GivenUp} {
			out <- prometheus.MustNewConstMetric(shard, prometheus.GaugeValue, float64(n), s.Study, state)
		}
		out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, s.Oldest.Seconds(), s.Study)
		out <- prometheus.MustNewConstMetric(workers, prometheus.GaugeValue, float64(s.Workers), s.Study)
		out <- prometheus.MustNewConstMetric(lost, prometheus.CounterValue, float64(s.Lost), s.Study)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
