package fakeredcap

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/internal/fake"
)

// Server is a fake REDCap. Its exported members are set before the first request; faults are ordered of the Front.
type Server struct {
	fake.Front
	Version  string // of REDCap; "14.5.5" unless set
	Limit    int    // calls per minute and address, the next one bans the address for good; 600 unless set, -1 is none
	MaxBody  int64  // a longer request is 413; 0 is no limit
	MaxCells int    // an import of more values runs out of memory, with status 200; 0 is no limit
	Old      bool   // refuses with a JSON list of cells, as servers did before quads

	now func() time.Time

	mu       sync.Mutex
	projects []*Project
	calls    map[string]*minute
	banned   map[string]bool
}

// minute counts the calls of an address.
type minute struct {
	since time.Time
	calls int
}

// New returns a server without projects. Its log is written by the clock.
func New(now func() time.Time) *Server {
	s := &Server{now: now, Version: "14.5.5", Limit: 600, calls: map[string]*minute{}, banned: map[string]bool{}}
	s.Handler = http.HandlerFunc(s.serve)
	return s
}

func (s *Server) clock() time.Time { return s.now() }

// Add makes a project. Its design needs at least the record ID.
func (s *Server) Add(d Design, users ...User) *Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Project{server: s, design: d.clone(), users: slices.Clone(users), records: map[string]*record{}}
	s.projects = append(s.projects, p)
	return p
}

// Regrant replaces what a user may do, by its token. An unknown token is a new user.
func (p *Project) Regrant(u User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users = append(slices.DeleteFunc(p.users, func(old User) bool { return old.Token == u.Token }), u)
}

// Unban lets every address in again, as an administrator does.
func (s *Server) Unban() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.banned)
	clear(s.calls)
}

// Banned returns the addresses that were banned.
func (s *Server) Banned() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.banned))
}

// admit counts a call of an address and says whether it is served.
func (s *Server) admit(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.banned[address] {
		return false
	}
	m, now := s.calls[address], s.clock()
	if m == nil || now.Sub(m.since) >= time.Minute {
		m = &minute{since: now}
		s.calls[address] = m
	}
	m.calls++
	s.banned[address] = s.Limit > 0 && m.calls > s.Limit
	if !s.banned[address] {
		delete(s.banned, address)
	}
	return !s.banned[address]
}

// user returns the project of a token, and whose it is.
func (s *Server) user(token string) (*Project, User, bool) {
	s.mu.Lock()
	projects := slices.Clone(s.projects)
	s.mu.Unlock()
	for _, p := range projects {
		p.mu.Lock()
		i := slices.IndexFunc(p.users, func(u User) bool { return u.Token == token })
		if i >= 0 {
			u := p.users[i]
			p.mu.Unlock()
			return p, u, true
		}
		p.mu.Unlock()
	}
	return nil, User{}, false
}

func (s *Server) serve(w http.ResponseWriter, q *http.Request) {
	host, _, _ := net.SplitHostPort(q.RemoteAddr)
	w.Header().Set("Date", s.clock().UTC().Format(http.TimeFormat))
	switch {
	case !s.admit(host):
		page(w, http.StatusForbidden, "Your IP address has been banned from this server")
		return
	case q.URL.Path == "/api":
		w.Header().Set("Location", "/api/")
		page(w, http.StatusMovedPermanently, "Moved Permanently")
		return
	case !strings.HasSuffix(q.URL.Path, "/api/"):
		page(w, http.StatusNotFound, "Not Found")
		return
	case q.Method != http.MethodPost:
		refusal(http.StatusNotImplemented, "The requested method is not implemented").send(w, "xml")
		return
	case s.MaxBody > 0 && q.ContentLength > s.MaxBody:
		page(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	call, err := CallOf(q)
	if err != nil {
		refusal(http.StatusBadRequest, "the request is no form").send(w, "xml")
		return
	}
	s.answer(call).send(w, call.returnFormat())
}

func (s *Server) answer(c Call) reply {
	p, u, ok := s.user(c.Get("token"))
	if c.Get("token") == "" || !ok {
		return refusal(http.StatusForbidden, "You do not have permissions to use the API")
	}
	for _, name := range []string{"format", "returnFormat"} {
		if f := c.Get(name); f != "" && !slices.Contains([]string{"json", "csv", "xml", "odm"}, f) {
			return refusal(http.StatusNotAcceptable, "The value of the parameter \""+name+"\" is not valid")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer(c, u)
}

// answer is called with the lock held.
func (p *Project) answer(c Call, u User) reply {
	switch {
	case c.Content == "record" && c.Action == "delete":
		return p.erase(c, u)
	case c.Content == "record" && c.Import():
		return p.take(c, u)
	case c.Content == "version":
		return reply{http.StatusOK, "text/html; charset=utf-8", p.server.Version}
	case c.Action != "" && c.Action != "export":
		return unoffered(c)
	case !u.Export:
		return refusal(http.StatusForbidden, "You do not have API Export privileges")
	case c.Content == "record":
		return p.export(c, u)
	case c.Content == "log":
		return p.exportLog(c)
	case c.Content == "generateNextRecordName":
		return reply{http.StatusOK, "text/html; charset=utf-8", p.nextRecord(u)}
	}
	return p.structure(c, u)
}

func unoffered(c Call) reply {
	return refusal(http.StatusNotImplemented, "this fake server does not offer content="+c.Content+" action="+c.Action)
}
