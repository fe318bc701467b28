package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

// Reader asks one server for data. It may be used from several goroutines.
type Reader struct {
	options Options
	base    *url.URL
	client  *resty.Client
	who     *identity
	pace    *rate.Limiter
	gate    *gate
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// Answer is the beginning of a 2xx answer. Its body is read in the function that gets it, and not later.
type Answer struct {
	Status int
	Header http.Header
	URL    *url.URL // that was asked, after redirects
	Body   io.Reader
}

// NewReader prepares a reader. Nothing is sent.
func NewReader(o Options) (*Reader, error) {
	o.defaults()
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	who, err := o.Auth.identity(transport)
	if err != nil {
		return nil, err
	}
	client := resty.NewWithClient(&http.Client{Transport: transport, CheckRedirect: sameHost(base)})
	client.SetLogger(silent{}).SetHeader("User-Agent", "crflink").SetHeaders(o.Header)
	return &Reader{
		options: o, base: base, client: client, who: who, pace: rate.NewLimiter(rate.Every(o.Every), 1), gate: newGate(o.AtOnce), breaker: newBreaker(&o),
	}, nil
}

func (o *Options) transport() (*http.Transport, error) {
	config, err := o.TLS.config()
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 30 * time.Second,
		MaxIdleConnsPerHost: 16,
		// Reverse proxies close idle connections after about a minute.
		IdleConnTimeout:        25 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		ForceAttemptHTTP2:      true,
	}
	if o.Proxy != "" {
		proxy, err := url.Parse(o.Proxy)
		if err != nil || proxy.Host == "" || proxy.User != nil {
			return nil, errors.New("the proxy must be an absolute URL without user and password")
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	return t, nil
}

// errRedirect is returned for a redirect that would take the credentials elsewhere.
var errRedirect = errors.New("the server redirects to another host, which is refused: configure the base that it redirects to")

func sameHost(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		switch {
		case next.URL.Host != base.Host || next.URL.Scheme != base.Scheme:
			return errRedirect
		case next.Method != http.MethodGet || via[0].Method != http.MethodGet || len(via) > 5:
			return errors.New("the server redirects what was posted, or too often") // as a GET, a search would lose its criteria
		}
		return nil
	}
}

type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// Base returns the configured base without a trailing slash. The caller must not change it.
func (r *Reader) Base() *url.URL { return r.base }

// Close closes idle connections.
func (r *Reader) Close() { r.client.GetClient().CloseIdleConnections() }

// Get asks for a URL on the base's host and gives the answer to use, again for every attempt: use must begin anew each
// time. An error of use that wraps ErrBroken is answered by another attempt, every other one ends the request.
func (r *Reader) Get(ctx context.Context, target *url.URL, use func(Answer) error) error {
	return r.repeat(ctx, request{method: http.MethodGet, target: target}, use)
}

// Search posts a search for resources of the type to base/type/_search. The form is the encoded query.
func (r *Reader) Search(ctx context.Context, typ, form string, use func(Answer) error) error {
	if typ == "" || strings.ContainsFunc(typ, func(c rune) bool { return c|0x20 < 'a' || c|0x20 > 'z' }) {
		return errors.New("a search needs the name of a resource type")
	}
	target := r.base.JoinPath(typ, "_search") // #nosec G125 -- typ consists of letters
	return r.repeat(ctx, request{method: http.MethodPost, target: target, body: []byte(form), contentType: formType}, use)
}

// Content types of what is posted.
const (
	formType = "application/x-www-form-urlencoded"
	fhirType = "application/fhir+json"
)

type request struct {
	method      string
	target      *url.URL
	body        []byte
	contentType string
	name        string                   // what logs and errors call it instead of path and type, which may hold secrets
	accept      string                   // "" is FHIR JSON
	once        bool                     // it is never repeated
	bare        bool                     // it is sent without credentials
	hosts       []string                 // that it may go to besides the base's
	header      map[string]string        // more of it
	changing    func() map[string]string // what of it changes with each attempt
	take        []int                    // statuses besides 2xx whose answers are used
}

func (r *Reader) check(q request) error {
	switch {
	case (q.target.Scheme != r.base.Scheme || q.target.Host != r.base.Host || q.target.User != nil) && !slices.Contains(q.hosts, q.target.Host):
		return errors.New("a request to another host than the configured one is refused")
	case len(q.target.String()) > r.options.MaxLink:
		return fmt.Errorf("a URL is longer than %d bytes", r.options.MaxLink)
	}
	return nil
}

// typeOf returns the resource type or the operation that a path below the base begins with.
func (r *Reader) typeOf(path string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, r.base.Path), "/")
	name, _, _ := strings.Cut(rest, "/")
	if name == "" || name[0] != '$' && (name[0] < 'A' || name[0] > 'Z') {
		return ""
	}
	return name
}
