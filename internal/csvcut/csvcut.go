// Package csvcut takes lines out of CSV files without touching a byte of the others.
package csvcut

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/crflink/crflink/internal/atomicfile"
)

// Lines takes the lines in which the column has one of the values out of a file, which is replaced as a whole, and returns how
// many there were. A file that is not there, or has no such column, is left alone. What an interrupted writer left beside the
// file is removed.
func Lines(path, column string, values map[string]bool) (lines int, err error) {
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
	if lines, err = without(out, in, column, values); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if lines == 0 {
		return 0, nil
	}
	_, err = out.Commit()
	return lines, err
}

// without copies a table but for some lines.
func without(w io.Writer, r io.Reader, name string, values map[string]bool) (lines int, err error) {
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
			return lines, errors.New("it cannot be read as CSV; somebody changed it")
		}
		if first {
			if column = slices.Index(record, name); column < 0 {
				return 0, nil
			}
		}
		line := raw.Next(int(in.InputOffset() - before))
		before = in.InputOffset()
		if !first && column < len(record) && values[record[column]] {
			lines++
			continue
		}
		if _, err := w.Write(line); err != nil {
			return lines, err
		}
	}
}
