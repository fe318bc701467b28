package synth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Script is a list of failures, and of habits that servers have. As JSON:
//
//	{"pageCap": 20, "historyOff": true, "noTotal": true,
//	 "faults": [{"match": "GET Observation", "kind": "status", "status": 503, "retryAfter": 1, "every": 3, "skip": 1, "times": 2}]}
type Script struct {
	PageCap    int     `json:"pageCap,omitempty"`    // most entries of a page, whatever the client asks for
	HistoryOff bool    `json:"historyOff,omitempty"` // _history answers 404
	NoTotal    bool    `json:"noTotal,omitempty"`    // Bundle.total is absent
	Faults     []Fault `json:"faults,omitempty"`

	ExportPolls int    `json:"exportPolls,omitempty"` // how often the status of an export says that it is not done
	ExportOpen  bool   `json:"exportOpen,omitempty"`  // files of exports need no token, and refuse one
	ExportHost  string `json:"exportHost,omitempty"`  // scheme and host of the URLs of files, such as http://files.example:8080
	NoRanges    bool   `json:"noRanges,omitempty"`    // files of exports are sent whole, whatever range is asked for
	NoGzip      bool   `json:"noGzip,omitempty"`      // files of exports are never compressed
}

// Fault is something that goes wrong with some requests. Of several that apply the first is done.
type Fault struct {
	Kind       FaultKind `json:"kind"`
	Match      string    `json:"match,omitempty"`      // text within "METHOD path?query"; "" is every request
	Every      int       `json:"every,omitempty"`      // every Nth request that matches; 0 and 1 are all
	Skip       int       `json:"skip,omitempty"`       // leave the first N requests that match alone
	Times      int       `json:"times,omitempty"`      // at most N times; 0 is always
	Status     int       `json:"status,omitempty"`     // of kind status
	RetryAfter int       `json:"retryAfter,omitempty"` // seconds; 0 sends none
	DelayMS    int       `json:"delayMs,omitempty"`    // of kind slow: pause between pieces of the body
}

// FaultKind names what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	FaultStatus    FaultKind = "status"    // answers Status, with Retry-After
	FaultTruncate  FaultKind = "truncate"  // breaks the connection in the middle of the body
	FaultDrop      FaultKind = "drop"      // breaks the connection without an answer
	FaultLinkHost  FaultKind = "link-host" // the next link names another host
	FaultExpire    FaultKind = "expire"    // a next link answers 410; so do the files of an export until its manifest is read again
	FaultSlow      FaultKind = "slow"      // the body comes in pieces
	FaultHTML      FaultKind = "html"      // 200 with a page of a proxy
	FaultDuplicate FaultKind = "duplicate" // a page begins with the last entry of the page before
	FaultOutcome   FaultKind = "outcome"   // a searchset has an OperationOutcome entry
	FaultCutShort  FaultKind = "cut-short" // the next link is missing although there is more
	FaultCutFile   FaultKind = "cut-file"  // a file of an export ends too early, as if it were whole
	FaultPartial   FaultKind = "partial"   // the export that begins here could not export everything: it has a file of errors
	FaultGone      FaultKind = "gone"      // the export is forgotten
)

var faultKinds = []FaultKind{
	FaultStatus, FaultTruncate, FaultDrop, FaultLinkHost, FaultExpire, FaultSlow, FaultHTML, FaultDuplicate, FaultOutcome, FaultCutShort,
	FaultCutFile, FaultPartial, FaultGone,
}

// ReadScript reads a script strictly.
func ReadScript(r io.Reader) (*Script, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var s Script
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("read the script of faults: %w", err)
	}
	return &s, s.check()
}

