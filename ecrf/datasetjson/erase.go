package datasetjson

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/atomicfile"
)

// Erase writes each dataset that has rows of the subjects anew without these rows, those of forms that the dictionary no
// longer has and of the other form too, and removes what an interrupted delivery left.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	for _, f := range []form{whole, lines} {
		paths, err := tabular.Left(t.folder, f.extension)
		if err != nil {
			return cells, fmt.Errorf("target %s: %w", t.name, err)
		}
		for _, path := range paths {
			if err := ctx.Err(); err != nil {
				return cells, fmt.Errorf("target %s: %w", t.name, err)
			}
			rows, err := f.without(path, e.Subjects)
			if err != nil {
				return cells, fmt.Errorf("target %s: %s: %w", t.name, filepath.Base(path), err)
			}
			if filepath.Base(path) == "cells"+t.form.extension {
				cells = rows
			}
		}
	}
	return cells, nil
}

var errChanged = errors.New("this is no dataset of ours any more")

// without takes the rows of subjects out of a dataset, and returns how many there were.
func (f form) without(path string, subjects []string) (removed int, err error) {
	in, err := os.Open(path) // #nosec G304 -- a file of the delivery
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // read only
	head, err := f.read(in, func(row []byte) error {
		goes, err := isOf(row, subjects)
		if goes {
			removed++
		}
		return err
	})
	if err != nil || removed == 0 || head.Columns[tabular.Subject].Name != "subject" {
		return 0, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	head.Records -= removed
	return removed, f.rewrite(path, in, head, subjects)
}

func (f form) rewrite(path string, in io.Reader, head dataset, subjects []string) error {
	_, err := atomicfile.Replace(path, func(out io.Writer) error {
		next, err := newFile(out, f, nil, head)
		if err != nil {
			return err
		}
		_, err = f.read(in, func(row []byte) error {
			goes, err := isOf(row, subjects)
			if goes || err != nil {
				return err
			}
			return next.add(row)
		})
		if err == nil {
			err = next.close()
		}
		return err
	})
	return err
}

// read reads a dataset as it was written, each row on a line of its own.
func (f form) read(r io.Reader, row func([]byte) error) (head dataset, err error) {
	all := bufio.NewReaderSize(r, 1<<15)
	first, err := all.ReadBytes('\n')
	text, ok := bytes.CutSuffix(bytes.TrimSuffix(first, []byte("\n")), []byte(f.rows))
	if err != nil && !errors.Is(err, io.EOF) || !ok || json.Unmarshal(append(text, '}'), &head) != nil || len(head.Columns) == 0 {
		return head, errChanged
	}
	end := []byte(f.end[1:])
	for n := 0; ; n++ {
		line, err := all.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 && f.between == "" || bytes.Equal(line, end) && len(end) > 0 {
			if n != head.Records {
				return head, errChanged
			}
			return head, nil
		}
		if err != nil {
			return head, errChanged
		}
		if err := row(bytes.TrimPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(f.between))); err != nil {
			return head, err
		}
	}
}

// isOf reports whether a row is of one of the subjects.
func isOf(row []byte, subjects []string) (bool, error) {
	d := json.NewDecoder(bytes.NewReader(row))
	open, err := d.Token()
	if err != nil || open != json.Delim('[') {
		return false, errChanged
	}
	first, err := d.Token()
	if err != nil {
		return false, errChanged
	}
	subject, ok := first.(string)
	return ok && slices.Contains(subjects, subject), nil
}
