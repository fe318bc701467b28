package operation

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/schedule"
)

// Config is a configuration file, checked.
type Config struct {
	File      string
	Zone      *time.Location
	State     string // folder of book, lock and socket
	Database  *Database
	Workers   *Workers // nil: every run is computed by the process that leads it
	Listen    Listen
	Traces    string // OTLP collector, "" for none
	Notify    Notify
	Nights    []Night
	Blackouts []schedule.Blackout
	AtOnce    int           // runs at the same time
	Keep      int           // runs of a study that the book remembers
	SoftStop  time.Duration // how long runs may go on after the program was told to stop
}

// Night is a study that is run.
type Night struct {
	Study      string // its file
	Schedule   string // "" is the study's own
	Priority   int
	Jitter     time.Duration
	Each       bool          // run every night that was missed, not only the newest
	Retries    int           // of a run that failed in passing
	RetryAfter time.Duration // pause before each
	Late       time.Duration // after which a night without a run is late
}

// Database is PostgreSQL in the place of the file serve.db.
type Database struct {
	URL, CA  string
	Password pipeline.SecretSpec
}

// Workers say how runs are computed by several processes.
type Workers struct {
	AtOnce   int           // shards that one process computes side by side
	AtSource int           // shards that all processes together compute side by side of one server
	Attempts int           // of a shard, before it is given up
	Silence  time.Duration // after which a shard is given to another process
	Patience time.Duration // with a database that does not answer
	Shard    time.Duration // after which a process leaves the rest of a shard to others
}

// UsualWorkers are those of a configuration that says nothing of them.
func UsualWorkers() *Workers {
	return &Workers{AtOnce: 8, AtSource: 16, Attempts: 3, Silence: time.Minute, Patience: 2 * time.Minute, Shard: 30 * time.Second}
}

// Listen says where metrics and health are told. Address is "" for nowhere.
type Listen struct {
	Address          string
	Token            pipeline.SecretSpec
	Certificate, Key string
}

// Usual settings.
const (
	usualListen     = "127.0.0.1:9464"
	usualKeep       = 400
	usualSoftStop   = 10 * time.Minute
	usualRetries    = 2
	usualRetryAfter = 15 * time.Minute
	usualLate       = 6 * time.Hour
)

// Load reads a configuration file. The error is a finding.List with everything that is wrong.
func Load(file string) (*Config, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- the file that the user named
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	l := &loader{doc: yamldoc.Parse(file, text), dir: filepath.Dir(file), config: &Config{File: file}}
	l.read()
	l.doc.Findings.Sort()
	if err := l.doc.Findings.Err(); err != nil {
		return nil, err
	}
	return l.config, nil
}

type loader struct {
	doc    *yamldoc.Doc
	dir    string
	config *Config
}

func (l *loader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, p)
}

func (l *loader) read() {
	root := l.doc.Root()
	f := root.Fields("crflink-serve", "timezone", "state", "database", "workers", "listen", "studies", "blackouts", "at-once", "keep", "stop", "traces", "notify")
	if v := f["crflink-serve"]; v.Text() != "1" {
		v.Errorf("begin the file with crflink-serve: 1", "the configuration's format is not 1")
	}
	c := l.config
	c.Zone = l.zone(root, f["timezone"])
	if c.State = l.path(f["state"].Text()); c.State == "" {
		root.Errorf("state: FOLDER for the book of runs", "state is missing")
	}
	c.AtOnce, c.Keep = l.atLeast(f["at-once"], 1, 1), l.atLeast(f["keep"], 10, usualKeep)
	c.SoftStop = l.duration(f["stop"], usualSoftStop)
	l.database(f["database"])
	l.workers(f["workers"])
	l.listen(f["listen"])
	l.notify(f["notify"])
	c.Traces = f["traces"].Fields("otlp")["otlp"].Text()
	for _, v := range f["studies"].Items() {
		l.night(v)
	}
	if len(c.Nights) == 0 {
		root.Errorf("studies: [{file: study.yaml}]", "there is no study to run")
	}
	for _, v := range f["blackouts"].Items() {
		l.blackout(v)
	}
	if _, ok := schedule.Allowed(time.Unix(0, 0), c.Zone, c.Blackouts); !ok {
		f["blackouts"].Errorf("", "the blackouts leave no time in which a run could begin")
	}
}

func (l *loader) zone(root, v yamldoc.Value) *time.Location {
	if !v.Exists() {
		root.Errorf("for example timezone: Europe/Berlin", "timezone is missing")
		return time.UTC
	}
	zone, err := time.LoadLocation(v.Text())
	if err != nil {
		v.Errorf("a name of the IANA time zone database, for example Europe/Berlin", "unknown time zone %q", v.Text())
		return time.UTC
	}
	return zone
}

