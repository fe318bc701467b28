package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/synth"
)

// field is a hospital's server, a PostgreSQL with the study's vault, and what one process alone makes of them.
type field struct {
	cluster  *shared.Cluster
	hospital string
	dump     string
	files    map[string]string

	mu     sync.Mutex
	notify func(*http.Request) // of every request to the hospital
}

const workersConfig = "crflink-serve: 1\ntimezone: Europe/Berlin\nstate: serve\nstudies:\n  - {file: study.yaml, schedule: \"0 2 * * *\"}\n" +
	"stop: 20s\nworkers: {at-once: 2, at-source: 6, silence: 2s, patience: 40s}\n"

// newField serves patients with a latency as that of a real server.
func newField(t *testing.T, patients int, latency time.Duration) *field {
	t.Helper()
	f := &field{cluster: shared.Postgres(t)}
	f.cluster.Database(t, "study")
	server, err := synth.NewServer(synth.ServerConfig{})
	must(t, err)
	must(t, server.Generate(t.Context(), synth.Config{Seed: 11, Patients: patients}))
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.told(r)
		pause := time.NewTimer(latency)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-r.Context().Done():
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	f.hospital = "fhir: " + slow.URL + "/fhir"
	alone := f.host(t, "study")
	alone.sync(t)
	f.dump, f.files = f.ledger(t, alone), alone.delivered(t)
	return f
}

func (f *field) told(r *http.Request) {
	f.mu.Lock()
	notify := f.notify
	f.mu.Unlock()
	if notify != nil {
		notify(r)
	}
}

// when calls do, once, at the nth request for laboratory values from now on: then shards are being computed.
func (f *field) when(nth int, do func()) {
	var once sync.Once
	n := 0
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notify = func(r *http.Request) {
		if !strings.Contains(r.URL.Path, "/Observation") {
			return
		}
		f.mu.Lock()
		n++
		now := n >= nth
		f.mu.Unlock()
		if now {
			once.Do(do)
		}
	}
}

// night makes a database that has the vault of the run of one process, and no ledger.
func (f *field) night(t *testing.T, name string) {
	t.Helper()
	f.cluster.SQL(t, "postgres", "CREATE DATABASE "+name+" TEMPLATE study OWNER study")
	f.ask(t, name, "DROP SCHEMA ledger CASCADE; DELETE FROM meta WHERE name LIKE 'audit-anchor-%'")
}

func (f *field) address(database string) string {
	return fmt.Sprintf("postgres://study@127.0.0.1:%d/%s", f.cluster.Port, database)
}

// host is a machine with the study's files, and nothing else in common with others but the database.
func (f *field) host(t *testing.T, database string) *job {
	t.Helper()
	a := f.address(database)
	place := "\n\nvault: {postgres: \"" + a + "\", password-env: DB}\nledger: {postgres: \"" + a + "\", schema: ledger, password-env: DB}\n"
	j := newJob(t, f.hospital, "timezone: Europe/Berlin", "timezone: Europe/Berlin"+place)
	j.write(t, "serve.yaml", workersConfig)
	j.env = append(j.env, "DB="+f.cluster.Password)
	return j
}

// ledger is the canonical content of the host's ledger.
func (f *field) ledger(t *testing.T, j *job) string {
	t.Helper()
	study, _, err := pipeline.LoadStudy(j.path("study.yaml"))
	must(t, err)
	place := store.Place{Schema: study.Ledger.Schema}
	place.URL, place.Password = study.Ledger.Postgres, f.cluster.Password
	l, err := store.OpenPostgres(t.Context(), place, study.Dictionary)
	must(t, err)
	var b bytes.Buffer
	must(t, ecrf.Dump(t.Context(), &b, l))
	must(t, l.Close())
	return b.String()
}

