package table

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
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
		paths, err := tabular.Left(folder, ".csv")
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
