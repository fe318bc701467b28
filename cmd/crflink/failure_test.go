package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/synth"
)

// serving offers a synthetic hospital through a handler that may interfere, and returns its base.
func serving(t *testing.T, seed uint64, patients int, interfere func(http.Handler) http.Handler) string {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{})
	must(t, err)
	must(t, server.Generate(t.Context(), synth.Config{Seed: seed, Patients: patients}))
	listener := httptest.NewServer(interfere(server))
	t.Cleanup(listener.Close)
	return listener.URL + "/fhir"
}

func TestAFailureSaysWhatToDoAndHasItsExitCode(t *testing.T) {
	t.Parallel()
	source := "files: [" + hospital(t, 8, 6) + "]"
	for name, c := range map[string]struct {
		source string
		spoil  func(j *job)
		code   int
		says   []string
	}{
		"the server is down":       {"fhir: http://127.0.0.1:1/fhir", func(*job) {}, exitServer, []string{"connection refused", "is the server running"}},
		"the input is not there":   {"files: [nowhere]", func(*job) {}, exitUsage, []string{"nowhere"}},
		"no key":                   {source, func(j *job) { j.env = append(j.env, "CRFLINK_VAULT_KEY=") }, exitUsage, []string{"vault key", "openssl rand"}},
		"the key file is open":     {source, func(j *job) { j.keyFile(t, 0o644) }, exitUsage, []string{"chmod 600"}},
		"the key file is missing":  {source, func(j *job) { j.keyFile(t, 0) }, exitUsage, []string{"vault key", "no such file"}},
		"another key":              {source, func(j *job) { j.sync(t); j.env = append(j.env, "CRFLINK_VAULT_KEY=another"+testVaultKey) }, exitUsage, []string{"the key does not open this vault"}},
		"the vault is lost":        {source, func(j *job) { j.sync(t); must(t, os.Remove(j.path("out/state/vault.db"))) }, exitUsage, []string{"restore the vault from its backup"}},
		"the ledger is of another": {source, func(j *job) { j.sync(t); j.rename(t) }, exitUsage, []string{"belongs to study"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, c.source)
			c.spoil(j)
			before := files(t, j.dir)
			s := j.run(t, j.syncArgs()...)
			if s.code != c.code || s.out != "" {
				t.Errorf("exit code %d, want %d; it wrote %q", s.code, c.code, s.out)
			}
			for _, text := range c.says {
				if !strings.Contains(s.err, text) {
					t.Errorf("it does not say %q: %s", text, s.err)
				}
			}
			if strings.Contains(s.err, testVaultKey) {
				t.Error("it says the key")
			}
			if len(files(t, j.dir)) < len(before) {
				t.Error("files are gone")
			}
		})
	}
}

// keyFile makes the study read its key from a file of a mode; 0 makes none.
func (j *job) keyFile(t *testing.T, mode os.FileMode) {
	t.Helper()
	env := []string{}
	for _, e := range j.env {
		if !strings.HasPrefix(e, vaultKeyVariable+"=") {
			env = append(env, e)
		}
	}
	j.env = env
	if mode != 0 {
		j.write(t, "out/vault.key", testVaultKey)
		must(t, os.Chmod(j.path("out/vault.key"), mode))
	}
}

// rename gives the study and its dictionary another name, and its vault another study.
func (j *job) rename(t *testing.T) {
	t.Helper()
	for _, name := range []string{"dictionary.yaml", "mapping.yaml"} {
		j.write(t, name, strings.Replace(j.read(t, name), "study: psma-registry", "study: other-registry", 1))
	}
}

// TestAnInterruptStopsSoftlyAndKeepsWhatIsStored interrupts a run whose server has stopped answering. What was finished
// is kept, and running again ends as if nothing had happened.
func TestAnInterruptStopsSoftlyAndKeepsWhatIsStored(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var open atomic.Bool
	stuck := make(chan struct{}, 1000)
	base := serving(t, 9, 220, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if !open.Load() && asked.Add(1) > 1300 {
				stuck <- struct{}{}
				<-q.Context().Done()
				return
			}
			h.ServeHTTP(w, q)
		})
	})
	j := newJob(t, "fhir: "+base)
	c := j.command(t.Context(), j.syncArgs()...)
	var errs strings.Builder
	c.Stderr = &errs
	must(t, c.Start())
	<-stuck
	must(t, c.Process.Signal(syscall.SIGINT))
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitServer || !strings.Contains(errs.String(), "interrupted") || !strings.Contains(errs.String(), "running again") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	done, finished := j.checkpoints(t)
	if done == 0 || finished {
		t.Errorf("%d shards are stored, run finished: %v", done, finished)
	}
	open.Store(true)
	j.sync(t)
	dump, delivered := j.dump(t), j.delivered(t)
	calm := newJob(t, "fhir: "+base)
	calm.write(t, "out/state/vault.db", j.read(t, "out/state/vault.db"))
	calm.sync(t)
	calm.sameAs(t, "after an interrupt", dump, delivered)
	t.Logf("%d shards were stored at the interrupt", done)
}

// checkpoints returns how many shards of the newest run are stored, and whether it was finished.
func (j *job) checkpoints(t *testing.T) (done int, finished bool) {
	t.Helper()
	study, _, err := pipeline.LoadStudy(j.path("study.yaml"))
	must(t, err)
	ledger, err := store.OpenLedger(t.Context(), j.path("out/state/ledger.db"), study.Dictionary)
	must(t, err)
	defer func() { must(t, ledger.Close()) }()
	runs, err := ledger.Runs(t.Context())
	must(t, err)
	if len(runs) == 0 {
		return 0, false
	}
	shards, err := ecrf.Ledger(ledger).Checkpoints(t.Context(), runs[0].ID)
	must(t, err)
	return len(shards), runs[0].Finished
}