func (f *field) ask(t *testing.T, database, statement string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "psql", "-X", "-A", "-v", "ON_ERROR_STOP=1", "-t", f.address(database), "-c", statement)
	cmd.Env = append(cmd.Environ(), "PGPASSWORD="+f.cluster.Password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// count has every write of a cell counted that is committed.
func (f *field) count(t *testing.T, database string) {
	t.Helper()
	f.ask(t, database, `CREATE TABLE public.written (subject bigint, slot bigint, repeat bigint);
		CREATE FUNCTION public.counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.written VALUES (NEW.subject, NEW.slot, NEW.repeat); RETURN NULL; END $$;
		CREATE TRIGGER counted AFTER INSERT OR UPDATE OF value, missing ON ledger.cell FOR EACH ROW EXECUTE FUNCTION public.counted()`)
}

// same compares what a distributed run came to with the run of one process, and finds cells that were written twice.
func (f *field) same(t *testing.T, j *job, database string) {
	t.Helper()
	if f.ledger(t, j) != f.dump {
		t.Error("the ledger differs from that of one process")
	}
	got := j.delivered(t)
	for name, content := range f.files {
		if got[name] != content {
			t.Errorf("%s differs from that of one process", name)
		}
	}
	cells := f.ask(t, database, "SELECT count(*) FROM ledger.cell")
	if written := f.ask(t, database, "SELECT count(*) FROM public.written"); written != cells {
		t.Errorf("%s cells were written %s times", cells, written)
	}
	if s := j.run(t, "audit", "verify", "study.yaml"); s.code != exitDone {
		t.Errorf("the audit is not sound: %s%s", s.out, s.err)
	}
	if left := f.ask(t, database, "SELECT count(*) FROM ledger.shard_offer"); left != "0" {
		t.Errorf("%s shards are left behind the run", left)
	}
}

// process is one that was started and may be killed.
type process struct {
	cmd   *exec.Cmd
	log   *watchedLog
	ended chan struct{}
}

// begin starts the program and kills it at the end of the test, if need be.
func (j *job) begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: j.command(context.WithoutCancel(t.Context()), args...), log: &watchedLog{said: map[string]chan struct{}{}}, ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Stdout = p.log, p.log
	must(t, j.starting(p.cmd))
	go func() { defer close(p.ended); _ = p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%v:\n%s", args, p.log)
		}
	})
	return p
}

// says waits until the process has written a text.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	select {
	case <-p.log.holds(text):
	case <-p.ended:
		if !strings.Contains(p.log.String(), text) {
			t.Fatalf("the process ended and never said %q: %s", text, p.log)
		}
	case <-t.Context().Done():
		t.Fatalf("the process never says %q", text)
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// worker is a process that works for others.
func (j *job) worker(t *testing.T) *process {
	t.Helper()
	p := j.begin(t, "worker", "serve.yaml")
	p.says(t, "crflink works")
	return p
}

// watchedLog keeps what is written and tells when it holds a text.
type watchedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	said map[string]chan struct{}
}

func (l *watchedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(b)
	for want, said := range l.said {
		if strings.Contains(l.text.String(), want) {
			close(said)
			delete(l.said, want)
		}
	}
	return n, err
}

func (l *watchedLog) holds(want string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := make(chan struct{})
	if strings.Contains(l.text.String(), want) {
		close(said)
		return said
	}
	l.said[want] = said
	return said
}

