package consent

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/fhir"
)

// evaluation is the scratch of one decision; it is reused.
type evaluation struct {
	policy   *Policy
	facts    *Facts
	today    fhir.Day
	person   person
	enrolled map[fhir.Key]bool // Consents that ResearchSubjects of the study name
	inStudy  days              // days of participation
	docs     []document
	grants   []grant
	stays    []Interval
	warn     Warnings
	seen     bool // there is a Consent of this person that is not an error
	review   bool
	ofAge    bool   // a minor's consent was passed over because of the 18th birthday
	noAge    bool   // or because there is no birth date
	after    moment // of an earlier withdrawal; only later Consents permit something. The zero moment is none
	afterDay fhir.Day
	setA     days
	setB     days
	setC     days
	piece    days
}

var evaluations = sync.Pool{New: func() any { return new(evaluation) }}

// Evaluate decides about a patient. It is pure: the same facts, policy and as-of give the same decision, in whatever
// order the facts are. It is safe for concurrent use.
func Evaluate(facts Facts, policy *Policy, asOf time.Time) Decision {
	if policy.parts != nil {
		return policy.combined(func(part *Policy) Decision { return Evaluate(facts, part, asOf) })
	}
	return evaluate(facts, policy, asOf, moment{}, 0)
}

func evaluate(facts Facts, policy *Policy, asOf time.Time, after moment, afterDay fhir.Day) Decision {
	e, ok := evaluations.Get().(*evaluation)
	if !ok {
		e = new(evaluation)
	}
	defer func() {
		e.release()
		evaluations.Put(e)
	}()
	e.policy, e.facts, e.today = policy, &facts, policy.gateDay(asOf)
	e.after, e.afterDay = after, afterDay
	e.person = facts.person()
	for _, key := range facts.LinkedFrom {
		e.person.unread = e.person.unread || !isKnown(key, facts.Patients, facts.Looked)
	}
	if !slices.ContainsFunc(facts.Patients, func(r *fhir.Resource) bool { return r.Key() == facts.Patient }) {
		e.warn |= PatientMissing
	}
	d := Decision{patient: facts.Patient, policy: policy.hash, day: e.today}
	switch policy.set.Kind {
	case Statutory:
		e.statutory(&d)
	case NoPolicy:
		d.outcome, d.reason, d.windows = Granted, ByNoPolicy, days{always}
		e.warn |= NoProtection
	default:
		e.consented(&d)
	}
	d.warnings = e.warn
	return d
}

// release empties the scratch, so that it keeps no patient's data alive.
func (e *evaluation) release() {
	clear(e.docs)
	*e = evaluation{docs: e.docs[:0], grants: e.grants[:0], stays: e.stays[:0],
		setA: e.setA[:0], setB: e.setB[:0], setC: e.setC[:0], piece: e.piece[:0]}
}

// statutory decides by the approval and the objection list.
func (e *evaluation) statutory(d *Decision) {
	a := &e.policy.set.Approval
	for _, key := range slices.Concat(e.person.own, e.person.linked) {
		if e.policy.objected[key.String()] {
			d.outcome, d.reason, d.withdrawal = Excluded, Objected, CompleteWithdrawal
			return
		}
	}
	switch {
	case e.today > a.ValidUntil:
		d.reason = ApprovalExpired
	case e.today < a.ValidFrom:
		d.reason = ApprovalNotYet
	default:
		d.outcome, d.reason, d.windows = Granted, ByStatute, days{a.Data}
	}
}

// maxGrants bounds the provisions that matter for one patient: far more than anybody signs, few enough that comparing
// each with each stays quick. Beyond it a person must look.
const maxGrants = 1000

// consented decides by Consents.
func (e *evaluation) consented(d *Decision) {
	e.readSubjects()
	if e.facts.Unread > 0 {
		e.review, e.seen = true, true
		e.warn |= UnreadableDeny
	}
	for _, res := range e.facts.Consents {
		e.take(res)
	}
	for i := range e.docs {
		e.readProvisions(i)
	}
	if len(e.grants) > maxGrants {
		e.warn |= TooManyProvisions
		d.outcome, d.reason = Held, Review
		return
	}
	e.selectResults()
	for i := range e.docs {
		e.judge(i)
	}
	e.lookForHiddenDenies()
	e.readStays()
	e.verdict(d)
	d.consents = e.consentIDs()
}

