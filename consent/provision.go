package consent

import (
	"github.com/crflink/crflink/fhir"
)

// grant is what one provision says: a permit or a deny of codes over a span of days.
type grant struct {
	doc   int // index of its document
	codes uint64
	span  Interval
	deny  bool
	doubt bool // a deny that could not be read completely, widened
	mute  bool // stands for a Consent that says nothing
}

// restrictions are elements of a provision that narrow a permit in ways that codes and periods do not show.
var restrictions = [...]string{"modifierExtension", "actor", "action", "securityLabel", "purpose", "class", "dataPeriod", "data"}

// readProvisions turns the provisions of a Consent into grants: the root when it carries codes, and the nested ones.
// A third level is not allowed (MII profile): its permits grant nothing, its denies count.
func (e *evaluation) readProvisions(doc int) {
	d := &e.docs[doc]
	if d.role&roleCompleteWithdrawn != 0 {
		e.deny(doc, e.policy.all, Interval{d.first, fhir.LastDay}, false)
	}
	root := d.res.Get("provision")
	if root.Kind() != fhir.Object {
		e.silent(doc)
		return
	}
	if e.policy.set.WholeForm {
		e.readWholeForm(doc, root)
		return
	}
	hasCodes := root.Get("code").First().Exists()
	if hasCodes || d.result == resultPolicy {
		e.readProvision(doc, root, true)
	}
	nested := e.readNested(doc, root, 1)
	switch {
	case !hasCodes && nested == 0:
		e.silent(doc)
	case d.role&(rolePartialWithdrawn|roleRefusal) != 0 && !plainDeny(root, hasCodes):
		e.silent(doc)
	}
}

// plainDeny reports whether the root (where it carries codes) or some nested provision is plainly a deny, be it of codes
// that do not matter here.
func plainDeny(n fhir.Node, codes bool) bool {
	if codes && n.Get("type").Text() == "deny" {
		return true
	}
	for cs := each(n.Get("provision")); cs.Exists(); cs.step() {
		if plainDeny(cs.Node, true) {
			return true
		}
	}
	return false
}

// silent treats a Consent that says nothing where it must say something as a doubtful deny of everything from its
// date on: it may have been a refusal.
func (e *evaluation) silent(doc int) {
	d := &e.docs[doc]
	d.tried = e.policy.all
	if d.status == statusActive {
		e.warn |= UnreadableDeny
	}
	e.deny(doc, e.policy.all, Interval{d.first, fhir.LastDay}, true)
	e.grants[len(e.grants)-1].mute = true
}

// readNested reads the provisions inside n and returns how many there are.
func (e *evaluation) readNested(doc int, n fhir.Node, depth int) int {
	list, count := n.Get("provision"), 0
	if list.Exists() && list.Kind() != fhir.Array && list.Kind() != fhir.Object {
		e.silent(doc)
		return 1
	}
	for cs := each(list); cs.Exists(); cs.step() {
		c := cs.Node
		count++
		if c.Kind() != fhir.Object {
			e.silent(doc)
			continue
		}
		e.readProvision(doc, c, depth == 1)
		e.readNested(doc, c, depth+1)
	}
	return count
}

// readProvision reads one provision that carries, or should carry, codes. A missing or unreadable type is a deny.
func (e *evaluation) readProvision(doc int, n fhir.Node, mayPermit bool) {
	typ := n.Get("type")
	if typ.Kind() == fhir.String && typ.Text() == "permit" {
		if mayPermit {
			e.readPermit(doc, n)
		}
		return
	}
	codes, doubt := e.deniedCodes(n.Get("code"))
	doubt = doubt || typ.Kind() != fhir.String || typ.Text() != "deny"
	if doubt { // it may have been a permit, or have said nothing
		e.docs[doc].tried |= codes
	}
	if codes == 0 {
		return
	}
	span, odd := deniedSpan(n.Get("period"), e.policy.zone)
	if doubt || odd {
		e.warn |= UnreadableDeny
	}
	e.deny(doc, codes, span, doubt || odd)
}

// readPermit reads a permit. What cannot be read grants nothing, but is remembered as tried, so that damage never
// hides a contradiction.
func (e *evaluation) readPermit(doc int, n fhir.Node) {
	d := &e.docs[doc]
	codes, readable := e.permittedCodes(n.Get("code"))
	if !readable {
		e.warn |= UnreadablePermit
		d.tried = e.policy.all
	}
	d.tried |= codes
	if codes == 0 {
		return
	}
	for _, name := range restrictions {
		if n.Get(name).Exists() {
			e.warn |= RestrictedPermit
			return
		}
	}
	e.permitPeriod(doc, codes, n.Get("period"))
}

func (e *evaluation) permitPeriod(doc int, codes uint64, period fhir.Node) {
	start, ok := lateDay(period.Get("start"), e.policy.zone)
	if !ok {
		e.warn |= UnreadablePermit
		return
	}
	end := period.Get("end")
	if !end.Exists() {
		e.openEnded(doc, codes, start)
		return
	}
	last, ok := earlyDay(end, e.policy.zone)
	if !ok || last < start {
		e.warn |= UnreadablePermit
		return
	}
	e.permit(doc, codes, Interval{start, last})
}

// openEnded handles a permit without end: rejected, or given the period of validity that the code system states.
func (e *evaluation) openEnded(doc int, codes uint64, start fhir.Day) {
	e.warn |= OpenEndedPermit
	if e.policy.set.OpenEndedPermit != CodeSystemPeriods {
		return
	}
	for i, c := range e.policy.codes {
		if years := c.validity(); codes&(1<<i) != 0 && years > 0 {
			y, m, d := start.Date()
			e.permit(doc, 1<<i, Interval{start, fhir.NewDay(y+years, m, d) - 1})
		}
	}
}

func (e *evaluation) permit(doc int, codes uint64, span Interval) {
	if codes&e.policy.collect != 0 {
		y, m, d := span.Start.Date()
		if span.End > fhir.NewDay(y+5, m, d) {
			e.warn |= LongCollection
		}
	}
	e.docs[doc].granted |= codes
	e.grants = append(e.grants, grant{doc: doc, codes: codes, span: span})
}

func (e *evaluation) deny(doc int, codes uint64, span Interval, doubt bool) {
	if codes != 0 {
		e.grants = append(e.grants, grant{doc: doc, codes: codes, span: span, deny: true, doubt: doubt})
	}
}

// readWholeForm reads a form without codes: its root provision permits or denies everything. A nested deny refuses
// some part that the policy cannot name.
func (e *evaluation) readWholeForm(doc int, root fhir.Node) {
	d, all := &e.docs[doc], e.policy.all
	switch root.Get("type").Text() {
	case "permit":
		d.tried = all
		for _, name := range restrictions {
			if root.Get(name).Exists() {
				e.warn |= RestrictedPermit
				return
			}
		}
		e.permitPeriod(doc, all, root.Get("period"))
	case "deny":
		span, odd := deniedSpan(root.Get("period"), e.policy.zone)
		e.deny(doc, all, span, odd)
	default:
		e.silent(doc)
	}
	if plainDeny(root, false) {
		e.silent(doc)
	}
}
