package pipeline

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// Sought is a keyed reference that somebody wants to know the resource of.
type Sought struct {
	Reference string // Type/id, as explain, tables and the ledger write it
	Subject   string // study number of the subject whose it is; "" when that is not known
	Reason    string
}

// Place is where a resource lies in the source. It holds original ids.
type Place struct {
	Subject  string `json:"subject"`
	Resource string `json:"resource"` // Type/id
	Origin   string `json:"origin"`   // where it was read: a file and an offset, or a server's answer
}

// ErrNotLocated is returned by Locate when no subject has a resource of that reference, as far as consent permits to look.
var ErrNotLocated = errors.New("no resource that may be read has this reference: the study has none, or consent no longer permits to read the subject's data")

// ErrNoReference is returned by Locate for anything but a keyed reference.
var ErrNoReference = errors.New("a keyed reference is a resource type, a slash, and 32 small letters and digits, such as Observation/b2s4…")

var keyedReference = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}/[a-z2-7]{32}$`)

// Locate finds the resource that a keyed reference stands for, by computing the references of the subjects' resources and
// comparing. It reads what a run reads: facts, and of permitted subjects the mapped types. That it was asked is recorded before
// anything is read, what was found before it is returned.
func Locate(ctx context.Context, parts Parts, options Options, sought Sought) (*Place, error) {
	if !keyedReference.MatchString(sought.Reference) {
		return nil, ErrNoReference
	}
	if parts.Journal == nil {
		return nil, ErrNoJournal
	}
	l := &locator{runner: &runner{Parts: parts, Options: options, out: &Outcome{Tally: newTally()}}, sought: sought}
	l.facts = FactsFrom(parts.Source, l.out.Tally.reject)
	err := parts.Audit.Record(ctx, audit.Event{Kind: audit.Inspected, Detail: audit.Inspection{Command: "locate", AsOf: l.moment(), Item: sought.Reference}})
	if err != nil {
		return nil, err
	}
	if err := l.narrow(ctx); err != nil {
		return nil, err
	}
	if err := l.search(ctx); err != nil {
		return nil, err
	}
	if err := parts.Audit.Record(ctx, l.event()); err != nil {
		return nil, err
	}
	if l.place == nil {
		return nil, ErrNotLocated
	}
	return l.place, nil
}

type locator struct {
	*runner
	sought  Sought
	subject pseudonym.Subject // whose the resource is
	place   *Place
}

func (l *locator) event() audit.Event {
	return audit.Event{Kind: audit.Located, Subject: l.subject, Detail: audit.Resolved{Reference: l.sought.Reference, Reason: l.sought.Reason, Found: l.place != nil}}
}

// narrow looks in the ledger for the subject whose cells name the reference.
func (l *locator) narrow(ctx context.Context) error {
	if l.sought.Subject != "" {
		return nil
	}
	for book, err := range l.Ledger.Casebooks(ctx) {
		if err != nil {
			return err
		}
		for i := range book.Cells {
			if book.Cells[i].Provenance.Resource == l.sought.Reference {
				l.sought.Subject = book.Facts.Subject
				return nil
			}
		}
	}
	return nil
}

func (l *locator) search(ctx context.Context) error {
	for record, err := range l.Source.Subjects(ctx, l.facts.Reject) {
		if err != nil {
			return err
		}
		err = l.patient(ctx, record)
		record.Release()
		if err != nil || l.place != nil {
			return err
		}
	}
	return nil
}

// patient looks through the resources of one patient, if it is the one or may be.
func (l *locator) patient(ctx context.Context, record *fhir.Record) error {
	id, err := l.Study.Identity.Identify(record.Patient())
	if err != nil {
		return nil // has never been a subject
	}
	s, err := l.Vault.Subject(ctx, id)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return nil
	}
	if err != nil {
		return err
	}
	if l.sought.Subject != "" && l.sought.Subject != s.Number() || l.compare(s, record) {
		return nil
	}
	d, err := l.judge(ctx, record)
	if err != nil || d.Outcome() != consent.Granted {
		return err
	}
	wanted := l.wantedOf(record.Key()).Widened()
	if err := admit(ctx, l.Source, []fhir.Key{record.Key()}, wanted, l.facts.Reject); err != nil {
		return err
	}
	whole, err := l.Source.Fetch(ctx, record.Key(), wanted, l.facts.Reject)
	if err != nil {
		return err
	}
	defer whole.Release()
	if d, err = l.judge(ctx, whole); err == nil && d.Outcome() == consent.Granted {
		l.compare(s, whole)
	}
	return err
}

// compare reports whether one of the resources has the reference.
func (l *locator) compare(s pseudonym.Subject, record *fhir.Record) bool {
	for res := range record.Resources() {
		if res.Type+"/"+s.ResourceID(res.Key()) == l.sought.Reference {
			l.subject, l.place = s, &Place{Subject: s.Number(), Resource: res.Key().String(), Origin: fmt.Sprint(res.Origin)}
			return true
		}
	}
	return false
}
