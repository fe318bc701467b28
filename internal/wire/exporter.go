package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exporter speaks the Bulk Data protocol with one server: it begins an export, asks how far it is, reads its files, and ends it.
// It can send nothing else. It may be used from several goroutines.
type Exporter struct {
	reader *Reader
	hosts  []string
}

// NewExporter prepares an exporter. Files may lie on the base's host and on the further hosts, written as host or host:port;
// every other host is refused. Nothing is sent.
func NewExporter(o Options, hosts ...string) (*Exporter, error) {
	o.Timeout = max(o.Timeout, 12*time.Hour) // a file may be long; silence ends an attempt
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 40
	}
	for _, h := range hosts {
		if u, err := url.Parse("https://" + h); err != nil || u.Host != h || h == "" {
			return nil, errors.New("a further host for files is written as host or host:port")
		}
	}
	reader, err := NewReader(o)
	if err != nil {
		return nil, err
	}
	e := &Exporter{reader: reader, hosts: slices.Clone(hosts)}
	reader.client.GetClient().CheckRedirect = e.redirect
	return e, nil
}

// redirect follows only to where files may lie. The HTTP client leaves the credentials out when the host changes.
func (e *Exporter) redirect(next *http.Request, via []*http.Request) error {
	if !e.allowed(next.URL) || next.Method != http.MethodGet {
		return errRedirect
	}
	if len(via) > 5 {
		return errors.New("the server redirects too often")
	}
	return nil
}

func (e *Exporter) allowed(u *url.URL) bool {
	base := e.reader.base
	same := u.Host == base.Host && u.Scheme == base.Scheme
	return same || slices.Contains(e.hosts, u.Host) && (u.Scheme == "https" || u.Scheme == base.Scheme) && u.User == nil
}

// What logs and errors call the requests of an export. Their URLs may hold secrets.
const (
	exportName = "$export"
	statusName = "$export-status"
	fileName   = "$export-file"
)

// Start begins an export by a GET of a path below the base, such as Group/g1/$export, and returns where its status is told.
// A server that names another host there (as behind a proxy) is asked at the base's host.
func (e *Exporter) Start(ctx context.Context, path string, query url.Values) (status *url.URL, err error) {
	target := e.reader.base.JoinPath(path) // #nosec G125 -- the path is of the study's configuration, and checked there
	target.RawQuery = query.Encode()
	q := request{method: http.MethodGet, target: target, name: exportName, header: map[string]string{"Prefer": "respond-async"}}
	err = e.reader.repeat(ctx, q, func(a Answer) error {
		if a.Status != http.StatusAccepted {
			return fmt.Errorf("the server answered %d where an export begins with 202: it does not export asynchronously", a.Status)
		}
		at, err := url.Parse(a.Header.Get("Content-Location"))
		if err != nil || a.Header.Get("Content-Location") == "" {
			return errors.New("the server began an export and does not say where its status is told (Content-Location)")
		}
		status = a.URL.ResolveReference(at)
		status.Scheme, status.Host, status.User = e.reader.base.Scheme, e.reader.base.Host, nil
		return nil
	})
	return status, err
}

// Status is how far an export is.
type Status struct {
	Done bool
	Wait time.Duration // before it is asked again, as the server says; 0 when it does not
}

// Status asks how far an export is. When it is done, use gets the manifest.
func (e *Exporter) Status(ctx context.Context, status *url.URL, use func(Answer) error) (s Status, err error) {
	q := request{method: http.MethodGet, target: status, name: statusName, accept: JSON}
	err = e.reader.repeat(ctx, q, func(a Answer) error {
		s = Status{Done: a.Status == http.StatusOK, Wait: min(retryAfter(a.Header), e.reader.options.MaxPause)}
		switch a.Status {
		case http.StatusAccepted:
			return nil
		case http.StatusOK:
			return use(a)
		}
		return fmt.Errorf("the server answered %d to the question how far the export is", a.Status)
	})
	return s, err
}

// Cancel ends an export: the server forgets its files. One that is ended already is no error.
func (e *Exporter) Cancel(ctx context.Context, status *url.URL) error {
	err := e.reader.repeat(ctx, request{method: http.MethodDelete, target: status, name: statusName}, func(Answer) error { return nil })
	var answer *StatusError
	if errors.As(err, &answer) && (answer.Status == http.StatusNotFound || answer.Status == http.StatusGone) {
		return nil
	}
	return err
}

// File says how one file of an export is read.
type File struct {
	URL   *url.URL
	Token bool         // the server wants the credentials
	From  func() int64 // the byte from which on it is to be read; asked before each attempt
}

// Read reads a file, again after every break from where it came to. An answer of status 200 begins at the file's first byte.
func (e *Exporter) Read(ctx context.Context, f File, use func(Answer) error) error {
	if !e.allowed(f.URL) {
		return fmt.Errorf("the files of the export lie on the host %q, which is not the server's: name it among the hosts if it is the hospital's", f.URL.Host)
	}
	q := request{method: http.MethodGet, target: f.URL, name: fileName, accept: "application/fhir+ndjson", hosts: e.hosts, bare: !f.Token}
	q.changing = func() map[string]string {
		if from := f.From(); from > 0 {
			return map[string]string{"Range": "bytes=" + strconv.FormatInt(from, 10) + "-"}
		}
		return nil
	}
	return e.reader.repeat(ctx, q, use)
}

// Begins returns the byte of the file that an answer begins with, as its Content-Range says.
func Begins(a Answer) (int64, error) {
	if a.Status != http.StatusPartialContent {
		return 0, nil
	}
	text, ok := strings.CutPrefix(a.Header.Get("Content-Range"), "bytes ")
	text, _, _ = strings.Cut(text, "-")
	from, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return 0, cmp.Or(err, fmt.Errorf("%w: a part of a file without its place", ErrBroken))
	}
	return from, nil
}

// Resolve makes a URL of a manifest absolute.
func (e *Exporter) Resolve(status *url.URL, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return nil, errors.New("the manifest of the export names a file that is no URL")
	}
	return status.ResolveReference(u), nil
}

// Close closes idle connections.
func (e *Exporter) Close() { e.reader.Close() }
