package consent

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// Admit is the gate: it returns what of the record the decision lets through, and counts what it does not. A decision
// about another patient or under another policy lets nothing through.
//
// A resource of the patient passes when its date lies completely inside one interval of the window, or when the policy
// keeps its type without a date. A resource that belongs to no patient passes when one that passed refers to it.
func Admit(rec *fhir.Record, d Decision, policy *Policy) (Permitted, Drops) {
	kept, verdicts := admit(rec, d, policy)
	var drops Drops
	i := 0
	for res := range rec.Resources() {
		if v := verdicts[i]; !v.keeps() {
			drops.add(strings.Clone(res.Type), v, 1)
		}
		i++
	}
	return kept, drops
}

// keeps reports whether the reason is one for keeping.
func (r DropReason) keeps() bool { return r == InWindow || r == WithoutDate || r == Reached }

// admit returns the gate's verdict on each resource of the record, in its order.
func admit(rec *fhir.Record, d Decision, policy *Policy) (Permitted, []DropReason) {
	if policy.parts != nil {
		return admitParts(rec, d, policy)
	}
	verdicts := make([]DropReason, rec.Len())
	refusal := DropReason("")
	switch {
	case d.patient != rec.Key() || d.policy != policy.hash:
		refusal = OtherDecision
	case d.outcome != Granted:
		refusal = NotPermitted
	}
	if refusal != "" {
		for i := range verdicts {
			verdicts[i] = refusal
		}
		return Permitted{}, verdicts
	}
	g := gatekeeper{rec: rec, decision: d, policy: policy, verdicts: verdicts}
	return g.admit(), verdicts
}

// gatekeeper is the scratch of one Admit.
type gatekeeper struct {
	rec      *fhir.Record
	decision Decision
	policy   *Policy
	verdicts []DropReason
	all      []*fhir.Resource
	patients []*fhir.Resource
	person   person
	waiting  map[fhir.Key]int // resources to be kept when they are referred to
	queue    []*fhir.Resource // kept resources whose references are still to be followed
}

func (g *gatekeeper) admit() Permitted {
	g.all = make([]*fhir.Resource, 0, len(g.verdicts))
	for res := range g.rec.Resources() {
		g.all = append(g.all, res)
		if res.Type == "Patient" {
			g.patients = append(g.patients, res)
		}
	}
	g.person = personOf(g.rec.Key(), g.rec.Same(), g.patients, nil)
	g.waiting = map[fhir.Key]int{}
	for i, res := range g.all {
		v := g.judge(res)
		g.verdicts[i] = v
		switch {
		case v == NotReached && res.ID != "":
			g.waiting[res.Key()] = i
		case v.keeps():
			g.queue = append(g.queue, res)
		}
	}
	g.follow()
	return g.collect()
}

// judge decides about one resource; what must be referred to is NotReached at first.
func (g *gatekeeper) judge(res *fhir.Resource) DropReason {
	rule, known := g.policy.set.Dates[res.Type]
	if !known {
		return TypeWithoutRule
	}
	if rule.Word == wordWithheld {
		return TypeWithheld
	}
	if v := g.owner(res, rule); v != "" {
		return v
	}
	windows := g.decision.windowsFor(res.Type)
	if len(windows) == 0 {
		return NotPermitted
	}
	v := WithoutDate
	switch {
	case rule.Word == wordReferenced:
		v = NotReached
	case rule.Word == "":
		v = g.policy.dateOf(res.Node, g.policy.dates[res.Type], windows)
	}
	if (v.keeps() || v == NotReached) && !g.containedPass(res) {
		return ContainedFails
	}
	return v
}

// owner returns why the resource cannot be this patient's, or "" when it is, or belongs to nobody and may.
func (g *gatekeeper) owner(res *fhir.Resource, rule dateRule) DropReason {
	if res.Type == "Patient" {
		if g.person.byKey(res.Key()) == ofOwn {
			return ""
		}
		return OtherPatient
	}
	named := false
	for ref := range res.Subject().Elements() {
		named = true
		switch g.person.whose(ref, g.patients) {
		case ofOther, ofLinked:
			return OtherPatient
		case unknownOwner:
			return NoPatient
		}
	}
	if !named && (rule.Word != wordReferenced || fhir.BelongsToPatients(res.Type) == fhir.Owned) {
		return NoPatient
	}
	return ""
}

// containedPass reports whether everything that the resource contains would pass by its own date.
func (g *gatekeeper) containedPass(res *fhir.Resource) bool {
	for c := range res.Get("contained").Elements() {
		typ := c.Get("resourceType").Text()
		rule, known := g.policy.set.Dates[typ]
		switch {
		case !known || rule.Word == wordWithheld || typ == "Patient":
			return false
		case rule.Word == "" && g.policy.dateOf(c, g.policy.dates[typ], g.decision.windowsFor(typ)) != InWindow:
			return false
		}
	}
	return true
}

// follow keeps what kept resources refer to, and what those refer to.
func (g *gatekeeper) follow() {
	for len(g.queue) > 0 && len(g.waiting) > 0 {
		res := g.queue[len(g.queue)-1]
		g.queue = g.queue[:len(g.queue)-1]
		for ref := range res.References() {
			key, ok := fhir.ParseReference(ref.Text()).Key()
			if !ok {
				continue
			}
			if i, waits := g.waiting[key]; waits {
				delete(g.waiting, key)
				g.verdicts[i] = Reached
				g.queue = append(g.queue, g.all[i])
			}
		}
	}
}

func (g *gatekeeper) collect() Permitted {
	kept := &permitted{decision: g.decision, zone: g.policy, byKey: make(map[fhir.Key]*fhir.Resource, len(g.all))}
	for i, res := range g.all {
		if !g.verdicts[i].keeps() {
			continue
		}
		kept.resources = append(kept.resources, res)
		if res.ID != "" {
			kept.byKey[res.Key()] = res
		}
	}
	kept.patient = kept.byKey[g.rec.Key()]
	kept.hideDeath = !g.deathInWindow(kept.resources)
	return Permitted{kept}
}

// deathInWindow reports whether every Patient that says anything about death gives a full date inside the window.
func (g *gatekeeper) deathInWindow(kept []*fhir.Resource) bool {
	deceased := element{name: "deceased", choice: true}
	for _, res := range kept {
		if res.Type != "Patient" {
			continue
		}
		v, several := deceased.find(res.Node)
		if v.Exists() && (several || g.policy.inside(v, g.decision.windowsFor("Patient")) != InWindow) {
			return false
		}
	}
	return true
}
