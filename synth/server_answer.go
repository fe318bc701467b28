package synth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// answer is what will be sent, before a fault is done to it.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

func outcome(status int, code, text string) answer {
	return answer{status: status, body: issue("error", code, text)}
}

// issue is an OperationOutcome with one issue.
func issue(severity, code, text string) []byte {
	w := writer{[]byte{'{'}}
	w.plain("resourceType", "OperationOutcome")
	w.array("issue")
	w.object("")
	w.plain("severity", severity)
	w.plain("code", code)
	w.text("diagnostics", text)
	w.end()
	w.endArray()
	w.end()
	return w.b
}

func (s *Server) fail(w http.ResponseWriter, status int, code, text string) {
	send(w, outcome(status, code, text))
}

func send(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/fhir+json;charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone; there is nobody to tell
}

// respond routes a request.
func (c *call) respond() answer {
	parts := strings.Split(c.path, "/")
	get := c.r.Method == http.MethodGet
	switch {
	case get && c.path == "metadata":
		return c.capabilities()
	case get && c.path == "" && c.r.URL.Query().Has("__page"):
		return c.page(c.r.URL.Query().Get("__page"))
	case get && isExport(c.path):
		return c.export()
	case strings.HasPrefix(c.path, exportPath):
		return c.exportPart()
	case get && c.path == "_history":
		return c.history("", "")
	case len(parts) == 1 && get && c.path != "":
		return c.search(parts[0])
	case len(parts) == 2 && parts[1] == "_search" && c.r.Method == http.MethodPost:
		return c.search(parts[0])
	case len(parts) == 2 && parts[1] == "_history" && get:
		return c.history(parts[0], "")
	case len(parts) == 3 && parts[2] == "_history" && get:
		return c.history(parts[0], parts[1])
	case len(parts) == 2:
		return c.instance(fhir.Key{Type: parts[0], ID: parts[1]})
	}
	return outcome(http.StatusNotFound, "not-supported", "this interaction is not supported")
}

func (c *call) instance(key fhir.Key) answer {
	switch c.r.Method {
	case http.MethodGet:
		return c.read(key)
	case http.MethodDelete:
		c.s.Delete(key)
		return answer{status: http.StatusNoContent}
	case http.MethodPut:
		return c.put(key)
	}
	return outcome(http.StatusMethodNotAllowed, "not-supported", "this interaction is not supported")
}

func (c *call) read(key fhir.Key) answer {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	switch e := c.s.find(key); {
	case e == nil:
		return outcome(http.StatusNotFound, "not-found", "no such resource")
	case e.deleted:
		return outcome(http.StatusGone, "deleted", "the resource was deleted")
	default:
		header := map[string]string{"ETag": `W/"` + strconv.Itoa(e.version) + `"`}
		return answer{status: http.StatusOK, header: header, body: e.json}
	}
}

func (c *call) put(key fhir.Key) answer {
	var text json.RawMessage
	if err := json.NewDecoder(c.r.Body).Decode(&text); err != nil {
		return outcome(http.StatusBadRequest, "structure", "the body is not JSON")
	}
	if r, err := fhir.ReadResource(string(text), fhir.Origin{}); err != nil || r.Key() != key {
		return outcome(http.StatusBadRequest, "invalid", "the body is not the resource that the URL names")
	}
	if err := c.s.Put(text); err != nil {
		return outcome(http.StatusBadRequest, "invalid", err.Error())
	}
	return c.read(key)
}

// listing is the stable result of a search or history that pages are cut from.
type listing struct {
	kind     string // searchset or history
	entries  []*entry
	includes bool
	counts   bool // it is asked for the total
	total    int
	size     int
	start    int // of the page that a token stands for
	self     string
}