// take reads a Consent and keeps it when it is of this person and of the policy's form.
func (e *evaluation) take(res *fhir.Resource) {
	if res == nil || res.Type != "Consent" {
		return
	}
	d := e.readDocument(res)
	switch {
	case d.owner == ofOther:
		e.warn |= OtherPatientFacts
		return
	case d.status == statusError:
		return
	}
	e.seen = true
	if !d.recognised {
		e.passOver(&d)
		return
	}
	e.docs = append(e.docs, d)
}

// passOver looks at a Consent of another form. Where it does not even say of which form it is, a deny of a code that
// matters may be meant for this policy: a person must look.
func (e *evaluation) passOver(d *document) {
	e.warn |= ForeignConsent
	root := d.res.Get("provision")
	if root.Kind() == fhir.Object && e.deniesKnown(root, 0) {
		e.warn |= ForeignDeny
		e.review = e.review || !d.foreign
	}
}

func (e *evaluation) deniesKnown(n fhir.Node, depth int) bool {
	if typ := n.Get("type"); typ.Text() != "permit" {
		for concepts := each(n.Get("code")); concepts.Exists(); concepts.step() {
			concept := concepts.Node
			for cs := each(concept.Get("coding")); cs.Exists(); cs.step() {
				c := cs.Node
				code := readCoding(c)
				if e.policy.denies[code]|e.policy.byOID[code.Code] != 0 {
					return true
				}
			}
		}
	}
	for cs := each(n.Get("provision")); cs.Exists(); cs.step() {
		c := cs.Node
		if depth < 8 && e.deniesKnown(c, depth+1) {
			return true
		}
	}
	return false
}

// judge decides whether a document's permits count, and whether its denies call for a person.
func (e *evaluation) judge(i int) {
	d := &e.docs[i]
	d.void = d.void || d.owner != ofOwn || d.status != statusActive || !e.timely(d) || d.role&(roleCompleteWithdrawn|roleRefusal) != 0
	if d.status != statusActive {
		e.warn |= InactiveConsent
	}
	if d.res.Get("modifierExtension").Exists() {
		e.warn |= RestrictedPermit
		d.void = true
	}
	if d.granted != 0 && d.when.known && d.first > e.today {
		e.warn |= FuturePermit
		d.void = true
	}
	if need := e.need(); e.policy.set.Package == SameResource && d.granted&need != need {
		d.void = true
	}
	if d.role&roleMinor != 0 && !d.void && d.selected && d.granted != 0 {
		e.judgeMinor(d)
	}
	placed := d.status == statusActive && d.when.known && d.owner != unknownOwner
	withdrawal := d.role&(roleCompleteWithdrawn|rolePartialWithdrawn|roleRefusal) != 0
	for j := range e.grants {
		g := &e.grants[j]
		if g.doc != i {
			continue
		}
		d.used = true
		if g.deny && !placed {
			g.doubt = true
			e.review = e.review || !g.mute || d.status == statusActive || withdrawal
		}
	}
}

// timely reports whether the Consent has a date, and one that is certainly later than a withdrawal after which only new
// ones count.
func (e *evaluation) timely(d *document) bool {
	return d.when.known && (!e.after.known || e.after.before(d.when))
}

// judgeMinor ends the consent of a minor or of parents on the 18th birthday.
func (e *evaluation) judgeMinor(d *document) {
	e.warn |= MinorConsent
	adult, ok := e.person.adultFrom(e.facts.Patients)
	switch {
	case !ok:
		e.noAge, d.void = true, true
	case e.today >= adult:
		e.ofAge, d.void = true, true
	}
}

// need returns the codes that are required for any data.
func (e *evaluation) need() uint64 {
	need := e.policy.gate
	for i, c := range e.policy.codes {
		if slices.Contains(e.policy.set.Window, c) {
			need |= 1 << i
		}
	}
	return need
}

// consentIDs returns the ids of the Consents that took part.
func (e *evaluation) consentIDs() []string {
	var ids []string
	for i := range e.docs {
		if d := &e.docs[i]; d.used && d.res.ID != "" {
			ids = append(ids, strings.Clone(d.res.ID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
