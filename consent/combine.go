package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
)

// Combine returns the policy of a study whose forms differ in their legal basis: forms are under the policy named for them,
// all others, the imaging linkage and what becomes of withdrawals under the default. A patient is decided about once for each
// policy, and each form is filled only from what is admitted under its own (Permitted.For). All days are counted in one time
// zone.
func Combine(standard *Policy, forms map[string]*Policy) (*Policy, error) {
	if standard == nil || standard.parts != nil {
		return nil, errors.New("a combination begins with one policy")
	}
	c := *standard
	c.parts, c.partOf = []*Policy{standard}, map[string]int{}
	var canonical strings.Builder
	canonical.WriteString(standard.hash + "\n")
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		p := forms[form]
		switch {
		case p == nil || p.parts != nil:
			return nil, fmt.Errorf("form %s has no policy of its own", form)
		case p.zone.String() != standard.zone.String():
			return nil, fmt.Errorf("the policy of form %s counts days in %s, the others in %s", form, p.zone, standard.zone)
		}
		i := slices.IndexFunc(c.parts, func(q *Policy) bool { return q.hash == p.hash })
		if i < 0 {
			i = len(c.parts)
			c.parts = append(c.parts, p)
		}
		c.partOf[form] = i
		fmt.Fprintf(&canonical, "%s %s\n", form, p.hash)
	}
	if len(c.parts) == 1 {
		return standard, nil
	}
	sum := sha256.Sum256([]byte(canonical.String()))
	c.hash = hex.EncodeToString(sum[:])
	return &c, nil
}

// Combined reports whether forms differ in their policy.
func (p *Policy) Combined() bool { return p.parts != nil }

// Parts returns the policies of a combination, the default first, and of any other policy itself.
func (p *Policy) Parts() []*Policy {
	if p.parts == nil {
		return []*Policy{p}
	}
	return slices.Clone(p.parts)
}

// For returns the policy of a form.
func (p *Policy) For(form string) *Policy {
	if p.parts == nil {
		return p
	}
	return p.parts[p.partOf[form]]
}

// FormsUnder returns the forms that are named for a policy of the combination, in order; none for the default.
func (p *Policy) FormsUnder(part *Policy) []string {
	var forms []string
	for form, i := range p.partOf {
		if i > 0 && p.parts[i] == part {
			forms = append(forms, form)
		}
	}
	slices.Sort(forms)
	return forms
}

// combined makes one decision of those under each policy. Whoever one policy permits is permitted, with that policy's forms.
// Whoever all refuse is excluded. Where one refuses and none permits, the others hold what they have: a person must look,
// because an erasure of the whole patient would erase what was not refused.
func (p *Policy) combined(decide func(*Policy) Decision) Decision {
	parts := make([]Decision, len(p.parts))
	main, refused, last := -1, 0, int64(0)
	for i, part := range p.parts {
		parts[i] = decide(part)
		switch parts[i].outcome {
		case Granted:
			if main < 0 {
				main = i
			}
		case Excluded:
			refused++
			last = max(last, parts[i].refused)
		}
	}
	d := parts[max(main, 0)]
	switch {
	case main >= 0 && refused > 0:
		d.withdrawal = PartialWithdrawal
	case main >= 0:
	case refused == len(parts):
		d.withdrawal, d.refused = CompleteWithdrawal, last
	case refused > 0:
		d.outcome, d.reason, d.windows, d.types = Held, PartlyRefused, nil, nil
	}
	d.policy, d.parts, d.partOf = p.hash, parts, p.partOf
	d.consents = nil
	for _, part := range parts {
		d.consents = append(d.consents, part.consents...)
		d.warnings |= part.warnings
	}
	slices.Sort(d.consents)
	d.consents = slices.Compact(d.consents)
	return d
}

// For returns the decision under the policy of a form.
func (d Decision) For(form string) Decision {
	if d.parts == nil {
		return d
	}
	return d.parts[d.partOf[form]]
}

// Parts returns the decisions under the policies of a combination, in the order of Policy.Parts, and for any other policy
// the decision itself.
func (d Decision) Parts() []Decision {
	if d.parts == nil {
		return []Decision{d}
	}
	return slices.Clone(d.parts)
}

// admitParts is the gate of a combination. A resource counts as kept when one of the policies keeps it. The result itself is
// what the default policy lets through: whoever does not ask for a form sees nothing else.
func admitParts(rec *fhir.Record, d Decision, policy *Policy) (Permitted, []DropReason) {
	if d.parts == nil || d.policy != policy.hash || d.outcome != Granted || d.patient != rec.Key() {
		return Permitted{}, refuseAll(rec, d, policy)
	}
	all := make([]Permitted, len(policy.parts))
	var verdicts []DropReason
	for i, part := range policy.parts {
		p, v := admit(rec, d.parts[i], part)
		all[i] = p
		if verdicts == nil {
			verdicts = v
			continue
		}
		for j := range v {
			if v[j].keeps() || verdicts[j] == NotPermitted && !verdicts[j].keeps() {
				verdicts[j] = v[j]
			}
		}
	}
	main := &permitted{decision: d, zone: policy.parts[0], hideDeath: true}
	if own := all[0].kept; own != nil {
		main.patient, main.resources, main.byKey, main.hideDeath = own.patient, own.resources, own.byKey, own.hideDeath
	}
	main.parts, main.partOf = all, policy.partOf
	return Permitted{main}, verdicts
}

func refuseAll(rec *fhir.Record, d Decision, policy *Policy) []DropReason {
	verdicts := make([]DropReason, rec.Len())
	for i := range verdicts {
		verdicts[i] = NotPermitted
		if d.patient != rec.Key() || d.policy != policy.hash || d.parts == nil {
			verdicts[i] = OtherDecision
		}
	}
	return verdicts
}

// For returns what is permitted for a form: nothing when its policy does not permit the patient.
func (p Permitted) For(form string) Permitted {
	if p.kept == nil || p.kept.parts == nil {
		return p
	}
	return p.kept.parts[p.kept.partOf[form]]
}

// Across returns what is permitted for all of the forms: what one of them may use of the others.
func (p Permitted) Across(forms ...string) Permitted {
	both := p.For(forms[0])
	for _, form := range forms[1:] {
		both = both.and(p.For(form))
	}
	return both
}

// and returns what is permitted by both.
func (p Permitted) and(q Permitted) Permitted {
	a, b := p.kept, q.kept
	switch {
	case a == b:
		return p
	case a == nil || b == nil:
		return Permitted{}
	}
	both := &permitted{decision: a.decision, zone: a.zone, byKey: map[fhir.Key]*fhir.Resource{}, hideDeath: a.hideDeath || b.hideDeath}
	for _, res := range a.resources {
		if !slices.Contains(b.resources, res) {
			continue
		}
		both.resources = append(both.resources, res)
		if res.ID != "" {
			both.byKey[res.Key()] = res
		}
	}
	if a.patient == b.patient {
		both.patient = a.patient
	}
	return Permitted{both}
}

// Parts returns what is permitted under each policy of a combination, in the order of Policy.Parts, and of any other policy
// the whole.
func (p Permitted) Parts() []Permitted {
	if p.kept == nil || p.kept.parts == nil {
		return []Permitted{p}
	}
	return slices.Clone(p.kept.parts)
}

// after is EvaluateAfter for a combination.
func (p *Policy) after(facts Facts, asOf, withdrawn time.Time) Decision {
	return p.combined(func(part *Policy) Decision { return EvaluateAfter(facts, part, asOf, withdrawn) })
}
