package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// served is crflink serve as a program of its own, whose log is read.
type served struct {
	*job
	t       *testing.T
	program *exec.Cmd
	log     *bufio.Scanner
	lines   []string
	told    map[string]map[string]any // the last line of each message
}

// newServed writes a configuration for the job's study, and starts the program.
func newServed(t *testing.T, j *job, more string) *served {
	t.Helper()
	j.write(t, "serve.yaml", "crflink-serve: 1\ntimezone: Europe/Berlin\nstate: out/serve\nlisten: {address: 127.0.0.1:0}\nstudies:\n  - {file: study.yaml, schedule: \"0 0 29 2 *\", retries: 0}\n"+more)
	s := &served{job: j, t: t, told: map[string]map[string]any{}}
	s.start()
	return s
}

func (s *served) start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	s.t.Cleanup(cancel)
	s.program = s.command(ctx, "serve", "serve.yaml")
	errs, err := s.program.StderrPipe()
	must(s.t, err)
	must(s.t, s.program.Start())
	s.log = bufio.NewScanner(errs)
	s.log.Buffer(nil, 1<<20)
	s.await("crflink serves")
}

// await reads the log up to a line with a message, and returns that line.
func (s *served) await(message string) map[string]any {
	s.t.Helper()
	for s.log.Scan() {
		s.lines = append(s.lines, s.log.Text())
		var line map[string]any
		if err := json.Unmarshal(s.log.Bytes(), &line); err != nil {
			s.t.Fatalf("the log has the line %q", s.log.Text())
		}
		msg, _ := line["msg"].(string)
		s.told[msg] = line
		if msg == message {
			return line
		}
	}
	s.t.Fatalf("%q is not in the log:\n%s", message, strings.Join(s.lines, "\n"))
	return nil
}

func (s *served) signal(sig os.Signal) { must(s.t, s.program.Process.Signal(sig)) }

// end waits for the program's end.
func (s *served) end() int {
	s.t.Helper()
	for s.log.Scan() {
		s.lines = append(s.lines, s.log.Text())
	}
	_ = s.program.Wait() // its exit code is what counts
	return s.program.ProcessState.ExitCode()
}

func (s *served) do(args ...string) said {
	s.t.Helper()
	said := s.run(s.t, args...)
	if said.code != exitDone {
		s.t.Fatalf("crflink %v: %d %s", args, said.code, said.err)
	}
	return said
}

