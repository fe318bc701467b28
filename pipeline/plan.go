package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/mapping"
)

// Demands returns what the study needs of permitted patients, by resource type in order: what its mapping reads and what imaging
// linkage does, without what is beyond its authorisation.
//
// Windows narrow nothing: what lies outside of one gives a cell its reason, and what has no date is counted.
func (s *Study) Demands() []mapping.Demand {
	all := s.Mapping.Demands(mapping.Surroundings{Unchanged: s.unchanged, ByReference: s.byReference})
	for _, typ := range imaging.Types() {
		d := mapping.Demand{Type: typ, Why: "imaging linkage looks for study UIDs and accession numbers"}
		i := slices.IndexFunc(all, func(d mapping.Demand) bool { return d.Type == typ })
		if i < 0 {
			all = append(all, d)
			continue
		}
		all[i] = d
	}
	if d, ok := s.accountDemand(); ok {
		i := slices.IndexFunc(all, func(o mapping.Demand) bool { return o.Type == d.Type })
		switch {
		case i < 0:
			all = append(all, d)
		case len(all[i].Any) > 0:
			all[i].Any = append(slices.Clone(all[i].Any), d.Any...)
		}
	}
	slices.SortFunc(all, func(a, b mapping.Demand) int { return strings.Compare(a.Type, b.Type) })
	return slices.DeleteFunc(all, func(d mapping.Demand) bool { return s.beyond(d.Type) })
}

// unchanged reports whether de-identification leaves the text at a path as it is, or drops it.
func (s *Study) unchanged(path string) bool {
	action := s.Profile.Action(path)
	return action == "drop" || strings.HasPrefix(action, "keep ")
}

// byReference reports whether resources of the type are handed out, or let through by consent, only where another refers to them.
func (s *Study) byReference(typ string) bool {
	if b := fhir.BelongsToPatients(typ); b == fhir.Shared || b == fhir.Possible {
		return true
	}
	return slices.ContainsFunc(s.Policy.Parts(), func(p *consent.Policy) bool {
		_, rule := p.Dates()
		return rule(typ) == "referenced"
	})
}

// Wanted is what is asked for of a patient of whom everything may be used.
func (s *Study) Wanted() fhir.Wanted {
	var w fhir.Wanted
	for _, d := range s.Demands() {
		w = w.Narrow(d.Type, fhir.Narrowing{Any: d.Any})
	}
	return w
}

// wantedOf is what is fetched of a patient: under several policies only what a form needs that one of them permits.
func (r *runner) wantedOf(patient fhir.Key) fhir.Wanted {
	if !r.Study.Policy.Combined() {
		return r.plan()
	}
	d := r.decision(patient)
	types := r.Study.Mapping.TypesOf(func(form string) bool { return d.For(form).Outcome() == consent.Granted })
	if d.Parts()[0].Outcome() == consent.Granted {
		types = append(types, imaging.Types()...) // linkage is under the default policy
		if d, ok := r.Study.accountDemand(); ok {
			types = append(types, d.Type)
		}
	}
	var w fhir.Wanted
	for _, typ := range slices.DeleteFunc(types, r.Study.beyond) {
		w = w.Narrow(typ, r.plan().Narrowing(typ))
	}
	return w
}

// plan is what is asked for of a patient of whom everything may be used.
func (r *runner) plan() fhir.Wanted {
	r.planned.Do(func() { r.want = r.Study.Wanted() })
	return r.want
}

// fetch reads what the study needs of a patient, and counts what was rejected of it. A source that gives more than it was asked for
// makes no difference.
func (r *runner) fetch(ctx context.Context, facts *Facts, patient fhir.Key) (record *fhir.Record, rejected int, err error) {
	wanted := r.wantedOf(patient)
	record, err = r.Source.Fetch(ctx, patient, wanted, func(x fhir.Rejected) {
		rejected++
		facts.Reject(x)
	})
	if err != nil {
		return nil, rejected, err
	}
	wanted.Prune(record)
	return record, rejected, nil
}