func (s *Script) check() error {
	if s.PageCap < 0 {
		return fmt.Errorf("script of faults: pageCap must not be negative")
	}
	for i, f := range s.Faults {
		known := false
		for _, k := range faultKinds {
			known = known || f.Kind == k
		}
		switch {
		case !known:
			return fmt.Errorf("script of faults: fault %d has the unknown kind %q; known are %v", i+1, f.Kind, faultKinds)
		case f.Kind == FaultStatus && (f.Status < 400 || f.Status > 599):
			return fmt.Errorf("script of faults: fault %d needs a status from 400 to 599", i+1)
		case f.Every < 0 || f.Skip < 0 || f.Times < 0 || f.DelayMS < 0 || f.RetryAfter < 0:
			return fmt.Errorf("script of faults: fault %d has a negative number", i+1)
		}
	}
	return nil
}

// faultState counts what the faults have seen and done.
type faultState struct {
	script     Script
	seen, done []int
}

// Script replaces the failures from now on; nil is none.
func (s *Server) Script(script *Script) error {
	if script == nil {
		script = &Script{}
	}
	if err := script.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faultState{*script, make([]int, len(script.Faults)), make([]int, len(script.Faults))}
	return nil
}

// pageCap is the greatest page; the lock is held.
func (s *Server) pageCap() int {
	if n := s.faults.script.PageCap; n > 0 {
		return min(n, s.config.MaxPage)
	}
	return s.config.MaxPage
}

func (s *Server) historyOff() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.faults.script.HistoryOff
}

// nextFault returns the fault that this request suffers.
func (s *Server) nextFault(request string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hit *Fault
	for i := range s.faults.script.Faults {
		f := &s.faults.script.Faults[i]
		if !strings.Contains(request, f.Match) {
			continue
		}
		s.faults.seen[i]++
		n := s.faults.seen[i] - f.Skip
		if hit != nil || n <= 0 || f.Every > 1 && n%f.Every != 0 || f.Times > 0 && s.faults.done[i] >= f.Times {
			continue
		}
		s.faults.done[i]++
		copied := *f
		hit = &copied
	}
	return hit
}

func (c *call) has(kind FaultKind) bool { return c.fault != nil && c.fault.Kind == kind }

// withFaults answers, or fails as scripted.
func (s *Server) withFaults(w *recorder, c *call) {
	c.fault = s.nextFault(c.r.Method + " " + c.path + "?" + c.query)
	switch {
	case c.has(FaultDrop):
		panic(http.ErrAbortHandler) // the documented way to break a connection
	case c.has(FaultStatus):
		a := outcome(c.fault.Status, "transient", "the server is busy")
		if c.fault.RetryAfter > 0 {
			a.header = map[string]string{"Retry-After": strconv.Itoa(c.fault.RetryAfter)}
		}
		send(w, a)
	case c.has(FaultHTML):
		page := []byte("<!DOCTYPE html><html><body><h1>Wartungsarbeiten</h1></body></html>")
		send(w, answer{http.StatusOK, map[string]string{"Content-Type": "text/html; charset=utf-8"}, page})
	case c.has(FaultTruncate):
		truncate(w.ResponseWriter, c.respond())
	case c.has(FaultSlow):
		slowly(w, c, c.respond())
	default:
		send(w, c.respond())
	}
}

// truncate sends half of the body under the length of all of it. The log gets no status.
func truncate(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// slowly sends the body in eight pieces with pauses.
func slowly(w http.ResponseWriter, c *call, a answer) {
	w.Header().Set("Content-Type", "application/fhir+json")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	piece := max(1, len(a.body)/8)
	for part := range bytesOf(a.body, piece) {
		_, _ = w.Write(part)
		_ = http.NewResponseController(w).Flush()
		timer := time.NewTimer(time.Duration(c.fault.DelayMS) * time.Millisecond)
		select {
		case <-timer.C:
		case <-c.r.Context().Done():
			timer.Stop()
			return
		}
	}
}

func bytesOf(b []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for r := bytes.NewBuffer(b); r.Len() > 0; {
			if !yield(r.Next(size)) {
				return
			}
		}
	}
}
