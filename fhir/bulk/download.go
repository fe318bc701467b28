package bulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/internal/wire"
)

// consumer takes the bytes of one file. A file that is read anew is given to another one.
type consumer interface {
	consume(io.Reader) error
}

// download gives a file to a consumer. A transfer that breaks goes on where it broke: at the byte that came last, or, where the
// server sends the file from its beginning, behind as many bytes.
func (s *Source) download(ctx context.Context, j *job, f output, use consumer) error {
	target, err := s.wire.Resolve(j.status, f.URL)
	if err != nil {
		return err
	}
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() { // ends with the file, or with the download
		err := use.consume(in)
		_ = in.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		done <- err
	}()
	at := int64(0)
	file := wire.File{URL: target, Token: j.RequiresAccessToken, From: func() int64 { return at }}
	err = s.wire.Read(ctx, file, func(a wire.Answer) error {
		from, err := wire.Begins(a)
		if err == nil && from > at {
			err = fmt.Errorf("%w: a part of the file is missing", wire.ErrBroken)
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, a.Body, at-from)
		}
		if err != nil {
			return err
		}
		n, err := io.Copy(out, a.Body)
		at += n
		return err
	})
	_ = out.CloseWithError(err) // nil is the file's end
	if used := <-done; used != nil && (err == nil || errors.Is(err, io.ErrClosedPipe)) {
		return used
	}
	return err
}

// resources consumes a file of resources.
type resources struct {
	collection *collection
	file       output
	input      uint32
	rejected   []fhir.Rejected
}

func (c *collection) reader(f output, i int) *resources {
	return &resources{collection: c, file: f, input: uint32(i)} // #nosec G115 -- a manifest is limited
}

// consume puts the resources into the collection. What it rejects is told only when the file was read to its end.
func (r *resources) consume(in io.Reader) error {
	content, _, err := bundle.Plain(in)
	if err != nil {
		return err
	}
	ends := &lastLine{in: content}
	reader := &bundle.Reader{Source: r.collection.label(r.input), Limits: r.collection.limits, Reuse: true, Borrow: true}
	reader.Rejected = func(x fhir.Rejected) { r.rejected = append(r.rejected, x) }
	reader.Entry = func(e *bundle.Entry) error { return r.entry(e) }
	summary, err := reader.Read(ends)
	switch {
	case errors.Is(err, bundle.ErrDamaged):
		return errCut
	case err != nil:
		return err
	case summary.Broken || r.cutOff(ends) || r.file.Count != nil && *r.file.Count != int64(summary.Resources+summary.Rejected):
		return errCut
	}
	for _, x := range r.rejected {
		r.collection.reject(x)
	}
	return nil
}

// cutOff reports whether the file ends in the middle of a resource.
func (r *resources) cutOff(ends *lastLine) bool {
	for _, x := range r.rejected {
		if ends.open && x.Origin.Position >= ends.begins {
			return true
		}
	}
	return false
}

func (r *resources) entry(e *bundle.Entry) error {
	if e.Resource == nil {
		return nil
	}
	reason, err := r.collection.take(e, r.input)
	if reason != "" {
		origin := fhir.Origin{Source: r.collection.label(r.input), Position: e.Offset}
		r.rejected = append(r.rejected, fhir.Rejected{Origin: origin, Type: strings.Clone(e.Resource.Type), Reason: reason})
	}
	return err
}

// lastLine notes where the last line of a stream begins, and whether it is open: without an end.
type lastLine struct {
	in     io.Reader
	read   int64
	begins int64
	open   bool
}

func (l *lastLine) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	if n > 0 {
		if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
			l.begins = l.read + int64(i) + 1
		}
		l.open = p[n-1] != '\n'
		l.read += int64(n)
	}
	return n, err
}

// readErrors reads what the server could not export. Where facts are missing the run must end: a refusal may be among them.
func (s *Source) readErrors(ctx context.Context, j *job, c *collection) error {
	for i := range j.Error {
		o := outcomes{limits: s.options.Limits, codes: map[string]int{}}
		for n := 1; ; n++ {
			err := s.download(ctx, j, j.Error[i], &o)
			if err == nil {
				break
			}
			if !runOut(err) || n >= maxManifests {
				return fmt.Errorf("file %d of errors: %w", i+1, err)
			}
			if err := s.refresh(ctx, j); err != nil {
				return err
			}
			if i >= len(j.Error) {
				return errExpired
			}
		}
		for code, n := range o.codes {
			if c.ask.facts {
				return fmt.Errorf("the server could not export all facts (%d errors of the code %s): a refusal may be among what is missing", n, code)
			}
			c.reject(fhir.Rejected{Origin: fhir.Origin{Source: s.Name() + " export"}, Reason: fmt.Sprintf("the server reports that something could not be exported (%d errors of the code %s)", n, code)})
		}
	}
	return nil
}

// outcomes consumes a file of OperationOutcomes: how many errors there are, by code. Their texts may name patients.
type outcomes struct {
	limits fhir.Limits
	codes  map[string]int
}

func (o *outcomes) consume(in io.Reader) error {
	clear(o.codes)
	content, _, err := bundle.Plain(in)
	if err != nil {
		return err
	}
	r := &bundle.Reader{Source: "errors", Limits: o.limits, Rejected: func(fhir.Rejected) { o.codes["unreadable"]++ }}
	r.Entry = func(e *bundle.Entry) error {
		if e.Resource == nil || e.Resource.Type != "OperationOutcome" {
			return nil
		}
		for issue := range e.Resource.Get("issue").Elements() {
			if severity := issue.Get("severity").Text(); severity != "information" && severity != "warning" && severity != "success" {
				o.codes[issueCode(issue)]++
			}
		}
		return nil
	}
	summary, err := r.Read(content)
	if err == nil && summary.Broken {
		return errCut
	}
	return err
}

func issueCode(issue fhir.Node) string {
	code := issue.Get("code").Text()
	if code == "" || len(code) > 40 || strings.ContainsFunc(code, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') }) {
		return "unknown"
	}
	return strings.Clone(code)
}
