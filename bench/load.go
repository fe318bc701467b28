package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/crflink/crflink/synth"
)

// benchKey opens the vaults of synthetic patients.
const benchKey = "a key for measurements only, never for patients 0123456789"

// place is where a program under measurement works: crflink and bench, built from this tree, and folders.
type place struct {
	folder  string
	crflink string
	self    string // this program, which also runs the naive pipeline as a process of its own
}

func newPlace(folder string) (place, error) {
	p := place{folder: folder, crflink: filepath.Join(folder, "crflink"), self: filepath.Join(folder, "bench")}
	for program, source := range map[string]string{p.crflink: "./cmd/crflink", p.self: "./bench"} {
		if err := install(program, source); err != nil {
			return p, err
		}
	}
	return p, nil
}

// install builds a program and copies it to its place, as a site does: more pages of a file that the linker has just written are
// mapped into a process than of a copy.
func install(program, source string) error {
	linked := program + ".linked"
	build := exec.Command("go", "build", "-o", linked, source) // #nosec G204 -- our own programs
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, out)
	}
	if out, err := exec.Command("install", linked, program).CombinedOutput(); err != nil { // #nosec G204 -- in bench's own folder
		return fmt.Errorf("install %s: %w\n%s", source, err, out)
	}
	return os.Remove(linked)
}

// example is the example study's folder in the repository.
const example = "configs/psma-registry"

// study writes a copy of the example study that reads the corpus, delivers CSV and keeps its state in a folder.
func (p place) study(c corpus, state string) (string, error) {
	folder := filepath.Join(p.folder, "studies", state)
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	home := filepath.Join(folder, "configs", "study")
	if err := os.CopyFS(home, os.DirFS(example)); err != nil {
		return "", err
	}
	file := filepath.Join(home, "study.yaml")
	text, err := os.ReadFile(file) // #nosec G304 -- just copied
	if err != nil {
		return "", err
	}
	edited, err := redirect(string(text), c.folder)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, []byte(edited), 0o600) // #nosec G703 -- a file in bench's own folder
}

// redirect lets the example study read files from a folder, and leaves it one target: CSV.
func redirect(text, input string) (string, error) {
	for _, block := range []struct{ key, lines string }{
		{"sources:", fmt.Sprintf("sources:\n  - {name: hospital, files: %q}\n", input)},
		{"targets:", "targets:\n  - {name: tables, kind: csv, folder: ../../out/tables}\n"},
	} {
		before, rest, ok := strings.Cut(text, "\n"+block.key+"\n")
		if !ok {
			return "", fmt.Errorf("the example study has no block %s: bring bench/load.go up to date", block.key)
		}
		text = before + "\n" + block.lines + unindented(rest)
	}
	const outputs = "outputs: [tables, odm, imaging]"
	if !strings.Contains(text, outputs) {
		return "", fmt.Errorf("the example study's recipient has no %s: bring bench/load.go up to date", outputs)
	}
	return strings.Replace(text, outputs, "outputs: [tables, imaging]", 1), nil
}

