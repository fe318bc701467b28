package rest

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
)

// page is what a Bundle says about itself.
type page struct {
	typ   string
	total int // -1 when absent
	links map[string]string
	at    time.Time // meta.lastUpdated

	table fhir.Table // of the member that is read
}

func (p *page) member(m bundle.Member) {
	if m.Depth != 0 {
		return
	}
	if p.table.Parse(`{"v":`+m.JSON+`}`) != nil {
		return
	}
	v := p.table.Root().Get("v")
	switch m.Name {
	case "type":
		p.typ = v.Text()
	case "total":
		if n, err := strconv.Atoi(v.Text()); err == nil && v.Kind() == fhir.Number && n >= 0 {
			p.total = n
		}
	case "meta":
		if d, err := fhir.ParseDateTime(v.Get("lastUpdated").Text()); err == nil {
			p.at, _ = d.Instant()
		}
	case "link":
		p.links = map[string]string{}
		for l := range v.Elements() {
			p.links[l.Get("relation").Text()] = l.Get("url").Text()
		}
	}
}

var (
	errForeign = errors.New("a next link leads to another host than the configured base; set links to \"rebase\" if a proxy writes wrong hosts")
	errOutside = errors.New("a next link leads out of the configured base: its path does not belong to the server")
)

// follow turns a next link into a URL on the configured base. The link is resolved against the URL that was asked
// (RFC 3986 5). Where host or path prefix differ from the base's, as behind a proxy, what is behind the server's own idea
// of its base (told by the self link, which must end in the type) is put behind the configured one. The query is kept byte
// by byte.
func (s *Source) follow(asked *url.URL, link, self, typ string) (*url.URL, error) {
	ref, err := url.Parse(link)
	if err != nil {
		return nil, errors.New("a next link is not a URL")
	}
	base := s.wire.Base()
	next := asked.ResolveReference(ref)
	if s.options.Links == SameHost && (next.Host != base.Host || next.Scheme != base.Scheme) {
		return nil, errForeign
	}
	path, ok := below(next.EscapedPath(), base.EscapedPath())
	if !ok {
		path, ok = below(next.EscapedPath(), ownBase(asked, self, typ))
	}
	if !ok {
		return nil, errOutside
	}
	rebased, err := url.Parse(base.String() + path)
	if err != nil {
		return nil, errOutside
	}
	rebased.RawQuery = next.RawQuery
	return rebased, nil
}

// below returns what of the path is below the base: "" or a rest that begins with a slash.
func below(path, base string) (string, bool) {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(base, "/"))
	if !ok || rest != "" && rest[0] != '/' || strings.Contains(rest, "/../") || strings.HasSuffix(rest, "/..") {
		return "", false
	}
	return rest, true
}

// ownBase returns the path that the server believes to be its base.
func ownBase(asked *url.URL, self, typ string) string {
	u, err := url.Parse(self)
	if self == "" || err != nil {
		return "\x00" // is below nothing
	}
	path := strings.TrimSuffix(asked.ResolveReference(u).EscapedPath(), "/_search")
	own, ok := strings.CutSuffix(path, "/"+typ)
	if !ok {
		return "\x00"
	}
	return own
}
