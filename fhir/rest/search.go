package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/internal/wire"
)

// query is one search.
type query struct {
	typ    string
	params []param // in the order in which they are sent
	check  []string
}

type param struct{ name, value string }

// encode writes the query. Commas and bars separate ids and tokens (FHIR R4, Search) and stay as they are.
func (q query) encode(count int) string {
	var b strings.Builder
	for _, p := range q.params {
		b.WriteString(p.name + "=" + escapeValue(p.value) + "&")
	}
	if count >= 0 {
		b.WriteString("_count=" + strconv.Itoa(count))
	}
	return strings.TrimSuffix(b.String(), "&")
}

var separators = strings.NewReplacer("%2C", ",", "%7C", "|", "%2F", "/", "%3A", ":")

func escapeValue(s string) string { return separators.Replace(url.QueryEscape(s)) }

// errExpired is a page that the server no longer has (410): the search begins anew.
var errExpired = errors.New("the server let the search expire")

// maxRestarts bounds how often a search begins anew, for expiry or because it was incomplete.
const maxRestarts = 3

// search calls take for every entry of every page, perhaps several times for the same entry: take must be idempotent.
func (s *Source) search(ctx context.Context, q query, take func(*bundle.Entry) error, rej func(fhir.Rejected)) error {
	for restart := 0; ; restart++ {
		err := s.searchOnce(ctx, q, take, rej)
		var incomplete *incompleteError
		if err == nil || restart == maxRestarts || !errors.Is(err, errExpired) && !errors.As(err, &incomplete) {
			return err
		}
	}
}

// incompleteError is a search that yielded fewer resources than the server counts.
type incompleteError struct {
	typ       string
	got, want int
}

func (e *incompleteError) Error() string {
	return fmt.Sprintf("the server counts %d %s resources but its pages held %d: it cuts long results off; raise its limit or lower the page size", e.want, e.typ, e.got)
}

// searchOnce follows the pages of one search.
func (s *Source) searchOnce(ctx context.Context, q query, take func(*bundle.Entry) error, rej func(fhir.Rejected)) error {
	w := walk{source: s, query: q, take: take, rej: rej, ids: map[string]bool{}, pages: map[string]bool{}, total: -1}
	next, err := w.first(ctx)
	for err == nil && next != nil {
		if w.pages[next.RequestURI()] {
			return fmt.Errorf("search for %s: a next link leads to a page that was read before", q.typ)
		}
		w.pages[next.RequestURI()] = true
		next, err = w.page(ctx, next)
	}
	if err != nil {
		return fmt.Errorf("search for %s: %w", q.typ, err)
	}
	return w.complete(ctx)
}

// walk is one way through the pages of a search.
type walk struct {
	source *Source
	query  query
	take   func(*bundle.Entry) error
	rej    func(fhir.Rejected)
	ids    map[string]bool // of matches, and places of rejected entries
	pages  map[string]bool
	total  int // Bundle.total of the first page, -1 when absent
	count  int // of pages
}

func (w *walk) first(ctx context.Context) (*url.URL, error) {
	s := w.source
	target := s.wire.Base().JoinPath(w.query.typ)
	encoded := w.query.encode(s.options.PageSize)
	if !s.options.Post {
		target.RawQuery = encoded
		return w.page(ctx, target)
	}
	var next *url.URL
	err := s.wire.Search(ctx, w.query.typ, encoded, func(a wire.Answer) (err error) {
		next, err = w.read(a)
		return err
	})
	return next, expired(err)
}

func (w *walk) page(ctx context.Context, target *url.URL) (*url.URL, error) {
	var next *url.URL
	err := w.source.wire.Get(ctx, target, func(a wire.Answer) (err error) {
		next, err = w.read(a)
		return err
	})
	return next, expired(err)
}

func expired(err error) error {
	var status *wire.StatusError
	if errors.As(err, &status) && status.Status == http.StatusGone {
		return errExpired
	}
	return err
}

// read reads one page and returns the URL of the next one, nil after the last. What it rejects is reported only when the
// page was read to its end, because an attempt may be repeated.
func (w *walk) read(a wire.Answer) (*url.URL, error) {
	var rejected []fhir.Rejected
	var matches []string
	p := page{total: -1}
	origin := fmt.Sprintf("%s %s page %d", w.source.Name(), w.query.typ, w.count+1)
	r := &bundle.Reader{Source: origin, Limits: w.source.options.Limits, Reuse: true, Member: p.member}
	r.Rejected = func(j fhir.Rejected) {
		rejected = append(rejected, j)
		matches = append(matches, fmt.Sprintf("%d@%d", w.count, j.Origin.Position))
	}
	r.Entry = func(e *bundle.Entry) error {
		if e.Resource != nil && e.Mode != "include" && e.Mode != "outcome" && e.Resource.Type == w.query.typ {
			matches = append(matches, strings.Clone(e.Resource.ID))
		}
		return w.entry(e)
	}
	summary, err := r.Read(a.Body)
	switch {
	case err != nil:
		return nil, err
	case summary.Broken || summary.Bundles != 1 || p.typ != "searchset":
		return nil, fmt.Errorf("%w: it is not one whole searchset Bundle", wire.ErrBroken)
	}
	return w.finish(a, p, matches, rejected)
}

