package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/crflink/crflink/internal/shared"
)

// crew are processes that compute the runs of one study together, over a PostgreSQL of their own.
type crew struct {
	place
	*hospital
	rig     *rig
	cluster *shared.Cluster
	first   string // address of a database in which a run was done
	nights  int    // that were measured: each has a database of its own
}

// effort is what a run of several processes took.
type effort struct {
	whole, computing time.Duration // on the clock
	cpu              time.Duration // of all processes but the database's
	shards           int
}

// atOnce is how many shards one process computes side by side.
const atOnce = 8

// workers measures first nights of one, two and four processes, from a server that takes 50 ms for each page, and what it costs to
// give shards out, from one that answers at once.
func workers(p place, patients, rounds int) ([]Figure, error) {
	return rigged(func(r *rig) ([]Figure, error) {
		h, err := newHospital(patients)
		if err != nil {
			return nil, err
		}
		defer h.Close()
		c := &crew{place: p, hospital: h, rig: r, cluster: shared.Postgres(r)}
		c.first = c.cluster.Database(r, "first")
		if _, err := c.lead(c.first, false); err != nil {
			return nil, err
		}
		scaled, err := c.scaling(patients)
		if err != nil {
			return nil, err
		}
		cost, err := c.overhead(rounds)
		return append(scaled, cost...), err
	})
}

func (c *crew) scaling(patients int) (figures []Figure, err error) {
	c.wait.Store(int64(50 * time.Millisecond))
	defer c.wait.Store(0)
	var alone effort
	for _, n := range []int{1, 2, 4} {
		e, err := c.together(n)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			alone = e
			continue
		}
		per := func(one, all time.Duration) float64 { return one.Seconds() / all.Seconds() / float64(n) }
		name := fmt.Sprintf("computing with %d processes / %d times one", n, n)
		against := fmt.Sprintf("%d patients in %d shards, 50 ms a page, %d shards at once in each process: %.1f s, one process %.1f s", patients, e.shards, atOnce, e.computing.Seconds(), alone.computing.Seconds())
		figures = append(figures, Figure{Name: name, Value: per(alone.computing, e.computing), Unit: "x", Against: against, Better: higher}.within(0.85, 0.95),
			Figure{Name: fmt.Sprintf("a run of %d processes / %d times one", n, n), Value: per(alone.whole, e.whole), Unit: "x",
				Against: fmt.Sprintf("the same runs from start to end: %.1f s, one process %.1f s", e.whole.Seconds(), alone.whole.Seconds()), Better: higher})
	}
	return figures, nil
}

// overhead compares a run that gives its shards out, to itself alone, with one that does not. Of each kind the least disturbed counts.
func (c *crew) overhead(rounds int) ([]Figure, error) {
	var plain, given []effort
	for range rounds {
		for _, side := range []struct {
			done *[]effort
			n    int
		}{{&plain, 0}, {&given, 1}} {
			e, err := c.together(side.n)
			if err != nil {
				return nil, err
			}
			*side.done = append(*side.done, e)
		}
	}
	least := func(of []effort, what func(effort) time.Duration) float64 {
		return what(slices.MinFunc(of, func(a, b effort) int { return cmp.Compare(what(a), what(b)) })).Seconds()
	}
	var figures []Figure
	for _, f := range []struct {
		name string
		what func(effort) time.Duration
	}{{"CPU time", func(e effort) time.Duration { return e.cpu }}, {"elapsed time", func(e effort) time.Duration { return e.computing }}} {
		without, with, shards := least(plain, f.what), least(given, f.what), given[0].shards
		figures = append(figures, Figure{Name: "overhead of a shard that is given out, " + f.name, Value: 1000 * (with - without) / float64(shards), Unit: "ms",
			Against: fmt.Sprintf("a run of one process, %.2f s; with %d shards given out %.2f s", without, shards, with), Better: lower})
	}
	return figures, nil
}

// together is a first night of n processes, one of which leads; of none it is an ordinary run.
func (c *crew) together(n int) (e effort, err error) {
	address, err := c.night()
	if err != nil {
		return e, err
	}
	var team []*exec.Cmd
	defer func() {
		for _, w := range team {
			_ = w.Process.Kill()
		}
	}()
	for i := 1; i < n; i++ {
		w, err := c.worker(fmt.Sprintf("worker%d", i), address)
		if err != nil {
			return e, err
		}
		team = append(team, w)
	}
	if e, err = c.lead(address, n > 0); err != nil {
		return e, err
	}
	for _, w := range team {
		_ = w.Process.Signal(syscall.SIGTERM)
		if err := w.Wait(); err != nil {
			return e, fmt.Errorf("a worker: %w\n%s", err, w.Stderr)
		}
		e.cpu += w.ProcessState.UserTime() + w.ProcessState.SystemTime()
	}
	team = nil
	shards, err := c.ask(address, "SELECT count(*) FROM ledger.checkpoint")
	if err != nil {
		return e, err
	}
	e.shards, err = strconv.Atoi(shards)
	return e, err
}

