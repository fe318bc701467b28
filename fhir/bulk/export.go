package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/wire"
)

// manifest is what an export brought.
type manifest struct {
	RequiresAccessToken bool     `json:"requiresAccessToken"`
	Output              []output `json:"output"`
	Error               []output `json:"error"`
}

// output is one file of it.
type output struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count *int64 `json:"count"`
}

// job is an export that was begun.
type job struct {
	status *url.URL
	manifest
}

var (
	// errExpired is a file or an export that the server has no more: it is asked for anew.
	errExpired = errors.New("the server let the export expire")
	// errCut is a file that is shorter than it should be.
	errCut = errors.New("a file of the export is cut off")
)

// How often something is tried again.
const (
	maxExports   = 3 // exports that are begun for one collection
	maxManifests = 3 // manifests that one file is looked for in
)

// collect brings one export home. One that expires is begun anew.
func (s *Source) collect(ctx context.Context, a ask, rej func(fhir.Rejected)) (*collection, error) {
	for n := 1; ; n++ {
		c, err := s.export(ctx, a, rej)
		if err == nil {
			return c, nil
		}
		if n == maxExports || !errors.Is(err, errExpired) {
			return nil, fmt.Errorf("export of %s: %w", s.Name(), err)
		}
	}
}

func (s *Source) export(ctx context.Context, a ask, rej func(fhir.Rejected)) (c *collection, err error) {
	status, err := s.wire.Start(ctx, s.path, a.query())
	if err != nil {
		return nil, err
	}
	defer s.cancel(ctx, status)
	j := job{status: status}
	if err := s.await(ctx, &j); err != nil {
		return nil, err
	}
	if c, err = s.newCollection(a); err != nil {
		return nil, err
	}
	if err = s.read(ctx, &j, c); err == nil {
		err = c.finish(rej)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// cancel tells the server that the export is not needed any more, also when the run was stopped.
func (s *Source) cancel(ctx context.Context, status *url.URL) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer stop()
	_ = s.wire.Cancel(ctx, status) // the server forgets it by itself in time
}

// await asks until the export is done, and reads its manifest.
func (s *Source) await(ctx context.Context, j *job) error {
	waited, cancel := context.WithTimeoutCause(ctx, s.options.Wait, fmt.Errorf("the export was not done within %s", s.options.Wait))
	defer cancel()
	pause := s.options.Poll
	for {
		answer, err := s.wire.Status(waited, j.status, func(a wire.Answer) error { return j.read(a) })
		switch {
		case waited.Err() != nil:
			return context.Cause(waited)
		case gone(err):
			return errExpired
		case err != nil:
			return err
		case answer.Done:
			return nil
		}
		wait := answer.Wait
		if wait <= 0 {
			wait, pause = pause, min(2*pause, time.Minute)
		}
		if err := wire.Sleep(waited, wait); err != nil {
			return context.Cause(waited)
		}
	}
}

// gone reports whether a URL is no longer good. Stores of files answer 403 for those that have run out.
func gone(err error) bool {
	var status *wire.StatusError
	if !errors.As(err, &status) {
		return false
	}
	return status.Status == http.StatusNotFound || status.Status == http.StatusGone
}

func runOut(err error) bool {
	var status *wire.StatusError
	return gone(err) || errors.As(err, &status) && (status.Status == http.StatusForbidden || status.Status == http.StatusUnauthorized || status.Status == http.StatusBadRequest)
}

// maxManifest bounds a manifest in bytes.
const maxManifest = 64 << 20

func (j *job) read(a wire.Answer) error {
	text, err := io.ReadAll(io.LimitReader(a.Body, maxManifest))
	if err != nil {
		return err
	}
	var m struct {
		manifest
		Output *[]output `json:"output"`
	}
	if json.Unmarshal(text, &m) != nil || m.Output == nil {
		return fmt.Errorf("%w: it is no manifest of an export", wire.ErrBroken)
	}
	j.manifest = m.manifest
	j.Output = *m.Output
	return nil
}

// read reads all files of an export.
func (s *Source) read(ctx context.Context, j *job, c *collection) error {
	if err := s.readErrors(ctx, j, c); err != nil {
		return err
	}
	for i := range len(j.Output) {
		if !c.ask.wants(j.Output[i].Type) {
			continue // a server that ignores what was asked for: what it has besides is not fetched
		}
		if err := s.readFile(ctx, j, i, c); err != nil {
			return fmt.Errorf("file %d of %d (%s): %w", i+1, len(j.Output), plainType(j.Output[i].Type), err)
		}
	}
	return nil
}

// readFile reads one file. When its URL has run out, the manifest is asked for again, and the file is read anew.
func (s *Source) readFile(ctx context.Context, j *job, i int, c *collection) error {
	cut := false
	for n := 1; ; n++ {
		err := s.download(ctx, j, j.Output[i], c.reader(j.Output[i], i))
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errCut) && !cut:
			cut = true
			continue
		case !runOut(err) || n >= maxManifests:
			return err
		}
		if err := s.refresh(ctx, j); err != nil {
			return err
		}
	}
}

// refresh reads the manifest again. It must list the same files.
func (s *Source) refresh(ctx context.Context, j *job) error {
	before := j.Output
	if err := s.await(ctx, j); err != nil {
		return err
	}
	if len(before) != len(j.Output) {
		return errExpired
	}
	for i := range before {
		if before[i].Type != j.Output[i].Type {
			return errExpired
		}
	}
	return nil
}

// plainType keeps text that is no type out of errors.
func plainType(typ string) string {
	if len(typ) > 40 || typ == "" {
		return "of no type"
	}
	for _, c := range typ {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return "of no type"
		}
	}
	return typ
}