func TestServeRunsStudiesAndIsCommanded(t *testing.T) {
	t.Parallel()
	s := newServed(t, newJob(t, "files: ["+hospital(t, 4, 8)+"]"), "")
	if twice := s.run(t, "serve", "serve.yaml"); twice.code != exitServer || !strings.Contains(twice.err, "another crflink serve") {
		t.Errorf("a second one: %d %s", twice.code, twice.err)
	}
	if status := s.do("status", "serve.yaml"); !strings.Contains(status.out, "psma-registry  next 2028-02-29 00:00 CET  waits for its night") {
		t.Error(status.out)
	}
	s.env = append(s.env, "CRFLINK_ACTOR=Dr. A")
	s.do("jobs", "run", "serve.yaml", "psma-registry")
	if ended := s.await("run ended"); ended["state"] != "done" || ended["study"] != "psma-registry" {
		t.Errorf("%v", ended)
	}
	runs := s.do("runs", "serve.yaml")
	if !strings.Contains(runs.out, "asked for by Dr. A") || !strings.Contains(runs.out, "done") {
		t.Error(runs.out)
	}
	summary := s.do("runs", "serve.yaml", "--run", "1", "--html", "out/report.html")
	if summary.out != "" || !strings.Contains(s.read(t, "out/report.html"), "PSMA") {
		t.Error(summary.out)
	}
	if shown := s.do("runs", "serve.yaml", "--run", "1"); !strings.Contains(shown.out, "delivered") {
		t.Error(shown.out)
	}
	s.do("jobs", "pause", "serve.yaml", "psma-registry")
	if status := s.do("status", "serve.yaml"); !strings.Contains(status.out, "paused by Dr. A") {
		t.Error(status.out)
	}
	s.do("jobs", "continue", "serve.yaml", "psma-registry")
	for _, wrong := range [][]string{{"jobs", "run", "serve.yaml", "nothing"}, {"jobs", "cancel", "serve.yaml", "99"}} {
		if said := s.run(t, wrong...); said.code != exitServer || !strings.Contains(said.err, "no such study or run") {
			t.Errorf("%v: %d %s", wrong, said.code, said.err)
		}
	}
	s.signal(syscall.SIGTERM)
	if code := s.end(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, strings.Join(s.lines, "\n"))
	}
	if status := s.run(t, "status", "serve.yaml"); status.code != exitServer {
		t.Errorf("without the program: %d %s", status.code, status.err)
	}
	if runs := s.do("runs", "serve.yaml", "--json"); !strings.Contains(runs.out, `"state": "done"`) {
		t.Error(runs.out)
	}
	for _, name := range []string{"serve.db", "serve.lock"} {
		if info, err := os.Stat(s.path("out/serve/" + name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

func TestServeTakesAConfigurationWhenItIsRight(t *testing.T) {
	t.Parallel()
	s := newServed(t, newJob(t, "files: ["+hospital(t, 4, 2)+"]"), "")
	right := s.read(t, "serve.yaml")
	for _, wrong := range []string{right + "at-once: 0\n", strings.Replace(right, "study.yaml", "none.yaml", 1), strings.Replace(right, "127.0.0.1:0", "127.0.0.1:1", 1)} {
		s.write(t, "serve.yaml", wrong)
		s.signal(syscall.SIGHUP)
		s.await("the configuration was read again and stays as it was")
	}
	s.write(t, "serve.yaml", strings.Replace(right, "0 0 29 2 *", "30 1 1 1 *", 1))
	s.do("jobs", "reload", "serve.yaml")
	s.await("the configuration was read again")
	if status := s.do("status", "serve.yaml"); !strings.Contains(status.out, "-01-01 01:30") {
		t.Error(status.out)
	}
	s.signal(os.Interrupt)
	if code := s.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestServeStopsSoftlyThenHard: the hospital's server holds a run up; the first signal lets it go on, the second stops it, and
// it begins again with the next start.
func TestServeStopsSoftlyThenHard(t *testing.T) {
	t.Parallel()
	asked, open := make(chan struct{}, 1000), make(chan struct{})
	base := serving(t, 4, 4, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			asked <- struct{}{}
			select {
			case <-open:
				h.ServeHTTP(w, q)
			case <-q.Context().Done():
			}
		})
	})
	s := newServed(t, newJob(t, "fhir: "+base), "")
	s.do("jobs", "run", "serve.yaml", "psma-registry")
	<-asked
	s.signal(syscall.SIGTERM)
	s.await("no run begins any more; those under way go on")
	s.signal(syscall.SIGTERM)
	if ended := s.await("run ended"); ended["state"] != "waiting" {
		t.Errorf("%v", ended)
	}
	if code := s.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	close(open)
	s.start()
	if ended := s.await("run ended"); ended["state"] != "done" {
		t.Errorf("%v", ended)
	}
	s.signal(syscall.SIGTERM)
	s.end()
}

func TestARunThatFailsIsToldWithItsReason(t *testing.T) {
	t.Parallel()
	refusing := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	}
	j := newJob(t, "fhir: "+serving(t, 4, 2, refusing))
	s := newServed(t, j, "")
	s.do("jobs", "run", "serve.yaml", "psma-registry")
	if ended := s.await("run ended"); ended["state"] != "failed" || !strings.Contains(fmt.Sprint(ended["note"]), "401 Unauthorized") {
		t.Errorf("%v", ended)
	}
	j.write(t, "mapping.yaml", "nonsense: 1\n")
	s.do("jobs", "run", "serve.yaml", "psma-registry")
	if ended := s.await("run ended"); ended["state"] != "failed" || fmt.Sprint(ended["exit"]) != "2" {
		t.Errorf("%v", ended)
	}
	if runs := s.do("runs", "serve.yaml"); !strings.Contains(runs.out, "failed, exit code 2") || !strings.Contains(runs.out, "failed, exit code 4") {
		t.Error(runs.out)
	}
	if said := s.run(t, "runs", "serve.yaml", "--run", "2"); said.code != exitUsage {
		t.Errorf("%d %s", said.code, said.err)
	}
	s.signal(syscall.SIGTERM)
	s.end()
}