func (l *loader) atLeast(v yamldoc.Value, least, usual int) int {
	if !v.Exists() {
		return usual
	}
	n := v.Int()
	if n < least {
		v.Errorf("", "%s must be at least %d", v.Key(), least)
	}
	return n
}

// duration reads 90s, 15m or 6h.
func (l *loader) duration(v yamldoc.Value, usual time.Duration) time.Duration {
	if !v.Exists() {
		return usual
	}
	d, err := time.ParseDuration(v.Text())
	if err != nil || d < 0 {
		v.Errorf("write it as 90s, 15m or 6h", "%q is no duration", v.Text())
	}
	return d
}

func (l *loader) night(v yamldoc.Value) {
	f := v.Fields("file", "schedule", "priority", "jitter", "missed", "retries", "retry-after", "late")
	n := Night{
		Study: l.path(f["file"].Text()), Schedule: f["schedule"].Text(), Jitter: l.duration(f["jitter"], 0),
		Retries: l.atLeast(f["retries"], 0, usualRetries), RetryAfter: l.duration(f["retry-after"], usualRetryAfter), Late: l.duration(f["late"], usualLate),
	}
	if f["priority"].Exists() {
		n.Priority = f["priority"].Int()
	}
	if n.Study == "" {
		v.Errorf("file: STUDY.yaml", "a study's file is missing")
	}
	if m := f["missed"]; m.Exists() {
		n.Each = m.OneOf("newest", "each") == "each"
	}
	if s := f["schedule"]; s.Exists() {
		if _, err := schedule.Parse(n.Schedule, l.config.Zone); err != nil {
			s.Errorf(`minute, hour, day of month, month, day of week: "30 1 * * *"`, "%v", err)
		}
	}
	l.config.Nights = append(l.config.Nights, n)
}

func (l *loader) blackout(v yamldoc.Value) {
	f := v.Fields("from", "to", "days")
	b, err := schedule.ParseBlackout(f["from"].Text(), f["to"].Text(), f["days"].Texts())
	if err != nil {
		v.Errorf("", "%v", err)
		return
	}
	l.config.Blackouts = append(l.config.Blackouts, b)
}

func (l *loader) secret(v yamldoc.Value, f map[string]yamldoc.Value, name string) pipeline.SecretSpec {
	return pipeline.ReadSecret(v, f, name, l.path)
}

func (l *loader) database(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f := v.Fields("postgres", "password-env", "password-file", "ca")
	d := &Database{URL: f["postgres"].Text(), CA: l.path(f["ca"].Text()), Password: l.secret(v, f, "password")}
	if d.URL == "" {
		v.Errorf("postgres://role@host:port/database", "postgres is missing")
	}
	l.config.Database = d
}

// leastSilence is what a process needs to say that it is at work.
const leastSilence = time.Second

func (l *loader) workers(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f, usual := v.Fields("at-once", "at-source", "attempts", "silence", "patience", "shard"), UsualWorkers()
	l.config.Workers = &Workers{
		AtOnce: l.atLeast(f["at-once"], 1, usual.AtOnce), AtSource: l.atLeast(f["at-source"], 1, usual.AtSource), Attempts: l.atLeast(f["attempts"], 1, usual.Attempts),
		Silence: l.duration(f["silence"], usual.Silence), Patience: l.duration(f["patience"], usual.Patience), Shard: l.duration(f["shard"], usual.Shard),
	}
	if l.config.Workers.Silence < leastSilence {
		f["silence"].Errorf("", "silence must be at least %s", leastSilence)
	}
}

// listen reads where others may ask. Beyond this machine it is refused without a token and a certificate.
func (l *loader) listen(v yamldoc.Value) {
	f := v.Fields("address", "token-env", "token-file", "certificate", "certificate-key")
	c := Listen{Address: usualListen, Token: l.secret(v, f, "token"), Certificate: l.path(f["certificate"].Text()), Key: l.path(f["certificate-key"].Text())}
	if a := f["address"]; a.Exists() {
		c.Address = a.Text()
	}
	if c.Address == "none" {
		c.Address = ""
	} else if local, err := isLocal(c.Address); err != nil {
		f["address"].Errorf("127.0.0.1:9464, or none", "%v", err)
	} else if !local && (c.Token.IsZero() || c.Certificate == "") {
		f["address"].Errorf("name token-env or token-file, certificate and certificate-key", "what is told beyond this machine needs a token and TLS")
	}
	if (c.Certificate == "") != (c.Key == "") {
		v.Errorf("", "certificate and certificate-key belong together")
	}
	l.config.Listen = c
}

func isLocal(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, errors.New("an address is HOST:PORT")
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback(), nil
}
