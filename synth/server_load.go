package synth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// Generate fills the server with generated patients.
func (s *Server) Generate(ctx context.Context, config Config) error {
	g, err := New(config)
	if err != nil {
		return err
	}
	return g.Each(func(_ string, json []byte) error { return s.Add(json) }, func(*Truth) error { return ctx.Err() })
}

// Load fills the server from a file or folder: NDJSON, single resources and Bundles. The truth beside the data is not data.
func (s *Server) Load(path string) error {
	return filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(name) == TruthFile {
			return err
		}
		switch filepath.Ext(name) {
		case ".ndjson":
			err = s.loadLines(name)
		case ".json":
			err = s.loadFile(name)
		}
		if err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
		return nil
	})
}

func (s *Server) loadLines(name string) error {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	r := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if text := strings.TrimSpace(string(line)); text != "" {
			if err := s.Add([]byte(text)); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// loadFile reads one resource, or the resources of a Bundle.
func (s *Server) loadFile(name string) error {
	text, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return err
	}
	var t fhir.Table
	if err := t.Parse(string(text)); err != nil {
		return err
	}
	root := t.Root()
	if root.Get("resourceType").Text() != "Bundle" {
		return s.Add(fhir.AppendJSON(nil, root))
	}
	n := 0
	for e := range root.Get("entry").Elements() {
		n++
		if r := e.Get("resource"); r.Exists() {
			if err := s.Add(fhir.AppendJSON(nil, r)); err != nil {
				return fmt.Errorf("entry %d: %w", n, err)
			}
		}
	}
	return nil
}
