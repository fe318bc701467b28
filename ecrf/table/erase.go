package table

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
)

var _ ecrf.Eraser = (*Target)(nil)

// Erase rewrites each table that has lines of the subjects without these lines, tables of forms that the dictionary no
// longer has too, and removes what an interrupted delivery left. All other bytes stay as they are.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	subjects := map[string]bool{}
	for _, s := range e.Subjects {
		subjects[Escape(s)] = true
	}
	for _, folder := range []string{t.folder, filepath.Join(t.folder, MissingFolder)} {
		paths, err := tables(folder)
		if err != nil {
			return cells, fmt.Errorf("target %s: %w", t.name, err)
		}
		for _, path := range paths {
			if err := ctx.Err(); err != nil {
				return cells, fmt.Errorf("target %s: %w", t.name, err)
			}
			lines, err := EraseLines(path, subjects)
			if err != nil {
				return cells, fmt.Errorf("target %s: %w", t.name, err)
			}
			if path == filepath.Join(t.folder, "cells.csv") {
				cells = lines
			}
		}
	}
	return cells, nil
}

// tables lists the CSV files of a folder, and removes new content of such that was never finished.
func tables(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if half, _ := filepath.Match(".*.csv.partial", e.Name()); half {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		}
		if filepath.Ext(path) == ".csv" && e.Type().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// EraseLines takes the lines whose column subject is one of the subjects, as they stand there, out of a CSV file, and
// returns how many there were. A file that is not there, or has no such column, is left alone.
func EraseLines(path string, subjects map[string]bool) (lines int, err error) {
	in, err := os.Open(path) // #nosec G304 -- a file of the delivery
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return 0, err
	}
	defer out.Abort()
	if lines, err = without(out, in, subjects); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if lines == 0 {
		return 0, nil
	}
	_, err = out.Commit()
	return lines, err
}

// without copies a table as it is, but for the lines of the subjects.
func without(w io.Writer, r io.Reader, subjects map[string]bool) (lines int, err error) {
	var raw bytes.Buffer // what was read, and not yet copied
	in := csv.NewReader(io.TeeReader(r, &raw))
	in.ReuseRecord = true
	in.FieldsPerRecord = -1
	column, before := -1, int64(0)
	for first := true; ; first = false {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, errors.New("this is no table of ours any more: it cannot be read as CSV")
		}
		if first {
			if column = slices.Index(record, "subject"); column < 0 {
				return 0, nil
			}
		}
		line := raw.Next(int(in.InputOffset() - before))
		before = in.InputOffset()
		if !first && column < len(record) && subjects[record[column]] {
			lines++
			continue
		}
		if _, err := w.Write(line); err != nil {
			return lines, err
		}
	}
}
