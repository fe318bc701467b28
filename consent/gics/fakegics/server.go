// Package fakegics is a gICS behind the TTP-FHIR gateway as far as its public implementation guide and clients tell: a
// Server keeps domains and the documents that persons signed in them, and refuses what the real one refuses.
//
//   - A domain must have been added; an unknown one is 404 with an OperationOutcome, a missing parameter 400.
//   - $allConsentsForDomain pages by _count and _offset, 100 and 0 when absent, and counts all documents in Bundle.total.
//   - A person of whom nothing is known is 404, or with Lenient an empty Bundle: the guide allows for both.
//   - The Patient of an answer has an id of gICS's own, which no other server knows.
package fakegics

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"sync"

	"github.com/crflink/crflink/internal/fake"
)

// Signer is the system of the identifiers of the signer id type Pseudonym.
const Signer = "https://ths-greifswald.de/fhir/gics/identifiers/Pseudonym"

// Document is what a person signed.
type Document struct {
	System, Person string // the person's identifier; System is Signer when empty
	ID             string // of the Consent; made up when empty
	When           string // dateTime
	URI            string // policy.uri; that of the MII broad consent when empty
	Provisions     []Provision
}

// Provision is a signed policy of a document.
type Provision struct{ Type, Code, Name, Start, End string }

// Server is a fake gICS. Any path that ends in the name of an operation is served. Its exported members are set before
// the first request.
type Server struct {
	fake.Front
	Lenient   bool   // an unknown person is an empty Bundle, not 404
	Uncounted bool   // leave Bundle.total out
	Excess    int    // added to Bundle.total
	AfterPage func() // is called when a page was written

	mu      sync.Mutex
	domains map[string][]Document
}

// New returns a server without domains.
func New() *Server {
	s := &Server{domains: map[string][]Document{}}
	s.Handler = http.HandlerFunc(s.serve)
	return s
}

// AddDomain adds an empty domain.
func (s *Server) AddDomain(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains[name] = []Document{}
}

// Sign files documents in a domain, which must have been added.
func (s *Server) Sign(domain string, documents ...Document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains[domain] = append(s.domains[domain], documents...)
}

type parameters struct {
	ResourceType string `json:"resourceType"`
	Parameter    []struct {
		Name            string `json:"name"`
		ValueString     string `json:"valueString"`
		ValueIdentifier struct {
			System string `json:"system"`
			Value  string `json:"value"`
		} `json:"valueIdentifier"`
	} `json:"parameter"`
}

func (s *Server) serve(w http.ResponseWriter, q *http.Request) {
	operation := path.Base(q.URL.Path)
	if q.Method != http.MethodPost || !slices.Contains([]string{"$allConsentsForDomain", "$allConsentsForPerson", "$currentPolicyStatesForPerson"}, operation) {
		fake.Refuse(w, http.StatusBadRequest, "not-supported", "unknown operation")
		return
	}
	var in parameters
	if json.NewDecoder(q.Body).Decode(&in) != nil || in.ResourceType != "Parameters" {
		fake.Refuse(w, http.StatusBadRequest, "structure", "the body is not a Parameters resource")
		return
	}
	domain, persons := "", []Document(nil)
	for _, p := range in.Parameter {
		switch p.Name {
		case "domain":
			domain = p.ValueString
		case "personIdentifier":
			persons = append(persons, Document{System: p.ValueIdentifier.System, Person: p.ValueIdentifier.Value})
		}
	}
	s.mu.Lock()
	documents, ok := s.domains[domain]
	documents = slices.Clone(documents)
	s.mu.Unlock()
	switch {
	case domain == "" || operation != "$allConsentsForDomain" && len(persons) == 0:
		fake.Refuse(w, http.StatusBadRequest, "required", "domain or personIdentifier is missing")
	case !ok:
		fake.Refuse(w, http.StatusNotFound, "not-found", "unknown domain "+domain)
	case operation == "$allConsentsForDomain":
		s.domain(w, q, documents)
	default:
		s.person(w, operation, persons, documents)
	}
}

func (s *Server) domain(w http.ResponseWriter, q *http.Request, documents []Document) {
	count, err1 := number(q, "_count", 100)
	offset, err2 := number(q, "_offset", 0)
	if err1 != nil || err2 != nil {
		fake.Refuse(w, http.StatusBadRequest, "value", "_count and _offset must not be negative")
		return
	}
	from := min(offset, len(documents))
	bundle := collection()
	for _, d := range documents[from:min(from+count, len(documents))] {
		bundle.add(d.bundle())
	}
	if !s.Uncounted {
		total := len(documents) + s.Excess
		bundle.Total = &total
	}
	fake.Answer(w, bundle)
	if s.AfterPage != nil {
		s.AfterPage()
	}
}

func number(q *http.Request, name string, absent int) (int, error) {
	text := q.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func (s *Server) person(w http.ResponseWriter, operation string, persons, documents []Document) {
	bundle, found := collection(), []Document(nil)
	for _, d := range documents {
		if slices.ContainsFunc(persons, func(p Document) bool { return p.system() == d.system() && p.Person == d.Person }) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0 && !s.Lenient:
		fake.Refuse(w, http.StatusNotFound, "not-found", "unknown signer id "+persons[0].Person)
		return
	case operation == "$allConsentsForPerson":
		for _, d := range found {
			bundle.add(d.bundle())
		}
	default:
		for _, state := range states(found) {
			bundle.add(state.id, state.consent)
		}
	}
	fake.Answer(w, bundle)
}

func (d *Document) system() string {
	if d.System == "" {
		return Signer
	}
	return d.System
}

// uuid makes an id of a kind for a document that is always the same.
func (d *Document) uuid(kind string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s %s %v", kind, d.system(), d.Person, d.ID, d.When, d.Provisions))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// patientID is gICS's own id of the person.
func (d *Document) patientID() string {
	person := Document{System: d.System, Person: d.Person}
	return person.uuid("Patient")
}
