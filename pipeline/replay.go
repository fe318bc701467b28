package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// Replayed is what deciding again came to. It counts the newest decision of each subject that was not erased.
type Replayed struct {
	Same      int          `json:"same"`      // from the same facts the same decision
	Changed   int          `json:"changed"`   // the source has other facts now, and they give the same decision
	Moved     int          `json:"moved"`     // they give another one
	Policy    int          `json:"policy"`    // the study's policy is another one now: not compared
	Absent    int          `json:"absent"`    // the source does not have the patient: not compared
	Undecided int          `json:"undecided"` // held for a reason that is no decision about consent
	Different []Difference `json:"different"` // from the same facts another decision: must not be
}

// Difference is a decision that comes out otherwise from the same facts.
type Difference struct {
	Entry   int64  `json:"entry"` // its number in the audit
	Subject string `json:"subject"`
	Was     string `json:"was"`
	Is      string `json:"is"`
}

// Replay decides again, each subject for the as-of of its newest decision in the audit, and compares. Of the parts it uses
// study, source, vault and journal. It reads what a run reads to decide, and writes nothing.
func Replay(ctx context.Context, parts Parts, log audit.Log) (*Replayed, error) {
	if parts.Journal == nil {
		return nil, ErrNoJournal
	}
	r := &replay{runner: &runner{Parts: parts}, out: &Replayed{Different: []Difference{}}}
	r.facts = FactsFrom(parts.Source, func(fhir.Rejected) {})
	var err error
	if r.decisions, err = newestDecisions(ctx, log, parts.Vault); err != nil {
		return nil, err
	}
	for record, err := range parts.Source.Subjects(ctx, r.facts.Reject) {
		if err != nil {
			return nil, err
		}
		err = r.patient(ctx, record)
		record.Release()
		if err != nil {
			return nil, err
		}
	}
	for _, d := range r.decisions {
		if d.consentless() {
			r.out.Undecided++
		} else {
			r.out.Absent++
		}
	}
	return r.out, nil
}

type replay struct {
	*runner
	decisions map[pseudonym.AuditName]recorded
	out       *Replayed
}

// recorded is a decision with the number of its entry.
type recorded struct {
	number int64
	audit.Decision
}

func (d *recorded) consentless() bool { return d.Because == string(consent.NoDecision) }

func newestDecisions(ctx context.Context, log audit.Log, vault *pseudonym.Vault) (map[pseudonym.AuditName]recorded, error) {
	all := map[pseudonym.AuditName]recorded{}
	for e, err := range audit.Read(ctx, log, vault, 0) {
		switch {
		case err != nil:
			return nil, err
		case e.Entry.Kind != audit.Decided || e.Erased:
			continue
		}
		d := recorded{number: e.Entry.Number}
		if err := json.Unmarshal(e.Detail, &d.Decision); err != nil {
			return nil, fmt.Errorf("audit: entry %d: %w", e.Entry.Number, err)
		}
		all[e.Subject.AuditName()] = d
	}
	return all, nil
}

func (r *replay) patient(ctx context.Context, record *fhir.Record) error {
	id, err := r.Study.Identity.Identify(record.Patient())
	if err != nil {
		return nil // has never been a subject
	}
	s, err := r.Vault.Subject(ctx, id)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return nil
	}
	if err != nil {
		return err
	}
	was, ok := r.decisions[s.AuditName()]
	if !ok || was.consentless() {
		return nil
	}
	delete(r.decisions, s.AuditName())
	if was.Policy != r.Study.Policy.Hash() {
		r.out.Policy++
		return nil
	}
	asOf, err := time.Parse(time.RFC3339, was.AsOf)
	if err != nil {
		return fmt.Errorf("audit: entry %d: its as-of cannot be read", was.number)
	}
	r.AsOf = asOf.In(r.Study.Zone)
	d, facts, err := r.assess(ctx, record)
	if err != nil {
		return err
	}
	return r.compare(s, &was, &verdict{decision: d, facts: facts})
}

func (r *replay) compare(s pseudonym.Subject, was *recorded, is *verdict) error {
	facts, result, err := is.digests(s.AuditMark())
	switch {
	case err != nil:
		return err
	case facts == was.Facts && result == was.Result:
		r.out.Same++
	case facts == was.Facts:
		r.out.Different = append(r.out.Different, Difference{was.number, s.Number(), was.Consent + " " + was.Because, is.decision.Outcome().String() + " " + string(is.decision.Reason())})
	case result == was.Result:
		r.out.Changed++
	default:
		r.out.Moved++
	}
	return nil
}
