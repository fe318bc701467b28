package gics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/wire"
)

// maxSweeps bounds how often a domain is read that changes while it is read.
const maxSweeps = 3

// errMoved is returned for a domain that changed between two pages.
var errMoved = errors.New("the domain's documents changed while they were read")

// load reads the domain once, or finds out whether gICS and the domain are there at all: later, a refusal about one
// person must not be taken for that.
func (s *Source) load(ctx context.Context, rej func(fhir.Rejected)) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.loaded {
		return nil
	}
	if s.options.Ask != Domain {
		if _, err := s.page(ctx, 0, 1); err != nil {
			return fmt.Errorf("gICS: %w", err)
		}
		s.loaded = true
		return nil
	}
	var err error
	for range maxSweeps {
		if err = s.sweep(ctx, rej); err == nil {
			s.loaded = true
			return nil
		}
		if !errors.Is(err, errMoved) {
			break
		}
	}
	return fmt.Errorf("gICS: %w", err)
}

// Refresh forgets what gICS said, so that the next Subjects, Fetch or Reread asks again: who was asked about long ago may have withdrawn
// since.
func (s *Source) Refresh() {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded, s.held = false, map[string][]span{}
}

// sweep reads all pages. Nothing is used before the last one was read and the count is right.
func (s *Source) sweep(ctx context.Context, rej func(fhir.Rejected)) error {
	held, seen := map[string][]span{}, map[string]bool{}
	foreign, total, offset, full := 0, -1, 0, false
	for offset != total || full { // a full last page does not show that it is the last: the next one must be empty
		p, err := s.page(ctx, offset, s.options.Page)
		switch {
		case err != nil:
			return err
		case total >= 0 && p.total != total:
			return errMoved
		case offset+len(p.documents) > p.total:
			return fmt.Errorf("%s sent more documents than the %d that it counts", opDomain, p.total)
		case len(p.documents) == 0 && p.total > offset:
			return fmt.Errorf("%s ended at %d of %d documents", opDomain, offset, p.total)
		}
		total = p.total
		for i := range p.documents {
			d := &p.documents[i]
			if d.name != "" && seen[d.name] {
				return errMoved
			}
			seen[d.name] = true
			if len(d.persons) == 0 && !d.foreign {
				return fmt.Errorf("document %d of %s names no person", offset+i+1, opDomain)
			}
			if len(d.persons) == 0 {
				foreign++
			}
			if err := s.keep(held, d, d.persons, int64(offset+i+1)); err != nil {
				return err
			}
		}
		offset += len(p.documents)
		full = len(p.documents) >= s.options.Page
	}
	s.mu.Lock()
	s.held = held
	s.mu.Unlock()
	if foreign > 0 {
		rej(fhir.Rejected{Origin: fhir.Origin{Source: s.Name() + " gICS"}, Type: "Consent",
			Reason: fmt.Sprintf("%d documents of gICS name their person by other identifier systems than the configured one", foreign)})
	}
	return nil
}

// keep spools a document's Consents under the persons.
func (s *Source) keep(held map[string][]span, d *document, persons []string, ordinal int64) error {
	for _, text := range d.consents {
		offset, err := s.spool.Append(text)
		if err != nil {
			return err
		}
		for _, person := range persons {
			held[person] = append(held[person], span{offset, len(text), ordinal})
		}
	}
	return nil
}

// page asks for documents of the domain.
func (s *Source) page(ctx context.Context, offset, count int) (*page, error) {
	query := url.Values{"_count": {strconv.Itoa(count)}, "_offset": {strconv.Itoa(offset)}}
	p, err := s.call(ctx, opDomain, query, parameter{Name: "domain", ValueString: s.options.Domain})
	switch {
	case err != nil:
		return nil, err
	case p.total < 0:
		return nil, fmt.Errorf("%s does not count its documents (Bundle.total), so that nobody can tell whether they are all", opDomain)
	}
	return p, nil
}

// spansOf returns where the Consents of a person are; where gICS is asked for each person, it is asked at the first time.
func (s *Source) spansOf(ctx context.Context, person string) ([]span, error) {
	s.mu.Lock()
	spans, ok := s.held[person]
	s.mu.Unlock()
	if ok || s.options.Ask == Domain {
		return spans, nil
	}
	p, err := s.askPerson(ctx, person)
	if err != nil {
		return nil, fmt.Errorf("gICS: %w", err)
	}
	held := map[string][]span{person: {}}
	for i := range p.documents {
		d := &p.documents[i]
		if len(d.persons) > 0 && !d.names(person) || len(d.persons) == 0 && d.foreign {
			return nil, fmt.Errorf("gICS: document %d of the answer is another person's than the one who was asked for", i+1)
		}
		if err := s.keep(held, d, []string{person}, int64(i+1)); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[person] = held[person]
	return held[person], nil
}

// askPerson asks for one person. One whom gICS does not know has no documents.
func (s *Source) askPerson(ctx context.Context, person string) (*page, error) {
	in := []parameter{
		{Name: "personIdentifier", ValueIdentifier: &identifier{s.options.Person, person}},
		{Name: "domain", ValueString: s.options.Domain},
	}
	operation := opPerson
	if s.options.Ask == States {
		operation = opStates
		in = append(in, parameter{Name: "config", Resource: &parameters{"Parameters", []parameter{
			{Name: "idMatchingType", ValueCoding: &coding{"https://ths-greifswald.de/fhir/CodeSystem/gics/IdMatchingType", "AT_LEAST_ONE"}},
			{Name: "ignoreVersionNumber", ValueBoolean: new(bool)},
			{Name: "unknownStateIsConsideredAsDecline", ValueBoolean: new(bool)},
		}}})
	}
	p, err := s.call(ctx, operation, nil, in...)
	var status *wire.StatusError
	switch {
	case errors.As(err, &status) && status.Status == http.StatusNotFound && len(status.Issues) > 0:
		return &page{}, nil
	case err != nil:
		return nil, err
	case p.total >= 0 && p.total != len(p.documents):
		return nil, fmt.Errorf("%s counts %d documents and sent %d", operation, p.total, len(p.documents))
	}
	return p, nil
}

// parameter is a parameter of a Parameters resource (FHIR R4) as gICS reads them.
type parameter struct {
	Name            string      `json:"name"`
	ValueString     string      `json:"valueString,omitempty"`
	ValueIdentifier *identifier `json:"valueIdentifier,omitempty"`
	ValueCoding     *coding     `json:"valueCoding,omitempty"`
	ValueBoolean    *bool       `json:"valueBoolean,omitempty"`
	Resource        *parameters `json:"resource,omitempty"`
}

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter"`
}

type identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

func (s *Source) call(ctx context.Context, operation string, query url.Values, in ...parameter) (p *page, err error) {
	body, err := json.Marshal(parameters{"Parameters", in})
	if err != nil {
		return nil, errors.New("the request cannot be written")
	}
	err = s.wire.Post(ctx, operation, query, body, func(a wire.Answer) error {
		p, err = readPage(a.Body, s.options.Person)
		return err
	})
	return p, err
}
