// Package fakevfps is a vfps as far as its public source tells: a Server keeps namespaces and the pseudonyms in them, and
// refuses what the real one refuses.
//
//   - An unknown namespace is 404 with the issue code processing, an original without a pseudonym 404 with not-found.
//   - A missing or blank parameter is 400, a value against the namespace's rule 422, a namespace of others 403.
package fakevfps

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/crflink/crflink/internal/fake"
)

// Server is a fake vfps.
type Server struct {
	fake.Front
	Old bool // before $resolve-pseudonym

	mu         sync.Mutex
	namespaces map[string]*namespace
}

type namespace struct {
	prefix     string
	rule       *regexp.Regexp
	forbidden  bool
	pseudonyms map[string]string
}

// New returns a server without namespaces.
func New() *Server {
	s := &Server{namespaces: map[string]*namespace{}}
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/fhir/$create-pseudonym", func(w http.ResponseWriter, q *http.Request) { s.operation(w, q, true) })
	m.HandleFunc("POST /v1/fhir/$resolve-pseudonym", func(w http.ResponseWriter, q *http.Request) { s.operation(w, q, false) })
	s.Handler = m
	return s
}

// AddNamespace adds an empty namespace whose pseudonyms begin with the prefix, and whose originals match the rule; "" is
// any.
func (s *Server) AddNamespace(name, prefix, rule string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namespaces[name] = &namespace{prefix: prefix, rule: regexp.MustCompile(rule), pseudonyms: map[string]string{}}
}

// Forbid takes the caller's right to a namespace, which must have been added.
func (s *Server) Forbid(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namespaces[name].forbidden = true
}

// Insert adds a pair of original and pseudonym, as enrolment does. The namespace must have been added.
func (s *Server) Insert(name, original, pseudonym string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namespaces[name].pseudonyms[original] = pseudonym
}

// Len returns how many pseudonyms a namespace holds.
func (s *Server) Len(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.namespaces[name].pseudonyms)
}

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter"`
}

type parameter struct {
	Name  string `json:"name"`
	Value string `json:"valueString"`
}

func (s *Server) operation(w http.ResponseWriter, q *http.Request, create bool) {
	if s.Old && !create {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var in parameters
	if q.Header.Get("Content-Type") != "application/fhir+json" || json.NewDecoder(q.Body).Decode(&in) != nil || in.ResourceType != "Parameters" {
		fake.Refuse(w, http.StatusBadRequest, "processing", "Received malformed or missing resource")
		return
	}
	name, original := "", ""
	for _, p := range in.Parameter {
		switch p.Name {
		case "namespace":
			name = p.Value
		case "originalValue":
			original = p.Value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespaces[name]
	switch {
	case name == "" || strings.TrimSpace(original) == "":
		fake.Refuse(w, http.StatusBadRequest, "processing", "namespace and/or originalValue are missing")
	case n == nil:
		fake.Refuse(w, http.StatusNotFound, "processing", "the namespace '"+name+"' could not be found, for "+original)
	case n.forbidden:
		fake.Refuse(w, http.StatusForbidden, "forbidden", "no access to "+name)
	case !n.rule.MatchString(original):
		fake.Refuse(w, http.StatusUnprocessableEntity, "business-rule", original+" does not match")
	case n.pseudonyms[original] == "" && !create:
		fake.Refuse(w, http.StatusNotFound, "not-found", "the namespace holds no pseudonym")
	default:
		if n.pseudonyms[original] == "" {
			n.pseudonyms[original] = fmt.Sprintf("%s%08d", n.prefix, 7919*(len(n.pseudonyms)+1)%100_000_000)
		}
		fake.Answer(w, parameters{"Parameters", []parameter{{"namespace", name}, {"originalValue", original}, {"pseudonymValue", n.pseudonyms[original]}}})
	}
}
