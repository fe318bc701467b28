package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/crflink/crflink/pipeline"
)

// scale is how much is measured.
type scale struct {
	rounds   int
	memory   int // rounds of the figures of memory
	small    int64
	large    int64
	patients int // of the generator
	chart    int // resources of one patient, the other has ten times as many
	streams  int // patients that are fetched from a slow server
	nightly  int // patients of a server that is read twice
	shared   int // patients of a run that several processes compute
	night    int // patients of a great hospital, and by tens less
}

var (
	whole = scale{rounds: 5, memory: 3, small: 50e6, large: 200e6, patients: 2000, chart: 10000, streams: 16, nightly: 1000, shared: 700, night: 100000}
	quick = scale{rounds: 5, memory: 1, small: 4e6, large: 16e6, patients: 100, chart: 1000, streams: 8, nightly: 200, shared: 100, night: 1000}
)

// latest is the file of the figures that docs/performance.md shows.
const latest = "bench/latest.json"

func main() {
	isQuick := flag.Bool("quick", os.Getenv("QUICK") != "", "measure a small corpus only")
	out := flag.String("out", latest, "file for the figures")
	only := flag.String("only", "", "measure this part only, print its figures and write none")
	variant := flag.String("naive", "", "run the naive pipeline, variant A or B, and nothing else")
	folder := flag.String("corpus", "", "folder for the naive pipeline to read")
	database := flag.String("database", "", "file for the naive pipeline to write")
	alone := flag.Bool("alone", false, "run the command that follows and print its peak of memory in bytes, its CPU time and its time on the clock in nanoseconds")
	flag.Parse()
	if *alone {
		u, err := run(exec.Command(flag.Arg(0), flag.Args()[1:]...), 5) // #nosec G204 -- bench starts itself with it
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		fmt.Println(u.peak, int64(u.cpu), int64(u.took))
		return
	}
	if err := perform(*isQuick, *out, *only, *variant, *folder, *database); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func perform(isQuick bool, out, only, variant, folder, database string) error {
	if variant != "" {
		cells, err := naive(corpus{folder: folder}, database, variant == "B")
		fmt.Println(cells, "cells")
		return err
	}
	s := whole
	if isQuick {
		s = quick
	}
	begin := time.Now()
	figures, err := measure(s, only, func(what string) { fmt.Fprintf(os.Stderr, "%5.0f s  %s\n", time.Since(begin).Seconds(), what) })
	if err != nil {
		return err
	}
	render(os.Stdout, figures)
	if isQuick {
		fmt.Println("measured on a small corpus: the figures show that bench works, not how fast crflink is")
	}
	if only != "" {
		return nil
	}
	if err := writeJSON(out, figures); err != nil || out != latest {
		return err
	}
	return writePage("docs/performance.md", figures)
}

// measure takes all figures, or those of one part.
func measure(s scale, only string, tell func(string)) (figures []Figure, err error) {
	home, err := os.MkdirTemp("", "crflink-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	tell("generate the corpora and build crflink")
	p, err := newPlace(home)
	if err != nil {
		return nil, err
	}
	small, large, err := corpora(home, s)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		do   func() ([]Figure, error)
	}{
		{"decode", func() ([]Figure, error) { return measureDecode(small, s.rounds) }},
		{"FHIRPath against npm's", func() ([]Figure, error) { return againstFhirpathJS(home, small, s.rounds) }},
		{"ViewDefinitions against npm's", func() ([]Figure, error) { return againstMedplum(p, small, s.rounds) }},
		{"de-identification and mapping", func() ([]Figure, error) { return measureSubjects(small, s.rounds) }},
		{"synthetic patients", func() ([]Figure, error) { return generate(s.patients, s.rounds) }},
		{"end to end", func() ([]Figure, error) { return load(p, small, s.rounds) }},
		{"one patient with many resources", func() ([]Figure, error) { return crowded(p, small, s.chart, s.rounds) }},
		{"tables in SQLite", func() ([]Figure, error) { return intoSQLite(home, s.patients, s.rounds) }},
		{"tables in PostgreSQL", func() ([]Figure, error) { return intoPostgres(home, s.patients, s.rounds) }},
		{"servers", func() ([]Figure, error) { return servers(p, small, s) }},
		{"workers", func() ([]Figure, error) { return workers(p, s.shared, min(s.rounds, 2)) }},
		{"memory", func() ([]Figure, error) { return memory(p, small, large, s.memory) }},
		{"a night of many patients", func() ([]Figure, error) { return nights(p, s.night) }},
	} {
		if only != "" && only != part.name {
			continue
		}
		tell(part.name)
		some, err := part.do()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		figures = append(figures, some...)
		runtime.GC()
	}
	tell("done")
	return figures, nil
}

func corpora(home string, s scale) (small, large corpus, err error) {
	n, err := patientsFor(filepath.Join(home, "sample"), s.small)
	if err != nil {
		return small, large, err
	}
	if small, err = newCorpus(filepath.Join(home, "small"), n); err != nil {
		return small, large, err
	}
	large, err = newCorpus(filepath.Join(home, "large"), int(int64(n)*s.large/s.small))
	return small, large, err
}

// sample bounds what is measured in memory.
const sample = 16e6

func measureDecode(c corpus, rounds int) ([]Figure, error) {
	lines, size, err := c.lines()
	if err != nil {
		return nil, err
	}
	lines, size = thinned(lines, size, sample)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	return decode(lines, size, rounds)
}

// thinned takes every nth line, so that all types stay and about so many bytes are left at most.
func thinned(lines []string, size, wanted int64) ([]string, int64) {
	every := int(size/wanted) + 1
	var few []string
	size = 0
	for i := 0; i < len(lines); i += every {
		few = append(few, lines[i])
		size += int64(len(lines[i]))
	}
	return few, size
}

func measureSubjects(c corpus, rounds int) ([]Figure, error) {
	study, _, err := pipeline.LoadStudy(filepath.Join(example, "study.yaml"))
	if err != nil {
		return nil, err
	}
	all, err := subjects(study, c)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	for i := range all {
		if size += all[i].size; size > sample {
			all = all[:i+1]
			break
		}
	}
	hidden, err := veil(study, all, rounds)
	if err != nil {
		return nil, err
	}
	filled, err := fill(study, all, rounds)
	return append(hidden, filled...), err
}
