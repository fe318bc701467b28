package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/atomicfile"
)

const extension = ".parquet"

// Erase writes each file that has rows of the subjects anew without these rows, files of forms that the dictionary no
// longer has too, and removes what an interrupted delivery left.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	paths, err := tabular.Left(t.folder, extension)
	if err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	for _, path := range paths {
		rows, err := without(ctx, path, e.Subjects)
		if err != nil {
			return cells, fmt.Errorf("target %s: %s: %w", t.name, filepath.Base(path), err)
		}
		if filepath.Base(path) == "cells"+extension {
			cells = rows
		}
	}
	return cells, nil
}

// without takes the rows of subjects out of a file, and returns how many there were.
func without(ctx context.Context, path string, subjects []string) (removed int, err error) {
	in, err := os.Open(path) // #nosec G304 -- a file of the delivery
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // read only
	info, err := in.Stat()
	if err != nil {
		return 0, err
	}
	old, err := pq.OpenFile(in, info.Size())
	if err != nil {
		return 0, errors.New("it cannot be read as Parquet; somebody changed it")
	}
	if columns := old.Schema().Columns(); len(columns) == 0 || columns[tabular.Subject][0] != "subject" {
		return 0, nil
	}
	out, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return 0, err
	}
	defer out.Abort()
	if removed, err = copyRows(ctx, out, old, subjects); err != nil || removed == 0 {
		return 0, err
	}
	_, err = out.Commit()
	return removed, err
}

func copyRows(ctx context.Context, w io.Writer, old *pq.File, subjects []string) (removed int, err error) {
	f := newFile(w, sameSchema(old.Schema()), nil)
	defer f.abort()
	buffer := make([]pq.Row, rowsAtOnce)
	for _, g := range old.RowGroups() {
		rows := g.Rows()
		for err == nil {
			var n int
			n, err = rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				if slices.Contains(subjects, string(row[tabular.Subject].ByteArray())) {
					removed++
				} else if err := f.add(row.Clone()); err != nil {
					return removed, errors.Join(err, rows.Close())
				}
			}
			err = errors.Join(err, ctx.Err())
		}
		if closed := rows.Close(); !errors.Is(err, io.EOF) || closed != nil {
			return removed, errors.Join(err, closed)
		}
		err = nil
	}
	return removed, f.close()
}
