package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// Cohort says whom of the permitted patients a study asks for. It is looked at only after consent, so that nothing is asked
// about anybody else. Exactly one part is set.
type Cohort struct {
	All, Any []Cohort

	Policy  *consent.Policy // permits the patient
	Subject *SubjectCriterion
	Member  fhir.Key        // Group or List that names the patient
	IDs     map[string]bool // Patient ids, or identifiers as the study knows patients
	File    string          // that the ids are from
	Search  *SearchCriterion
	Where   *fhirpath.Expr // holds for the Patient
}

// SubjectCriterion asks for ResearchSubjects of a study. Their periods bound what is collected.
type SubjectCriterion struct {
	Study    string // ResearchStudy/ID
	Statuses []string
}

// SearchCriterion asks the source's server whether a search finds something of the patient.
type SearchCriterion struct {
	Type       string
	Parameters map[string]string
}

// Asker is a source that answers questions about patients who are permitted.
type Asker interface {
	Members(ctx context.Context, groupOrList fhir.Key) ([]fhir.Key, error)
	Has(ctx context.Context, patient fhir.Key, typ string, parameters map[string]string) (bool, error)
}

// ErrCannotAsk is returned for a cohort that needs a server, and a source that is none.
var ErrCannotAsk = errors.New("the cohort asks a FHIR server, and the source is none")

// membership is who is in a part of a cohort: with what bounds on the collection, nil for none, or why not.
type membership struct {
	in    bool
	spans []consent.Interval // nil does not bound
	why   consent.Reason
}

// cohorts looks patients up in a study's cohort.
type cohorts struct {
	mu      sync.Mutex
	members map[fhir.Key]map[fhir.Key]bool // of Groups and Lists, as they were read in this stage
}

// forget has the Groups and Lists read again.
func (c *cohorts) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = nil
}

// inCohort turns the decision about a permitted patient into that about one of the study's cohort.
func (r *runner) inCohort(ctx context.Context, record *fhir.Record, facts consent.Facts, d consent.Decision) (consent.Decision, error) {
	if r.Study.Cohort == nil || d.Outcome() != consent.Granted {
		return d, nil
	}
	m, err := r.meets(ctx, r.Study.Cohort, record, facts)
	switch {
	case err != nil:
		return d, fmt.Errorf("cohort: %w", err)
	case !m.in:
		return d.OutOfCohort(m.why), nil
	case m.spans != nil:
		return d.During(m.spans, consent.CohortSubject), nil
	}
	return d, nil
}

// meets looks at one part of a cohort.
func (r *runner) meets(ctx context.Context, c *Cohort, record *fhir.Record, facts consent.Facts) (membership, error) {
	switch {
	case c.All != nil:
		return r.meetsAll(ctx, c.All, record, facts)
	case c.Any != nil:
		return r.meetsAny(ctx, c.Any, record, facts)
	case c.Policy != nil:
		d := consent.Evaluate(facts, c.Policy, r.AsOf)
		return membership{in: d.Outcome() == consent.Granted, why: consent.CohortConsent}, nil
	case c.Subject != nil:
		spans := consent.ParticipationOf(facts, c.Subject.Study, c.Subject.Statuses, r.Study.Zone)
		return membership{len(spans) > 0, spans, consent.CohortSubject}, nil
	case c.Member != fhir.Key{}:
		in, err := r.isMember(ctx, c.Member, facts)
		return membership{in: in, why: consent.CohortMember}, err
	case c.Search != nil:
		asker, err := r.asker()
		if err != nil {
			return membership{}, err
		}
		in, err := asker.Has(ctx, record.Key(), c.Search.Type, c.Search.Parameters)
		return membership{in: in, why: consent.CohortSearch}, err
	case c.Where != nil:
		return r.meetsWhere(c.Where, record), nil
	}
	return membership{in: r.isListed(c.IDs, record), why: consent.CohortList}, nil
}

