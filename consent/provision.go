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
	before := len(e.grants)
	if e.policy.set.WholeForm {
		e.readWholeForm(doc, root)
		return
	}
	hasCodes := root.Get("code").Exists()
	if hasCodes || d.result == resultPolicy {
		e.readProvision(doc, root, true)
	}
	nested := e.readNested(doc, root, 1)
	switch {
	case !hasCodes && nested == 0:
		e.silent(doc)
	case d.role&(rolePartialWithdrawn|roleRefusal) != 0 && !e.denies(before) && !e.readableDeny(root, 0):
		e.silent(doc)
	}
}

// denies reports whether any grant from the index on is a deny.
func (e *evaluation) denies(from int) bool {
	for _, g := range e.grants[from:] {
		if g.deny {
			return true
		}
	}
	return false
}

// readableDeny reports whether some nested provision is plainly a deny, be it of codes that do not matter here.
func (e *evaluation) readableDeny(n fhir.Node, depth int) bool {
	for cs := each(n.Get("provision")); cs.Exists(); cs.step() {
		c := cs.Node
		if c.Get("type").Text() == "deny" || depth < 8 && e.readableDeny(c, depth+1) {
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
	if typ.Kind() != fhir.String || typ.Text() != "deny" {
		doubt = true
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

// permittedCodes returns the codes that matter; readable is false when some coding lacks its system or code.
func (e *evaluation) permittedCodes(n fhir.Node) (codes uint64, readable bool) {
	readable = n.Kind() == fhir.Array || n.Kind() == fhir.Object
	for concepts := each(n); concepts.Exists(); concepts.step() {
		concept := concepts.Node
		list := concept.Get("coding")
		readable = readable && list.First().Exists()
		for codings := each(list); codings.Exists(); codings.step() {
			coding := codings.Node
			c := readCoding(coding)
			mask, known := e.policy.permits[c]
			switch {
			case known:
				codes |= mask
			case c.System == "" || c.Code == "":
				readable = false
			case c.System != SystemMII:
				e.warn |= UnmappedCode
			}
		}
	}
	return codes, readable
}

// readCoding reads system and code; what is not text counts as missing.
func readCoding(n fhir.Node) Code {
	var c Code
	if system := n.Get("system"); system.Kind() == fhir.String {
		c.System = system.Text()
	}
	if code := n.Get("code"); code.Kind() == fhir.String {
		c.Code = code.Text()
	}
	return c
}

// deniedCodes returns what a deny denies. A code that cannot be read may be any: then it denies everything, in doubt.
// MII codes are OIDs and mean the same under any system.
func (e *evaluation) deniedCodes(n fhir.Node) (codes uint64, doubt bool) {
	doubt = n.Kind() != fhir.Array && n.Kind() != fhir.Object || !n.First().Exists()
	for concepts := each(n); concepts.Exists(); concepts.step() {
		concept := concepts.Node
		list := concept.Get("coding")
		doubt = doubt || !list.First().Exists()
		for codings := each(list); codings.Exists(); codings.step() {
			coding := codings.Node
			c := readCoding(coding)
			mask := e.policy.denies[c] | e.policy.byOID[c.Code]
			codes |= mask
			switch {
			case mask != 0:
			case c.System == "" || c.Code == "":
				doubt = true
			case c.System != SystemMII:
				e.warn |= UnmappedCode
			}
		}
	}
	if doubt {
		codes = e.policy.all
	}
	return codes, doubt
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
	if e.readableDeny(root, 0) {
		e.silent(doc)
	}
}

// elements walks an array, or the one element that is not in an array, without allocating.
type elements struct {
	fhir.Node
	list bool
}

func each(n fhir.Node) elements {
	if n.Kind() == fhir.Array {
		return elements{n.First(), true}
	}
	return elements{n, false}
}

func (e *elements) step() {
	if e.list {
		e.Node = e.Next()
	} else {
		e.Node = fhir.Node{}
	}
}
