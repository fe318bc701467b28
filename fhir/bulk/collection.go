package bulk

import (
	"errors"
	"fmt"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/fhir/gather"
)

// collection is what one export brought.
type collection struct {
	ask     ask
	name    string
	limits  fhir.Limits
	catalog *gather.Catalog
	spool   *gather.Spool
	refused []fhir.Rejected // told when the export is whole: one that expires is read anew
}

func (s *Source) newCollection(a ask) (*collection, error) {
	spool, err := gather.NewSpool(s.options.Folder)
	if err != nil {
		return nil, err
	}
	c := &collection{ask: a, name: s.Name(), limits: s.options.Limits, spool: spool}
	c.catalog = gather.NewCatalog(c.label, s.options.Folder, s.options.Budget)
	return c, nil
}

// label names a file for origins: its URL may hold a secret.
func (c *collection) label(input uint32) string {
	return fmt.Sprintf("%s export#%d", c.name, input+1)
}

// take keeps a resource if it was asked for and, where patients were admitted, belongs to one of them or to nobody. A reason is
// returned for one that cannot be used. What belongs to others is dropped silently: it is not this study's.
func (c *collection) take(e *bundle.Entry, input uint32) (reason string, err error) {
	r := e.Resource
	if !c.ask.wants(r.Type) {
		return "", nil
	}
	if r.ID == "" {
		return "a resource without an id", nil
	}
	at := gather.Place{Input: input, Position: e.Offset}
	switch c.whose(r) {
	case others:
		return "", nil
	case unclear: // the catalog says what is wrong; nothing can be read again
		return c.catalog.Add(r, "", e.Subsetted, at)
	}
	if c.ask.who != nil && !isFact(r.Type) && !c.ask.wanted.Narrowing(r.Type).Admits(r) {
		return "", nil // no rule can read it
	}
	if fhir.BelongsToPatients(r.Type) != fhir.Withheld {
		offset, err := c.spool.Append(e.Text)
		if err != nil {
			return "", err
		}
		at.Span = gather.Span{Offset: offset, Length: uint32(len(e.Text))} // #nosec G115 -- the reader limits the length
	}
	return c.catalog.Add(r, "", e.Subsetted, at)
}

// belonging says whose a resource is as far as an export can tell.
type belonging int

const (
	ours    belonging = iota // it may be kept
	others                   // it belongs to a patient who was not admitted
	unclear                  // it belongs to somebody, and does not say to whom in a way that can be followed
)

func (c *collection) whose(r *fhir.Resource) belonging {
	how := fhir.BelongsToPatients(r.Type)
	if c.ask.who == nil || isFact(r.Type) || how == fhir.Shared || how == fhir.Withheld {
		return ours
	}
	result, said := unclear, false
	for subject := range r.Subject().Elements() {
		said = true
		switch c.ask.who.subject(subject) {
		case ours:
			return ours
		case others:
			result = others
		}
	}
	if !said && how == fhir.Possible {
		return ours
	}
	return result
}

func (c *collection) reject(r fhir.Rejected) { c.refused = append(c.refused, r) }

// finish finds out whose all is, and tells what could not be used.
func (c *collection) finish(rej func(fhir.Rejected)) error {
	for _, r := range c.refused {
		rej(r)
	}
	c.refused = nil
	return c.catalog.Resolve(rej)
}

func (c *collection) close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.catalog.Close(), c.spool.Close())
}

func (c *collection) find(patient fhir.Key) (p gather.Patient, ok bool, err error) {
	if patient.Type != "Patient" {
		return p, false, nil
	}
	return c.catalog.Find(patient.ID)
}

func (c *collection) record(p gather.Patient, want func(string) bool) (*fhir.Record, error) {
	return c.catalog.Record(p, want, func(at gather.Span) (string, error) { return c.spool.Read(at.Offset, int(at.Length)) })
}

// recordOf returns the patient's record, an empty one where the export has nothing of the patient: it was there when the facts
// were read, and is gone since.
func (c *collection) recordOf(patient fhir.Key, want func(string) bool) (*fhir.Record, error) {
	p, ok, err := c.find(patient)
	if err != nil {
		return nil, err
	}
	if !ok {
		return fhir.NewRecord(patient), nil
	}
	return c.record(p, want)
}
