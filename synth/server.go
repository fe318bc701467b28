package synth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ServerConfig says how the server behaves when nothing goes wrong.
type ServerConfig struct {
	PageSize int              // entries of a page when the client does not say; 0 is 50
	MaxPage  int              // most entries of a page; 0 is 1000
	Token    string           // bearer token that every request must carry; "" is none
	Faults   *Script          // scripted failures; nil is none
	PACS     http.Handler     // answers below /dicom-web; nil is none
	Now      func() time.Time // clock of meta.lastUpdated and Bundle.meta.lastUpdated; nil is the system's
}

// Server offers resources over HTTP as a FHIR R4 server does, under the path /fhir: read, search by GET and POST, paging, history,
// update, delete and $export. It is an http.Handler and safe for concurrent use.
type Server struct {
	config ServerConfig
	mu     sync.RWMutex
	types  map[string]*collection
	pages  map[string]*listing

	exports map[string]*exported
	change  []*entry // all versions that were written after loading, and all loaded ones, in order
	log     []Request
	faults  faultState
	tokens  uint64
}

// Request is one line of the server's request log.
type Request struct {
	Method string
	Path   string // below the base, without query: Observation/_search
	Query  string // query of a GET, form of a POST _search; the parameters as sent
	Status int    // 0 when a fault cut the answer
}

// NewServer returns an empty server.
func NewServer(config ServerConfig) (*Server, error) {
	if config.PageSize < 0 || config.MaxPage < 0 {
		return nil, errors.New("page sizes must not be negative")
	}
	if config.PageSize == 0 {
		config.PageSize = 50
	}
	if config.MaxPage == 0 {
		config.MaxPage = 1000
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Server{config: config, types: map[string]*collection{}, pages: map[string]*listing{}, exports: map[string]*exported{}}
	return s, s.Script(config.Faults)
}

// Requests returns a copy of the request log: what was asked, in the order in which it arrived.
func (s *Server) Requests() []Request {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]Request(nil), s.log...)
}

// ForgetRequests empties the request log.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// basePath is where the FHIR API lives.
const basePath = "/fhir"

// pacsPath is where the PACS beside it lives.
const pacsPath = "/dicom-web"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.config.PACS != nil && strings.HasPrefix(r.URL.Path, pacsPath+"/") {
		http.StripPrefix(pacsPath, s.config.PACS).ServeHTTP(w, r)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, basePath)
	if !ok || path != "" && path[0] != '/' {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<20)
	if err := r.ParseForm(); err != nil && r.Method == http.MethodPost {
		s.fail(w, http.StatusBadRequest, "structure", "the form cannot be read")
		return
	}
	c := call{s: s, r: r, path: strings.Trim(path, "/"), base: "http://" + r.Host + basePath}
	c.query = r.URL.RawQuery
	if r.Method == http.MethodPost && strings.HasSuffix(c.path, "_search") {
		c.query = r.Form.Encode()
	}
	recorder := &recorder{ResponseWriter: w, s: s, at: s.record(Request{Method: r.Method, Path: c.path, Query: c.query})}
	if s.config.Token != "" && !s.isOpen(&c) && r.Header.Get("Authorization") != "Bearer "+s.config.Token {
		recorder.Header().Set("WWW-Authenticate", "Bearer")
		s.fail(recorder, http.StatusUnauthorized, "login", "a bearer token is required")
		return
	}
	s.withFaults(recorder, &c)
}

// isOpen reports whether a request needs no token: it is for a file of an export whose address is secret.
func (s *Server) isOpen(c *call) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.faults.script.ExportOpen && strings.HasPrefix(c.path, exportPath) && strings.Count(c.path, "/") == 2
}

func (s *Server) record(r Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r)
	return len(s.log) - 1
}

// recorder notes the status in the request log before the client can see it.
type recorder struct {
	http.ResponseWriter
	s  *Server
	at int
}

func (r *recorder) WriteHeader(status int) {
	r.s.mu.Lock()
	if r.at < len(r.s.log) {
		r.s.log[r.at].Status = status
	}
	r.s.mu.Unlock()
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Serve listens on addr until ctx ends and calls ready with the base URL. Unless open, addr must name this machine only.
func (s *Server) Serve(ctx context.Context, addr string, open bool, ready func(base string)) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address to serve at: %w; write it as 127.0.0.1:8080", err)
	}
	if ip := net.ParseIP(host); !open && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("the test server has no access control and serves at 127.0.0.1 or localhost only, unless it is opened on purpose")
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("serve synthetic data: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan error, 1)
	go func() { // ends when ctx ends or Serve fails
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if ready != nil {
		ready("http://" + listener.Addr().String() + basePath)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve synthetic data: %w", err)
	}
	return <-stopped
}