func (r *runner) meetsAll(ctx context.Context, all []Cohort, record *fhir.Record, facts consent.Facts) (membership, error) {
	out := membership{in: true}
	for i := range all {
		m, err := r.meets(ctx, &all[i], record, facts)
		if err != nil || !m.in {
			return m, err
		}
		switch {
		case m.spans == nil:
		case out.spans == nil:
			out.spans = m.spans
		default:
			if out.spans = consent.Common(out.spans, m.spans); len(out.spans) == 0 {
				return membership{why: m.why}, nil
			}
		}
	}
	return out, nil
}

func (r *runner) meetsAny(ctx context.Context, some []Cohort, record *fhir.Record, facts consent.Facts) (membership, error) {
	out := membership{}
	bounded := true
	for i := range some {
		m, err := r.meets(ctx, &some[i], record, facts)
		switch {
		case err != nil:
			return m, err
		case !m.in && out.why == "":
			out.why = m.why
		case m.in:
			out.in, bounded = true, bounded && m.spans != nil
			out.spans = consent.Either(out.spans, m.spans)
		}
	}
	if !bounded {
		out.spans = nil
	}
	return out, nil
}

// meetsWhere asks the surviving Patient. What cannot be evaluated does not hold.
func (r *runner) meetsWhere(x *fhirpath.Expr, record *fhir.Record) membership {
	m := membership{why: consent.CohortPatient}
	if p := record.Patient(); p != nil {
		values, err := x.Eval(&fhirpath.Env{AsOf: r.AsOf, Zone: r.Study.Zone}, p.Node, nil)
		if err == nil && len(values) == 1 {
			m.in, _ = values[0].Bool()
		}
	}
	return m
}

func (r *runner) isMember(ctx context.Context, of fhir.Key, facts consent.Facts) (bool, error) {
	r.cohorts.mu.Lock()
	defer r.cohorts.mu.Unlock()
	members, known := r.cohorts.members[of]
	if !known {
		asker, err := r.asker()
		if err != nil {
			return false, err
		}
		keys, err := asker.Members(ctx, of)
		if err != nil {
			return false, err
		}
		members = make(map[fhir.Key]bool, len(keys))
		for _, k := range keys {
			members[k] = true
		}
		if r.cohorts.members == nil {
			r.cohorts.members = map[fhir.Key]map[fhir.Key]bool{}
		}
		r.cohorts.members[of] = members
	}
	for k := range members {
		if facts.IsPatient(k) {
			return true, nil
		}
	}
	return false, nil
}

func (r *runner) isListed(ids map[string]bool, record *fhir.Record) bool {
	for p := range record.OfType("Patient") {
		if r.Study.Identity.PatientID {
			if ids[p.ID] {
				return true
			}
			continue
		}
		for id := range p.Get("identifier").Elements() {
			if id.Get("system").Text() == r.Study.Identity.System && ids[id.Get("value").Text()] {
				return true
			}
		}
	}
	return false
}

// asker finds the server behind the source.
func (r *runner) asker() (Asker, error) {
	a, ok := fhir.Behind[Asker](r.Source)
	if !ok {
		return nil, ErrCannotAsk
	}
	return a, nil
}

// String describes the cohort in one line.
func (c *Cohort) String() string {
	join := func(parts []Cohort, word string) string {
		texts := make([]string, len(parts))
		for i := range parts {
			texts[i] = parts[i].String()
		}
		return "(" + strings.Join(texts, " "+word+" ") + ")"
	}
	switch {
	case c.All != nil:
		return join(c.All, "and")
	case c.Any != nil:
		return join(c.Any, "or")
	case c.Policy != nil:
		return "consent " + c.Policy.Name()
	case c.Subject != nil:
		return "ResearchSubject of " + c.Subject.Study
	case c.Member != fhir.Key{}:
		return "member of " + c.Member.String()
	case c.Search != nil:
		var texts []string
		for k, v := range c.Search.Parameters {
			texts = append(texts, k+"="+v)
		}
		slices.Sort(texts)
		return "search " + c.Search.Type + "?" + strings.Join(texts, "&")
	case c.Where != nil:
		return "Patient where " + c.Where.String()
	}
	return fmt.Sprintf("%d ids of %s", len(c.IDs), c.File)
}
