// Package fake is what the fake servers of foreign services have in common.
//
//   - A Front stands before a fake: it demands credentials, takes its time, counts calls, and misbehaves on command.
//   - An Authority gives tokens to clients, and lets only requests with its tokens through.
//   - A Fault is one way to misbehave.
//
// Fakes serve tests and demonstrations. They hold made-up data only.
package fake

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is a way in which a server, or a proxy before it, misbehaves.
type Fault int

// The faults.
const (
	None        Fault = iota
	Unavailable       // 503 with Retry-After
	Truncated         // 200, and half of the answer
	HTML              // 200, and the page of a proxy
	Cut               // the connection ends without an answer
	Forbidden         // 403 without an outcome
	Failed            // 500, and nothing was done
	Lost              // 504, and everything was done
	CutLate           // the connection ends without an answer, and everything was done
	Garbled           // 200 and an error page, and everything was done
)

// Front is an http.Handler before another one. Its exported members are set before the first request.
type Front struct {
	Handler        http.Handler
	User, Password string        // Basic credentials that are demanded
	Token          string        // bearer token that is demanded
	Latency        time.Duration // before each answer
	// Choose, where it is set, is asked before each call for which no fault is waiting. It may act on the fake.
	Choose func(*http.Request) Fault

	mu     sync.Mutex
	faults []Fault
	calls  []string

	waiting, atOnce int // calls
}

// Break makes the next calls misbehave, one fault each; None is a call that goes well.
func (f *Front) Break(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

// Calls returns method and path of every call so far.
func (f *Front) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// AtOnce returns how many calls there were at the same time at most.
func (f *Front) AtOnce() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.atOnce
}

func (f *Front) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	fault, waiting := f.next(q)
	defer f.left()
	if !waiting && f.Choose != nil {
		fault = f.Choose(q)
	}
	if !f.wait(q) {
		return
	}
	switch fault {
	case Unavailable:
		w.Header().Set("Retry-After", "1")
		Refuse(w, http.StatusServiceUnavailable, "transient", "")
	case HTML:
		page(w, http.StatusOK, "Please log in")
	case Failed:
		page(w, http.StatusInternalServerError, "Internal Server Error")
	case Lost, CutLate, Garbled:
		f.Handler.ServeHTTP(&recorder{header: http.Header{}}, q)
		late(w, fault)
	case Cut:
		panic(http.ErrAbortHandler)
	case Forbidden:
		w.WriteHeader(http.StatusForbidden)
	case None, Truncated:
		f.answer(w, q, fault == Truncated)
	}
}

// next counts the call and takes the fault that is waiting for it.
func (f *Front) next(q *http.Request) (fault Fault, waiting bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, q.Method+" "+q.URL.Path)
	f.waiting++
	f.atOnce = max(f.atOnce, f.waiting)
	if len(f.faults) == 0 {
		return None, false
	}
	fault = f.faults[0]
	f.faults = f.faults[1:]
	return fault, true
}

// late answers a call that was carried out, so that the caller cannot know.
func late(w http.ResponseWriter, fault Fault) {
	switch fault {
	case Lost:
		page(w, http.StatusGatewayTimeout, "504 Gateway Time-out")
	case Garbled:
		page(w, http.StatusOK, "<br />\n<b>Fatal error</b>: Uncaught exception")
	default:
		panic(http.ErrAbortHandler)
	}
}

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<!DOCTYPE html><html><body>" + text + "</body></html>"))
}

func (f *Front) left() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting--
}

func (f *Front) wait(q *http.Request) bool {
	if f.Latency <= 0 {
		return true
	}
	t := time.NewTimer(f.Latency)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-q.Context().Done():
		return false
	}
}

func (f *Front) answer(w http.ResponseWriter, q *http.Request, half bool) {
	if !f.admits(q) {
		Refuse(w, http.StatusUnauthorized, "login", "")
		return
	}
	if !half {
		f.Handler.ServeHTTP(w, q)
		return
	}
	whole := &recorder{header: http.Header{}}
	f.Handler.ServeHTTP(whole, q)
	w.Header().Set("Content-Type", whole.header.Get("Content-Type"))
	_, _ = w.Write(whole.body.Bytes()[:whole.body.Len()/2])
}

func (f *Front) admits(q *http.Request) bool {
	user, password, _ := q.BasicAuth()
	switch {
	case f.Token != "":
		return q.Header.Get("Authorization") == "Bearer "+f.Token
	case f.User != "":
		return user == f.User && password == f.Password
	}
	return true
}

type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// Answer writes a resource with status 200.
func Answer(w http.ResponseWriter, resource any) { write(w, http.StatusOK, resource) }

// Refuse writes an OperationOutcome of one issue, whose diagnostics are the text.
func Refuse(w http.ResponseWriter, status int, code, text string) {
	issue := map[string]any{"severity": "error", "code": code}
	if text != "" {
		issue["diagnostics"] = text
	}
	write(w, status, map[string]any{"resourceType": "OperationOutcome", "issue": []any{issue}})
}

func write(w http.ResponseWriter, status int, resource any) {
	text, err := json.Marshal(resource)
	if err != nil {
		http.Error(w, "the fake's answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