func (c *call) search(typ string) answer {
	values := c.r.URL.Query()
	if c.r.Method == http.MethodPost {
		values = c.r.Form
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	q, err := c.parseSearch(typ, values)
	if err != nil {
		return outcome(http.StatusBadRequest, "invalid", err.Error())
	}
	found := c.run(q)
	self := c.base + "/" + typ
	if len(q.self) > 0 {
		self += "?" + q.self.Encode()
	}
	l := &listing{kind: "searchset", entries: found, includes: q.include, total: len(found), size: min(q.count, c.s.pageCap()), self: self}
	if q.summary {
		l.entries, l.counts = nil, true
	}
	return c.cut(l)
}

// cut makes the page that begins at l.start, with a link to the next; the lock is held.
func (c *call) cut(l *listing) answer {
	end := min(l.start+l.size, len(l.entries))
	w := writer{[]byte{'{'}}
	w.plain("resourceType", "Bundle")
	w.object("meta")
	w.plain("lastUpdated", stampOf(c.s.config.Now().UnixMilli()))
	w.end()
	w.plain("type", l.kind)
	if l.counts || !c.s.faults.script.NoTotal {
		w.integer("total", int64(l.total))
	}
	w.array("link")
	c.link(&w, "self", l.self)
	if end < len(l.entries) && !c.has(FaultCutShort) {
		next := *l
		next.start = end
		c.link(&w, "next", c.nextURL(&next))
	}
	w.endArray()
	c.entries(&w, l, l.entries[l.start:end])
	w.end()
	return answer{status: http.StatusOK, body: w.b}
}

func (c *call) link(w *writer, relation, target string) {
	w.object("")
	w.plain("relation", relation)
	w.text("url", target)
	w.end()
}

// maxPages bounds the searches that are kept.
const maxPages = 50_000

// nextURL keeps the listing under an opaque token.
func (c *call) nextURL(next *listing) string {
	if len(c.s.pages) >= maxPages {
		clear(c.s.pages) // old searches expire
	}
	c.s.tokens++
	token := hexID(mix(c.s.tokens + 0x9e3779b97f4a7c15))
	c.s.pages[token] = next
	base := c.base
	if c.has(FaultLinkHost) {
		base = "http://fhir.internal.invalid:8080" + basePath
	}
	return base + "?__page=" + url.QueryEscape(token)
}

func (c *call) page(token string) answer {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	l := c.s.pages[token]
	if l == nil || c.has(FaultExpire) {
		return outcome(http.StatusGone, "expired", "the search does not exist any more or has expired")
	}
	return c.cut(l)
}

func (c *call) entries(w *writer, l *listing, page []*entry) {
	if len(page) == 0 && !c.has(FaultOutcome) {
		return
	}
	w.array("entry")
	if c.has(FaultDuplicate) && l.start > 0 {
		page = slices.Insert(slices.Clone(page), 0, l.entries[l.start-1])
	}
	for _, e := range page {
		c.entry(w, l.kind, e, "match")
	}
	if l.includes {
		for _, e := range c.included(page) {
			c.entry(w, l.kind, e, "include")
		}
	}
	if c.has(FaultOutcome) {
		w.object("")
		w.raw("resource", string(issue("warning", "not-supported", "a parameter was ignored")))
		w.raw("search", `{"mode":"outcome"}`)
		w.end()
	}
	w.endArray()
}

func (c *call) entry(w *writer, kind string, e *entry, mode string) {
	w.object("")
	w.plain("fullUrl", c.base+"/"+e.key.String())
	if e.json != nil {
		w.raw("resource", string(e.json))
	}
	if kind == "searchset" {
		w.raw("search", `{"mode":"`+mode+`"}`)
		w.end()
		return
	}
	method, status := http.MethodPut, "200"
	if e.deleted {
		method, status = http.MethodDelete, "204"
	}
	w.object("request")
	w.plain("method", method)
	w.plain("url", e.key.String())
	w.end()
	w.object("response")
	w.plain("status", status)
	w.plain("lastModified", stampOf(e.updated))
	w.end()
	w.end()
}
