package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/synth"
)

// asOf is the moment that the generator's truth is about; it lies in the past, so that syncs replay.
const asOf = "2026-09-01T12:00:00+02:00"

// job is a study in a folder of its own, which child processes of the real program work on.
type job struct {
	dir    string
	env    []string
	starts func(*exec.Cmd) error // begins its processes; nil on this machine
}

// newJob copies the example study and replaces texts of its study file. Everything that it writes goes below the
// folder out.
func newJob(t testing.TB, source string, oldnew ...string) *job {
	t.Helper()
	j := &job{dir: t.TempDir()}
	must(t, os.CopyFS(j.dir, os.DirFS("../../configs/psma-registry")))
	must(t, os.Mkdir(j.path("tmp"), 0o700))
	text := j.read(t, "study.yaml")
	replace := append([]string{"fhir: http://127.0.0.1:18642/fhir", source, "../../out/demo", "out"}, oldnew...)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the example study has no %q", replace[i])
		}
	}
	j.write(t, "study.yaml", strings.NewReplacer(replace...).Replace(text))
	j.env = append(os.Environ(), "CRFLINK_VAULT_KEY="+testVaultKey, "TMPDIR="+j.path("tmp"))
	return j
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (j *job) path(name string) string { return filepath.Join(j.dir, name) }

func (j *job) read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(j.path(name))
	must(t, err)
	return string(text)
}

func (j *job) write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(j.path(name)), 0o700))
	must(t, os.WriteFile(j.path(name), []byte(text), 0o600))
}

// said is what a child wrote and how it ended.
type said struct {
	code     int // -1 when a signal ended it
	out, err string
}

func (j *job) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "crflink", args...)
	c.Dir, c.Env = j.dir, j.env
	return c
}

// run runs the program to its end.
func (j *job) run(t testing.TB, args ...string) said {
	t.Helper()
	return j.start(t, args...)()
}

// start starts the program and returns what waits for its end.
func (j *job) start(t testing.TB, args ...string) (end func() said) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	c := j.command(ctx, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	must(t, c.Start())
	return func() said {
		t.Helper()
		defer cancel()
		var exit *exec.ExitError
		if err := c.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatalf("crflink %v hangs", args)
		}
		return said{c.ProcessState.ExitCode(), out.String(), errs.String()}
	}
}

func (j *job) syncArgs(more ...string) []string {
	return append([]string{"sync", "study.yaml", "--as-of", asOf, "--replay"}, more...)
}

// sync runs a sync that must be done, with or without rejected resources.
func (j *job) sync(t testing.TB, more ...string) said {
	t.Helper()
	s := j.run(t, j.syncArgs(more...)...)
	if s.code != exitDone && s.code != exitIncomplete {
		t.Fatalf("sync ends with %d: %s", s.code, s.err)
	}
	return s
}

// dump is the canonical content of the ledger.
func (j *job) dump(t testing.TB) string {
	t.Helper()
	study, _, err := pipeline.LoadStudy(j.path("study.yaml"))
	must(t, err)
	ledger, err := store.OpenLedger(t.Context(), j.path("out/state/ledger.db"), study.Dictionary)
	must(t, err)
	var b bytes.Buffer
	must(t, ecrf.Dump(t.Context(), &b, ledger))
	must(t, ledger.Close())
	return b.String()
}

// delivered returns the content of all files below out but those of the state, by name.
func (j *job) delivered(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t, j.path("out")) {
		if name == "state" || strings.HasPrefix(name, "state/") {
			continue
		}
		all[name] = j.read(t, filepath.Join("out", name))
	}
	return all
}

// files lists the regular files below a folder, by their path in it.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	}))
	slices.Sort(names)
	return names
}

// hospital writes synthetic patients into a folder and returns it.
func hospital(t testing.TB, seed uint64, patients int) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "hospital")
	_, err := synth.Write(t.Context(), synth.Config{Seed: seed, Patients: patients}, folder)
	must(t, err)
	must(t, os.Remove(filepath.Join(folder, synth.TruthFile)))
	return folder
}