// unindented returns the text from its first line on that is not indented.
func unindented(text string) string {
	for strings.HasPrefix(text, " ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// sync runs crflink sync. Rejected resources are part of the corpus, so its exit code is 5.
func (p place) sync(study string) (usage, error) {
	return run(p.syncCommand(study), 5)
}

// alone runs crflink sync from a small process of its own, because a child's peak of memory begins with that of its parent.
func (p place) alone(study string) (usage, error) {
	sync := p.syncCommand(study)
	cmd := exec.Command(p.self, append([]string{"-alone"}, sync.Args...)...) // #nosec G204 -- this program
	cmd.Env = sync.Env
	out, err := cmd.Output()
	if err != nil {
		return usage{}, fmt.Errorf("measure crflink sync: %w", err)
	}
	var u usage
	_, err = fmt.Sscan(string(out), &u.peak, &u.cpu, &u.took)
	return u, err
}

// peak returns the most memory that crflink sync has resident, in MiB.
func (p place) peak(study string) (float64, error) {
	u, err := p.alone(study)
	return u.mib(), err
}

func (p place) syncCommand(study string) *exec.Cmd {
	y, m, d := synth.DefaultAsOf.Date()
	asOf := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	cmd := exec.Command(p.crflink, "sync", study, "--as-of", asOf, "--replay", "--json") // #nosec G204 -- our own program
	cmd.Env = append(os.Environ(), "CRFLINK_VAULT_KEY="+benchKey)
	return cmd
}

// naive runs the naive pipeline as a process.
func (p place) naive(c corpus, variant string) (usage, error) {
	database := filepath.Join(p.folder, "naive.db")
	for _, name := range []string{database, database + "-wal", database + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return usage{}, err
		}
	}
	return run(exec.Command(p.self, "-naive", variant, "-corpus", c.folder, "-database", database)) // #nosec G204 -- this program
}

// load compares crflink with the naive pipeline, and a second run with the first.
func load(p place, c corpus, rounds int) ([]Figure, error) {
	var file string
	var ours, theirs []float64 // seconds on the clock
	first := func() (time.Duration, error) {
		var err error
		if file, err = p.study(c, "load"); err != nil {
			return 0, err
		}
		u, err := p.sync(file)
		ours = append(ours, u.took.Seconds())
		return u.cpu, err
	}
	again := func() (time.Duration, error) {
		u, err := p.sync(file)
		return u.cpu, err
	}
	other := func(variant string) side {
		return func() (time.Duration, error) {
			u, err := p.naive(c, variant)
			if variant == "A" {
				theirs = append(theirs, u.took.Seconds())
			}
			return u.cpu, err
		}
	}
	t, err := medians(rounds, first, again, other("A"), other("B"))
	if err != nil {
		return nil, err
	}
	rate := func(seconds float64) float64 { return float64(c.resources) / seconds }
	return []Figure{
		{Name: "end to end", Value: rate(t[0]), Unit: "resources/CPU-s", Against: fmt.Sprintf("naive pipeline %.0f resources/CPU-s", rate(t[2])), Better: higher},
		Figure{Name: "end to end / naive pipeline", Value: t[2] / t[0], Unit: "x", Against: fmt.Sprintf("NamedExec per row, %.0f resources/CPU-s", rate(t[2])), Better: higher}.within(2.5, 5),
		{Name: "end to end / naive pipeline, elapsed time", Value: median(theirs) / median(ours), Unit: "x", Against: fmt.Sprintf("NamedExec per row, %.0f resources/s", rate(median(theirs))), Better: higher},
		{Name: "end to end / naive pipeline B", Value: t[3] / t[0], Unit: "x", Against: fmt.Sprintf("PrepareNamed, %.0f resources/CPU-s", rate(t[3])), Better: higher},
		Figure{Name: "first load / unchanged re-run", Value: t[0] / t[1], Unit: "x", Against: fmt.Sprintf("first load %.2f CPU-s", t[0]), Better: higher}.within(5, 10),
	}, nil
}

// memory measures the peak of crflink sync on a small and a large corpus.
func memory(p place, small, large corpus, rounds int) ([]Figure, error) {
	var peaks [2][]float64
	for range rounds {
		for i, c := range []corpus{small, large} {
			file, err := p.study(c, "memory")
			if err != nil {
				return nil, err
			}
			peak, err := p.peak(file)
			if err != nil {
				return nil, err
			}
			peaks[i] = append(peaks[i], peak)
		}
	}
	a, b := median(peaks[0]), median(peaks[1])
	size := func(c corpus) string { return fmt.Sprintf("%.0f MB of input", float64(c.bytes)/1e6) }
	return []Figure{
		Figure{Name: "peak memory, small input", Value: a, Unit: "MiB", Against: size(small), Better: lower}.within(128, 96),
		Figure{Name: "peak memory, large input", Value: b, Unit: "MiB", Against: size(large), Better: lower}.within(128, 96),
		Figure{Name: "growth of peak memory", Value: 100 * (b/a - 1), Unit: "%", Against: size(small) + " to " + size(large), Better: lower}.within(15, 8),
	}, nil
}
