// Package fakegpas is a gPAS behind the TTP-FHIR gateway as far as its public implementation guide and clients tell: a
// Server keeps domains and the pseudonyms in them, and refuses what the real one refuses.
//
//   - A domain must have been added; an unknown one is 404 with an OperationOutcome, a missing parameter 400.
//   - Originals that fail are told inside an answer of 200, beside those that did not.
//   - The order of results is never that of the request.
package fakegpas

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"

	"github.com/crflink/crflink/internal/fake"
)

// System is the system of the identifiers that gPAS answers with.
const System = "https://ths-greifswald.de/gpas"

// Names of the operations, and what of gPAS speaks them.
const (
	Before1102 = "1.10.1" // GET $pseudonymize-allow-create, one original in a call
	Only1102   = "1.10.2" // POST $pseudonymize-allow-create
	Since1103  = "1.10.3" // POST $pseudonymizeAllowCreate
)

// Server is a fake gPAS. Any path that ends in the name of an operation is served.
type Server struct {
	fake.Front
	version string

	mu      sync.Mutex
	domains map[string]*domain
	broken  map[string]string // original -> issue code
	silent  map[string]bool   // originals that answers leave out
}

type domain struct {
	prefix     string
	pseudonyms map[string]string
}

// New returns a server that speaks as the version does, and has no domains.
func New(version string) *Server {
	s := &Server{version: version, domains: map[string]*domain{}, broken: map[string]string{}, silent: map[string]bool{}}
	s.Handler = http.HandlerFunc(s.serve)
	return s
}

// AddDomain adds an empty domain whose pseudonyms begin with the prefix.
func (s *Server) AddDomain(name, prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains[name] = &domain{prefix, map[string]string{}}
}

// Insert adds a pair of original and pseudonym, as enrolment does. The domain must have been added.
func (s *Server) Insert(domain, original, pseudonym string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains[domain].pseudonyms[original] = pseudonym
}

// FailOn makes an original fail with an issue code, whatever is asked.
func (s *Server) FailOn(original, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[original] = code
}

// LeaveOut makes answers say nothing about an original.
func (s *Server) LeaveOut(original string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent[original] = true
}

// Len returns how many pseudonyms a domain holds.
func (s *Server) Len(domain string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.domains[domain].pseudonyms)
}

func (s *Server) serve(w http.ResponseWriter, q *http.Request) {
	create := map[string]string{Before1102: "GET $pseudonymize-allow-create", Only1102: "POST $pseudonymize-allow-create", Since1103: "POST $pseudonymizeAllowCreate"}
	switch call := q.Method + " " + path.Base(q.URL.Path); {
	case call == create[s.version] && s.version == Before1102:
		s.getOne(w, q)
	case call == create[s.version]:
		s.pseudonymize(w, q, true)
	case call == "POST $pseudonymize" && s.version != Before1102:
		s.pseudonymize(w, q, false)
	default:
		fake.Refuse(w, http.StatusBadRequest, "not-supported", "unknown operation")
	}
}

// Parameter is a parameter of a Parameters resource.
type Parameter struct {
	Name            string      `json:"name"`
	ValueString     string      `json:"valueString,omitempty"`
	ValueIdentifier *Identifier `json:"valueIdentifier,omitempty"`
	ValueCoding     *Coding     `json:"valueCoding,omitempty"`
	Part            []Parameter `json:"part,omitempty"`
}

// Identifier and Coding are data types of FHIR R4.
type (
	Identifier struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	Coding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
)

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []Parameter `json:"parameter,omitempty"`
}

func (s *Server) pseudonymize(w http.ResponseWriter, q *http.Request, create bool) {
	var in parameters
	if q.Header.Get("Content-Type") != "application/fhir+json" || json.NewDecoder(q.Body).Decode(&in) != nil || in.ResourceType != "Parameters" {
		fake.Refuse(w, http.StatusBadRequest, "structure", "the body is not a Parameters resource")
		return
	}
	target, originals := "", []string(nil)
	for _, p := range in.Parameter {
		switch p.Name {
		case "target":
			target = p.ValueString
		case "original":
			originals = append(originals, p.ValueString)
		}
	}
	if target == "" || len(originals) == 0 || slices.Contains(originals, "") {
		fake.Refuse(w, http.StatusBadRequest, "required", "target or original is missing")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.domains[target]
	if !ok {
		fake.Refuse(w, http.StatusNotFound, "not-found", fmt.Sprintf("unknown domain %s for %s", target, originals[0]))
		return
	}
	out := parameters{ResourceType: "Parameters"}
	for i, original := range originals {
		if s.silent[original] {
			continue
		}
		out.Parameter = append(out.Parameter, s.result(d, target, original, create, i%2 == 0))
	}
	slices.Reverse(out.Parameter)
	fake.Answer(w, out)
}

// result answers for one original; the order of its parts differs, too.
func (s *Server) result(d *domain, target, original string, create, turned bool) Parameter {
	id := func(name, value string) Parameter {
		return Parameter{Name: name, ValueIdentifier: &Identifier{System, value}}
	}
	pseudonym, code := s.find(d, original, create)
	if code != "" {
		return Parameter{Name: "error", Part: []Parameter{id("original", original),
			{Name: "error-code", ValueCoding: &Coding{"http://hl7.org/fhir/issue-type", code}}}}
	}
	parts := []Parameter{id("original", original), id("target", target), id("pseudonym", pseudonym)}
	if turned {
		slices.Reverse(parts)
	}
	return Parameter{Name: "pseudonym", Part: parts}
}

func (s *Server) find(d *domain, original string, create bool) (pseudonym, code string) {
	if code := s.broken[original]; code != "" {
		return "", code
	}
	pseudonym, ok := d.pseudonyms[original]
	if !ok && !create {
		return "", "not-found"
	}
	if !ok {
		pseudonym = fmt.Sprintf("%s%08d", d.prefix, 7919*(len(d.pseudonyms)+1)%100_000_000)
		d.pseudonyms[original] = pseudonym
	}
	return pseudonym, ""
}

// getOne answers as gPAS before 1.10.2 did: the parameter is named by the original.
func (s *Server) getOne(w http.ResponseWriter, q *http.Request) {
	target, original := q.URL.Query().Get("domain"), q.URL.Query().Get("original")
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.domains[target]
	switch {
	case original == "" || target == "":
		fake.Refuse(w, http.StatusBadRequest, "required", "domain or original is missing")
		return
	case !ok:
		fake.Refuse(w, http.StatusNotFound, "not-found", "unknown domain "+target)
		return
	}
	pseudonym, code := s.find(d, original, true)
	if code != "" {
		fake.Refuse(w, http.StatusUnprocessableEntity, code, "cannot pseudonymize "+original)
		return
	}
	fake.Answer(w, parameters{ResourceType: "Parameters", Parameter: []Parameter{{Name: original, ValueString: pseudonym}}})
}