func (l *watchedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// workers starts workers on hosts of their own, on a new database.
func (f *field) workers(t *testing.T, database string, n int) (leader *job, all []*process) {
	t.Helper()
	f.night(t, database)
	for range n {
		all = append(all, f.host(t, database).worker(t))
	}
	f.count(t, database)
	return f.host(t, database), all
}

func (j *job) lead(t *testing.T) *process {
	t.Helper()
	return j.begin(t, j.syncArgs("--workers", "serve.yaml")...)
}

// done waits for the end of a process that has to come to a good one.
func (p *process) done(t *testing.T) {
	t.Helper()
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitDone && code != exitIncomplete {
		t.Fatalf("it ends with %d: %s", code, p.log)
	}
}

const stored = "a shard is stored"

// TestARunOfSeveralProcessesIsThatOfOne: whatever becomes of the processes and of the database meanwhile.
func TestARunOfSeveralProcessesIsThatOfOne(t *testing.T) {
	f := newField(t, 200, 4*time.Millisecond)
	t.Run("nothing happens", func(t *testing.T) {
		leader, workers := f.workers(t, "calm", 2)
		leader.lead(t).done(t)
		f.same(t, leader, "calm")
		for _, w := range workers {
			if !strings.Contains(w.log.String(), stored) {
				t.Error("a worker has computed nothing")
			}
			w.signal(syscall.SIGTERM)
			w.done(t)
		}
	})
	t.Run("a worker is killed", func(t *testing.T) {
		leader, workers := f.workers(t, "killed", 2)
		p := leader.lead(t)
		workers[0].says(t, stored)
		workers[0].signal(syscall.SIGKILL)
		p.done(t)
		f.same(t, leader, "killed")
	})
	t.Run("the leader is killed", func(t *testing.T) {
		leader, workers := f.workers(t, "orphaned", 1)
		first := leader.lead(t)
		workers[0].says(t, stored)
		first.signal(syscall.SIGKILL)
		<-first.ended
		second := f.host(t, "orphaned") // on another machine
		second.lead(t).done(t)
		f.same(t, second, "orphaned")
	})
	t.Run("a worker stands still and wakes up", func(t *testing.T) {
		leader, workers := f.workers(t, "asleep", 2)
		p := leader.lead(t)
		workers[0].says(t, stored)
		workers[0].signal(syscall.SIGSTOP)
		p.done(t)
		workers[0].signal(syscall.SIGCONT)
		workers[0].signal(syscall.SIGTERM)
		workers[0].done(t)
		f.same(t, leader, "asleep")
	})
	t.Run("the database is restarted", func(t *testing.T) {
		leader, workers := f.workers(t, "restarted", 1)
		p := leader.lead(t)
		workers[0].says(t, stored)
		f.cluster.Crash(t)
		p.done(t)
		f.same(t, leader, "restarted")
	})
	t.Run("a worker's network is cut", func(t *testing.T) {
		leader, _ := f.workers(t, "cut", 1)
		far := f.region(t).host(t, "cut")
		w := far.worker(t)
		p := leader.lead(t)
		w.says(t, stored)
		far.cut(true)
		p.done(t)
		far.cut(false)
		f.same(t, leader, "cut")
		w.signal(syscall.SIGTERM)
		w.done(t)
		f.same(t, leader, "cut")
	})
	t.Run("a shard ends every process that tries it", func(t *testing.T) {
		f.night(t, "poisoned")
		leader, victim := f.host(t, "poisoned"), f.host(t, "poisoned")
		leader.write(t, "serve.yaml", strings.Replace(workersConfig, "at-once: 2", "attempts: 1, at-once: 1", 1))
		victim.write(t, "serve.yaml", strings.Replace(workersConfig, "at-once: 2", "at-once: 5", 1))
		w := victim.worker(t)
		f.count(t, "poisoned")
		f.when(40, func() { w.signal(syscall.SIGKILL) })
		p := leader.lead(t)
		<-p.ended
		if code, text := p.cmd.ProcessState.ExitCode(), p.log.String(); code != exitIncomplete || !strings.Contains(text, "was given up: 1 attempts ended without a word") {
			t.Errorf("it ends with %d: %s", code, text)
		}
		if f.ledger(t, leader) == f.dump {
			t.Error("nothing was given up")
		}
		leader.lead(t).done(t)
		f.same(t, leader, "poisoned")
	})
}

// network lets connections through, until it is cut: then nothing comes through any more, and nobody is told.
type network struct {
	mu    sync.Mutex
	whole *sync.Cond
	is    bool // cut
}

func newNetwork(t *testing.T) *network {
	n := &network{}
	n.whole = sync.NewCond(&n.mu)
	t.Cleanup(func() { n.cut(false) })
	return n
}

func (n *network) cut(is bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.is = is
	n.whole.Broadcast()
}

// through returns an address from which connections lead to another one.
func (n *network) through(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go n.join(near, to)
		}
	}()
	return l.Addr().String()
}

func (n *network) join(near net.Conn, to string) {
	far, err := net.Dial("tcp", to)
	if err != nil {
		_ = near.Close()
		return
	}
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(way[1], &passage{way[0], n})
			_ = way[1].Close()
		}()
	}
}

// passage is one direction of a connection.
type passage struct {
	net.Conn
	n *network
}

func (p *passage) Read(b []byte) (int, error) {
	read, err := p.Conn.Read(b)
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	for p.n.is {
		p.n.whole.Wait()
	}
	return read, err
}
