package synth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options are those of `crflink synth`.
type Options struct {
	Config
	Out   string // folder for the NDJSON files and truth.ndjson; "" writes no files
	Serve string // address to serve the resources at; "" serves nothing
	// PACS adds the images of the studies: as DICOM files in the folder pacs below Out, and behind DICOMweb beside the resources.
	PACS bool
	// Open lets Serve listen on other addresses than those of this machine.
	Open bool
	// Faults scripts failures of the server; nil is none.
	Faults *Script
}

// TruthFile is the name of the truth beside the data.
const TruthFile = "truth.ndjson"

// Run generates patients into a folder and, when asked to, serves them until ctx ends. It tells on stdout what was written.
func Run(ctx context.Context, o Options, stdout io.Writer) error {
	if o.Out == "" && o.Serve == "" {
		return errors.New("nothing to do: name a folder to write to or an address to serve at")
	}
	if o.Out != "" {
		counts, err := Write(ctx, o.Config, o.Out)
		if err != nil {
			return err
		}
		if err := report(stdout, counts); err != nil {
			return err
		}
	}
	if o.Out != "" && o.PACS {
		written, err := WritePACS(ctx, o.Config, filepath.Join(o.Out, pacsFolder))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(stdout, "%8d DICOM files\n", written)
	}
	if o.Serve == "" {
		return nil
	}
	return o.serve(ctx, stdout)
}

// pacsFolder is where DICOM files lie below the resources.
const pacsFolder = "pacs"

// serve offers the patients, and their images where they are asked for.
func (o *Options) serve(ctx context.Context, stdout io.Writer) error {
	config := ServerConfig{Faults: o.Faults}
	if o.PACS {
		pacs, err := NewPACS(ctx, o.Config)
		if err != nil {
			return err
		}
		config.PACS = pacs
	}
	server, err := NewServer(config)
	if err != nil {
		return err
	}
	if err := server.Generate(ctx, o.Config); err != nil {
		return err
	}
	return server.Serve(ctx, o.Serve, o.Open, func(base string) {
		_, _ = fmt.Fprintf(stdout, "FHIR server at %s\n", base)
		if o.PACS {
			_, _ = fmt.Fprintf(stdout, "PACS at %s\n", strings.TrimSuffix(base, basePath)+pacsPath)
		}
	})
}

func report(w io.Writer, counts map[string]int) error {
	types := make([]string, 0, len(counts))
	for typ := range counts {
		types = append(types, typ)
	}
	slices.Sort(types)
	for _, typ := range types {
		if _, err := fmt.Fprintf(w, "%8d %s\n", counts[typ], typ); err != nil {
			return fmt.Errorf("report what was generated: %w", err)
		}
	}
	return nil
}

// Write generates into a folder: one NDJSON file per resource type, each in the order of the patients, and the truth. It returns the number of
// resources by type. Files of those names are replaced.
func Write(ctx context.Context, config Config, folder string) (counts map[string]int, err error) {
	g, err := New(config)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("create the folder for synthetic data: %w", err)
	}
	out := files{folder: folder, open: map[string]*output{}, counts: map[string]int{}}
	defer func() { err = errors.Join(err, out.close()) }()
	var line []byte
	err = g.Each(out.resource, func(t *Truth) error {
		line = append(t.AppendJSON(line[:0]), '\n')
		if err := out.line(TruthFile, line); err != nil {
			return err
		}
		return ctx.Err()
	})
	return out.counts, err
}

// files are the open NDJSON files by name.
type files struct {
	folder string
	open   map[string]*output
	counts map[string]int
}

type output struct {
	file *os.File
	w    *bufio.Writer
}

func (f *files) resource(typ string, json []byte) error {
	o, err := f.named(typ + ".ndjson")
	if err != nil {
		return err
	}
	f.counts[typ]++
	_, _ = o.w.Write(json) // the error stays in the writer and comes with the newline
	return o.w.WriteByte('\n')
}

func (f *files) line(name string, line []byte) error {
	o, err := f.named(name)
	if err != nil {
		return err
	}
	_, err = o.w.Write(line)
	return err
}

func (f *files) named(name string) (*output, error) {
	if o := f.open[name]; o != nil {
		return o, nil
	}
	file, err := os.Create(filepath.Join(f.folder, filepath.Base(name)))
	if err != nil {
		return nil, fmt.Errorf("write synthetic data: %w", err)
	}
	o := &output{file, bufio.NewWriterSize(file, 256<<10)}
	f.open[name] = o
	return o, nil
}

func (f *files) close() error {
	var errs []error
	for _, o := range f.open {
		errs = append(errs, o.w.Flush(), o.file.Close())
	}
	return errors.Join(errs...)
}