// night makes a database that has a vault, and nothing of any run.
func (c *crew) night() (address string, err error) {
	c.nights++
	name := fmt.Sprintf("night%d", c.nights)
	c.cluster.SQL(c.rig, "postgres", "CREATE DATABASE "+name+" TEMPLATE first OWNER first")
	address = strings.TrimSuffix(c.first, "first") + name
	_, err = c.ask(address, "DROP SCHEMA ledger CASCADE; DELETE FROM meta WHERE name LIKE 'audit-anchor-%'")
	return address, err
}

// host is a folder with the study's files, and all else in the database.
func (c *crew) host(name, address string) (study, config string, err error) {
	if study, err = c.serverStudy(name, c.base()); err != nil {
		return "", "", err
	}
	text, err := os.ReadFile(study) // #nosec G304 -- just written
	if err != nil {
		return "", "", err
	}
	place := fmt.Sprintf("\nvault: {postgres: %q, password-env: DB}\nledger: {postgres: %q, schema: ledger, password-env: DB}\n", address, address)
	if err := os.WriteFile(study, append(text, place...), 0o600); err != nil { // #nosec G703 -- a file in bench's own folder
		return "", "", err
	}
	config = filepath.Join(filepath.Dir(study), "serve.yaml")
	serve := fmt.Sprintf("crflink-serve: 1\ntimezone: Europe/Berlin\nstate: serve\nstudies: [{file: study.yaml}]\nworkers: {at-once: %d, at-source: %d}\n", atOnce, 4*atOnce)
	return study, config, os.WriteFile(config, []byte(serve), 0o600)
}

// worker starts a process that works for others, and waits until it does.
func (c *crew) worker(name, address string) (*exec.Cmd, error) {
	_, config, err := c.host(name, address)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(c.crflink, "worker", config) // #nosec G204 -- our own program
	cmd.Env = c.env()
	log := &readiness{when: "crflink works", is: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	select {
	case <-log.is:
		return cmd, nil
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		return nil, errors.Join(errors.New("a worker does not begin"), cmd.Wait(), errors.New(log.text.String()))
	}
}

func (c *crew) env() []string {
	return append(os.Environ(), "CRFLINK_VAULT_KEY="+benchKey, "DB="+c.cluster.Password)
}

// lead does the run.
func (c *crew) lead(address string, out bool) (e effort, err error) {
	study, config, err := c.host("leader", address)
	if err != nil {
		return e, err
	}
	cmd := c.syncCommand(study)
	cmd.Env = c.env()
	if out {
		cmd.Args = append(cmd.Args, "--workers", config)
	}
	var told, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &told, &log
	begin := time.Now()
	err = cmd.Run()
	e.whole = time.Since(begin)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 5) { // rejected resources are part of the corpus
		return e, fmt.Errorf("crflink sync: %w\n%s", err, log.String())
	}
	e.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	var report struct {
		Stages []struct {
			Name    string  `json:"name"`
			Seconds float64 `json:"seconds"`
		} `json:"stages"`
	}
	if err := json.Unmarshal(told.Bytes(), &report); err != nil {
		return e, fmt.Errorf("the report of a run: %w", err)
	}
	for _, s := range report.Stages {
		if s.Name == "compute" {
			e.computing = time.Duration(s.Seconds * float64(time.Second))
		}
	}
	if e.computing == 0 {
		return e, errors.New("the report of a run does not say how long it computed")
	}
	return e, nil
}

// ask asks a database as the study's role.
func (c *crew) ask(address, statement string) (string, error) {
	cmd := exec.Command("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", address, "-c", statement) // #nosec G204 -- a server of our own
	cmd.Env = append(os.Environ(), "PGPASSWORD="+c.cluster.Password)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// readiness is a log that is watched for a text.
type readiness struct {
	when string
	is   chan struct{}
	text bytes.Buffer
	told bool
}

func (l *readiness) Write(b []byte) (int, error) {
	n, err := l.text.Write(b)
	if !l.told && strings.Contains(l.text.String(), l.when) {
		l.told = true
		close(l.is)
	}
	return n, err
}

func (l *readiness) String() string { return l.text.String() }
