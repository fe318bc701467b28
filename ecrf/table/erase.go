package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/csvcut"
)

const subjectColumn = "subject" // tabular.Subject

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
			lines, err := csvcut.Lines(path, subjectColumn, subjects)
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
