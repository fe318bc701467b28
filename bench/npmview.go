package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tabulated is a ViewDefinition with the file that it is run on, and the tables that both sides make.
type tabulated struct{ view, input, ours, theirs string }

// againstMedplum compares crflink view run, from files to CSV, with @medplum/core's evalSqlOnFhir.
func againstMedplum(p place, c corpus, rounds int) (figures []Figure, err error) {
	tables, size, err := p.tables(c)
	if err != nil {
		return nil, err
	}
	js, err := startPeer("view.mjs")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, js.stop()) }()
	command := []any{"round"}
	for _, t := range tables {
		command = append(command, []string{t.view, t.input, t.theirs})
	}
	rows := 0
	us := func() (time.Duration, error) { return p.tabulate(tables) }
	them := func() (time.Duration, error) { return js.ask(&rows, command...) }
	if _, err := medians(1, us, them); err != nil { // V8 compiles what it has seen before
		return nil, err
	}
	if err := agree(tables, rows); err != nil {
		return nil, err
	}
	t, err := medians(rounds, us, them)
	if err != nil {
		return nil, err
	}
	rate := func(seconds float64) float64 { return float64(rows) / seconds }
	against := fmt.Sprintf("npm @medplum/core 4.5.2, %.0f rows/CPU-s", rate(t[1]))
	return []Figure{
		{Name: "ViewDefinition to CSV", Value: rate(t[0]), Unit: "rows/CPU-s", Against: fmt.Sprintf("%.0f MB/CPU-s", size/1e6/t[0]), Better: higher},
		Figure{Name: "ViewDefinition to CSV / npm @medplum/core", Value: t[1] / t[0], Unit: "x", Against: against, Better: higher}.within(4, 4),
	}, nil
}

// tables are the views of bench/npm, each with the corpus' resources of its type.
func (p place) tables(c corpus) (tables []tabulated, size float64, err error) {
	for view, input := range map[string]string{"patient": "Patient", "observation": "Observation", "condition": "Condition"} {
		t := tabulated{
			view: filepath.Join(npmFolder, "views", view+".json"), input: filepath.Join(p.folder, view+".ndjson"),
			ours: filepath.Join(p.folder, view+".ours.csv"), theirs: filepath.Join(p.folder, view+".theirs.csv"),
		}
		n, err := excerpt(filepath.Join(c.folder, input+".ndjson"), t.input)
		if err != nil {
			return nil, 0, err
		}
		size += float64(n)
		tables = append(tables, t)
	}
	return tables, size, nil
}

// excerpt copies the first lines of a file, as many as a measurement needs.
func excerpt(from, to string) (int, error) {
	text, err := os.ReadFile(from) // #nosec G304 -- bench wrote it
	if err != nil {
		return 0, fmt.Errorf("read the corpus: %w", err)
	}
	if len(text) > sample {
		text = text[:strings.LastIndexByte(string(text[:sample]), '\n')+1]
	}
	return len(text), os.WriteFile(to, text, 0o600) // #nosec G703 -- a file in bench's own folder
}

// tabulate runs crflink view run for each table, as processes of their own, the start of which counts.
func (p place) tabulate(tables []tabulated) (sum time.Duration, err error) {
	for _, t := range tables {
		u, err := run(exec.Command(p.crflink, "view", "run", t.view, t.input, "--out", t.ours)) // #nosec G204 -- our own program
		if err != nil {
			return 0, err
		}
		sum += u.cpu
	}
	return sum, nil
}

// agree compares the tables of both sides, which have so many rows in all.
func agree(tables []tabulated, rows int) error {
	for _, t := range tables {
		ours, err := readTable(t.ours)
		if err != nil {
			return err
		}
		theirs, err := readTable(t.theirs)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(ours, theirs, func(a, b []string) bool { return slices.EqualFunc(a, b, sameCell) }) {
			return fmt.Errorf("%s: the %d rows of crflink are not the %d rows of @medplum/core", t.view, len(ours)-1, len(theirs)-1)
		}
		rows -= len(ours) - 1
	}
	if rows != 0 {
		return fmt.Errorf("@medplum/core counts %d rows that its tables do not have", rows)
	}
	return nil
}

func readTable(path string) ([][]string, error) {
	f, err := os.Open(path) // #nosec G304 -- bench had it written
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return csv.NewReader(f).ReadAll()
}

// sameCell allows for JavaScript's numbers, which forget the zeros that they were written with.
func sameCell(a, b string) bool {
	if a == b {
		return true
	}
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err == nil && err2 == nil && x == y
}
