package ndjson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
)

// Options adjust how inputs are read. The zero value reads files within fhir.DefaultLimits.
type Options struct {
	Name   string      // of the source; "files" when empty
	Stdin  io.Reader   // what the operand - reads; without it that operand is an error
	Limits fhir.Limits // of one resource
	Folder string      // for what is kept on disk; "" is the system's folder for temporary files
	Budget int64       // bytes that the index may need in memory; 0 is gather.DefaultBudget
	// Needed tells which facts of a record are ever looked at; nil is all of them. The others are not handed out where a Memory recalls
	// the facts. It is a function of the record alone.
	Needed func(*fhir.Record) func(*fhir.Resource) bool

	Remembers int // resources of which anything is remembered at most; two million when 0
}

func (o *Options) needed(record *fhir.Record) func(*fhir.Resource) bool {
	if o.Needed == nil {
		return func(*fhir.Resource) bool { return true }
	}
	return o.Needed(record)
}

// Each calls use for every resource of the operands, in order, Bundles opened, repeated versions included. The resource
// is valid until use returns. Rejected resources go to rej. An error of use, or of reading, ends it.
func Each(ctx context.Context, operands []string, o Options, use func(*fhir.Resource) error, rej func(fhir.Rejected)) error {
	inputs, unfinished, err := inputsOf(operands)
	if err != nil {
		return err
	}
	rejectUnfinished(unfinished, rej)
	r := &bundle.Reader{Limits: o.Limits, Reuse: true, Rejected: rej}
	r.Entry = func(e *bundle.Entry) error {
		if e.Resource == nil {
			return ctx.Err()
		}
		return errors.Join(ctx.Err(), use(e.Resource))
	}
	for _, in := range inputs {
		if _, err := in.read(o, r, func(bool) {}); err != nil {
			return err
		}
	}
	return nil
}

// rejectUnfinished tells of files that are still being written.
func rejectUnfinished(folders []string, rej func(fhir.Rejected)) {
	for _, folder := range folders {
		rej(fhir.Rejected{Origin: fhir.Origin{Source: folder}, Reason: "a file that is still being written, as its name says, was not read"})
	}
}

// read gives the input's content to the reader. kind is told whether it can be read again at its offsets.
func (in *input) read(o Options, r *bundle.Reader, kind func(seekable bool)) (bundle.Summary, error) {
	stream, closer, err := in.stream(o)
	if err != nil {
		return bundle.Summary{}, err
	}
	defer closer()
	r.Source = in.label
	content, compressed, err := bundle.Plain(stream)
	if err != nil {
		return in.unreadable(r, 0, err)
	}
	kind(!compressed && in.path != Stdin && in.info.Mode().IsRegular())
	watched := &watch{in: content}
	summary, err := r.Read(watched)
	if file, ok := stream.(*os.File); ok && err == nil && in.path != Stdin {
		err = in.settled(file)
	}
	if err != nil && watched.err != nil && errors.Is(err, watched.err) {
		return in.unreadable(r, watched.count, err)
	}
	return summary, err
}

func (in *input) stream(o Options) (io.Reader, func(), error) {
	if in.path != Stdin {
		file, err := in.open()
		if err != nil {
			return nil, nil, err
		}
		return file, func() { _ = file.Close() }, nil
	}
	if o.Stdin == nil {
		return nil, nil, errors.New("standard input (-) cannot be read here")
	}
	return o.Stdin, func() {}, nil
}

// unreadable reports an input that broke off. A damaged disk is an error; a damaged archive is the input's fault.
func (in *input) unreadable(r *bundle.Reader, at int64, err error) (bundle.Summary, error) {
	var path *os.PathError
	if errors.As(err, &path) {
		return bundle.Summary{}, fmt.Errorf("%s: %w", in.label, pathless(err))
	}
	r.Rejected(fhir.Rejected{Origin: fhir.Origin{Source: in.label, Position: at}, Reason: "the compressed input is damaged or cut off: what is behind here was not read"})
	return bundle.Summary{Broken: true, Rejected: 1}, nil
}

// watch remembers what reading failed with and how far it came.
type watch struct {
	in    io.Reader
	count int64
	err   error
}

func (w *watch) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	w.count += int64(n)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
