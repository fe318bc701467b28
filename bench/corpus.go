package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/crflink/crflink/synth"
)

const seed = 20260901

// corpus is synthetic data in a folder.
type corpus struct {
	folder    string
	bytes     int64
	resources int
}

// newCorpus generates patients into a folder.
func newCorpus(folder string, patients int) (corpus, error) {
	counts, err := synth.Write(context.Background(), synth.Config{Seed: seed, Patients: patients}, folder)
	if err != nil {
		return corpus{}, err
	}
	c := corpus{folder: folder}
	for _, n := range counts {
		c.resources += n
	}
	files, err := c.files()
	if err != nil {
		return corpus{}, err
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return corpus{}, err
		}
		c.bytes += info.Size()
	}
	return c, nil
}

// files are those with resources, in order.
func (c corpus) files() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(c.folder, "*.ndjson"))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(files, func(f string) bool { return filepath.Base(f) == synth.TruthFile }), nil
}

// patientsFor returns how many patients make about so many bytes.
func patientsFor(folder string, size int64) (int, error) {
	const sample = 50
	c, err := newCorpus(folder, sample)
	if err != nil {
		return 0, err
	}
	return max(1, int(size*sample/c.bytes)), nil
}

// lines are the resources of a corpus in memory.
func (c corpus) lines() ([]string, int64, error) {
	files, err := c.files()
	if err != nil {
		return nil, 0, err
	}
	var lines []string
	var size int64
	for _, file := range files {
		text, err := os.ReadFile(file) // #nosec G304 -- bench wrote it
		if err != nil {
			return nil, 0, fmt.Errorf("read the corpus: %w", err)
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			lines = append(lines, string(line))
			size += int64(len(line))
		}
	}
	return lines, size, nil
}
