package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/shared"
)

// region is where hosts are that reach hospital and database by cables of their own: as network namespaces, or where this user may not
// make any by connections through the test.
type region struct {
	*field
	net *shared.Network
}

func (f *field) region(t *testing.T) *region {
	t.Helper()
	r := &region{f, shared.NewNetwork(t)}
	if r.net == nil {
		t.Log("no network namespaces for this user: hosts are on the loopback")
	}
	return r
}

// addresses are those of database and hospital.
func (f *field) addresses() []string {
	return []string{fmt.Sprintf("127.0.0.1:%d", f.cluster.Port), strings.TrimSuffix(strings.TrimPrefix(f.hospital, "fhir: http://"), "/fhir")}
}

// outpost is a host of the region.
type outpost struct {
	*job
	cut  func(bool)
	near string // its study file, as on this machine
}

// home lets the test look at what is on the host.
func (o *outpost) home(t *testing.T) *job {
	t.Helper()
	o.write(t, "study.yaml", o.near)
	o.starts = nil
	return o.job
}

func (r *region) host(t *testing.T, database string) *outpost {
	t.Helper()
	o := &outpost{job: r.field.host(t, database)}
	var way func(string) string
	if r.net != nil {
		h := r.net.Host(t)
		o.starts, o.cut = h.Start, func(is bool) { h.Cut(t, is) }
		way = func(address string) string { return h.Reach(t, address) }
	} else {
		n := newNetwork(t)
		o.cut, way = n.cut, func(address string) string { return n.through(t, address) }
	}
	o.near = o.read(t, "study.yaml")
	text := o.near
	for _, address := range r.addresses() {
		text = strings.ReplaceAll(text, address, way(address))
	}
	o.write(t, "study.yaml", text)
	return o
}

// recovery is how long a night may stand still behind a fault.
const recovery = 150 * time.Second

// goesOn waits until more is stored of a night than before.
func (f *field) goesOn(t *testing.T, database string, leader *process) {
	t.Helper()
	until := time.After(recovery)
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	before := f.shards(t, database)
	for f.shards(t, database) <= before {
		select {
		case <-leader.ended:
			t.Fatalf("the night was over before the fault, with %d: %s", leader.cmd.ProcessState.ExitCode(), leader.log)
		case <-until:
			t.Fatal("nothing is stored any more")
		case <-every.C:
		}
	}
}

func (f *field) shards(t *testing.T, database string) int {
	t.Helper()
	n, err := strconv.Atoi(f.ask(t, database, "SELECT count(*) FROM ledger.checkpoint"))
	must(t, err)
	return n
}

// TestANightOfTwoThousandPatientsOutlivesItsFaults has two workers and a leader, each with a network of its own, and one fault behind
// the other. Many shards take too long, and are computed in parts.
func TestANightOfTwoThousandPatientsOutlivesItsFaults(t *testing.T) {
	const night = "night"
	f := newField(t, 2000, 2*time.Millisecond)
	f.night(t, night)
	r := f.region(t)
	host := func() *outpost {
		o := r.host(t, night)
		o.write(t, "serve.yaml", strings.Replace(workersConfig, "at-once: 2", "shard: 150ms, at-once: 2", 1))
		return o
	}
	first, second := host(), host()
	killed, sleeper := first.worker(t), second.worker(t)
	f.count(t, night)
	leader := host().lead(t)
	killed.says(t, stored)
	sleeper.says(t, stored)

	killed.signal(syscall.SIGKILL)
	f.goesOn(t, night, leader)
	again := first.worker(t) // on the same machine
	again.says(t, stored)

	sleeper.signal(syscall.SIGSTOP)
	f.goesOn(t, night, leader)
	first.cut(true) // now only the leader computes
	f.goesOn(t, night, leader)
	sleeper.signal(syscall.SIGCONT)
	f.goesOn(t, night, leader)

	f.cluster.Crash(t)
	f.goesOn(t, night, leader)

	leader.signal(syscall.SIGKILL)
	<-leader.ended
	first.cut(false)
	last := host()
	leader = last.lead(t)
	f.goesOn(t, night, leader)
	leader.done(t)

	f.same(t, last.home(t), night)
	for _, w := range []*process{sleeper, again} {
		w.signal(syscall.SIGTERM)
		w.done(t)
	}
	f.same(t, last.job, night)
	if parts := strings.Count(sleeper.log.String()+again.log.String()+killed.log.String(), "+1\""); parts == 0 {
		t.Error("no shard was computed in parts")
	}
}

// starting starts a command where the job's processes are.
func (j *job) starting(c *exec.Cmd) error {
	if j.starts == nil {
		return c.Start()
	}
	return j.starts(c)
}