// finish accounts for a page that was read whole.
func (w *walk) finish(a wire.Answer, p page, matches []string, rejected []fhir.Rejected) (*url.URL, error) {
	if w.count == 0 {
		w.total = p.total
		if err := w.query.honoured(p.links["self"]); err != nil {
			return nil, err
		}
	}
	w.count++
	for _, j := range rejected {
		w.rej(j)
	}
	for _, id := range matches {
		w.ids[id] = true
	}
	link, ok := p.links["next"]
	if !ok {
		return nil, nil
	}
	return w.source.follow(a.URL, link, p.links["self"], w.query.typ)
}

// honoured makes sure that the server did not ignore a parameter which it does not know (FHIR R4, Search: handling of
// unknown parameters): its self link tells what it searched for.
func (q query) honoured(self string) error {
	u, err := url.Parse(self)
	if self == "" || err != nil || u.RawQuery == "" {
		return nil // says nothing; the resources themselves are checked
	}
	have := u.Query()
	for _, name := range q.check {
		if len(have[name]) == 0 && !slices.ContainsFunc(keysOf(have), func(k string) bool { return strings.HasPrefix(k, name+":") }) {
			return &ignoredError{name}
		}
	}
	return nil
}

func keysOf(v url.Values) []string {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	return keys
}

// entry hands out one entry of a page.
func (w *walk) entry(e *bundle.Entry) error {
	switch {
	case e.Resource == nil:
		return nil
	case e.Resource.Type == "OperationOutcome":
		return outcome(e.Resource)
	case e.Resource.ID == "":
		return errors.New("the server sent a resource without an id")
	}
	return w.take(e)
}

// outcome reports an error that a server tells among the results; warnings and information are passed over.
func outcome(r *fhir.Resource) error {
	for issue := range r.Get("issue").Elements() {
		if s := issue.Get("severity").Text(); s == "error" || s == "fatal" {
			return fmt.Errorf("the server reports an error among the results: %s", issueCode(issue))
		}
	}
	return nil
}

// issueCode returns the issue's code. Its diagnostics may name patients.
func issueCode(issue fhir.Node) string {
	code := strings.Clone(issue.Get("code").Text())
	if len(code) > 40 || strings.ContainsFunc(code, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') }) {
		return "unknown"
	}
	return code
}

// complete compares what was read with what the server counts.
func (w *walk) complete(ctx context.Context) error {
	want := w.total
	if want < 0 && len(w.ids) > 0 { // a page that seems to be the only one may be what is left of several
		var err error
		if want, err = w.source.countOf(ctx, w.query); err != nil {
			return err
		}
	}
	if want > len(w.ids) {
		// Resources may have been deleted while the pages were read.
		now, err := w.source.countOf(ctx, w.query)
		if err != nil {
			return err
		}
		if now < 0 || min(now, want) > len(w.ids) {
			return &incompleteError{w.query.typ, len(w.ids), want}
		}
	}
	return nil
}

// countOf asks how many resources a search has; -1 when the server does not say.
func (s *Source) countOf(ctx context.Context, q query) (int, error) {
	c, err := s.counting(ctx, q)
	return c.total, err
}

// counted is the answer to a question for a number.
type counted struct {
	total int       // -1 when the server does not say
	at    time.Time // by the server's clock; zero when it does not say
	self  string    // link
}

func (s *Source) counting(ctx context.Context, q query) (counted, error) {
	target := s.wire.Base().JoinPath(q.typ)
	q.params = append(slices.Clone(q.params), param{"_summary", "count"})
	target.RawQuery = q.encode(-1)
	c := counted{total: -1}
	err := s.wire.Get(ctx, target, func(a wire.Answer) error {
		p := page{total: -1}
		r := &bundle.Reader{Member: p.member, Rejected: func(fhir.Rejected) {}, Entry: func(*bundle.Entry) error { return nil }}
		summary, err := r.Read(a.Body)
		switch {
		case err != nil:
			return err
		case summary.Broken || summary.Bundles != 1:
			return fmt.Errorf("%w: it is not one whole Bundle", wire.ErrBroken)
		}
		c = counted{p.total, earlier(dateOf(a.Header), p.at), p.links["self"]}
		return nil
	})
	if err != nil {
		return counted{total: -1}, fmt.Errorf("count %s: %w", q.typ, err)
	}
	return c, nil
}
