package consent

import (
	"slices"
)

// verdict turns grants into outcome, reason and windows. A readable deny decides before anything else; then what a
// person must look at; then what is missing.
func (e *evaluation) verdict(d *Decision) {
	reason, outcome := e.gates(e.policy.gate)
	var windows days
	if outcome == Granted {
		windows, reason, outcome = e.windows()
	}
	switch {
	case outcome == Excluded:
		d.withdrawal, d.refused = CompleteWithdrawal, e.lastRefusal()
	case e.review:
		reason, outcome = Review, Held
	case e.person.unread && e.policy.set.UnreadLinks == HoldUnreadLinks:
		reason, outcome = LinkUnread, Held
	case outcome == Held:
		reason = e.absence(reason)
	}
	d.outcome, d.reason = outcome, reason
	if outcome == Granted {
		d.windows = slices.Clone(windows)
		d.withdrawal = e.partial(windows)
		d.types = e.typeWindows(windows)
	}
}

// gates checks that every gate code is permitted today.
func (e *evaluation) gates(gate uint64) (Reason, Outcome) {
	reason, outcome := Consented, Granted
	for i := range e.policy.codes {
		bit := uint64(1) << i
		if gate&bit == 0 {
			continue
		}
		e.setB = e.permitted(e.setB[:0], bit, byAll)
		if e.setB.has(e.today) {
			continue
		}
		r, o := e.gateFailure(bit)
		if o == Excluded {
			return r, o
		}
		if outcome == Granted || reason == IncompleteCodes && r != IncompleteCodes {
			reason, outcome = r, o
		}
	}
	return reason, outcome
}

// gateFailure tells why a code is not permitted today.
func (e *evaluation) gateFailure(bit uint64) (Reason, Outcome) {
	e.setB = e.permitted(e.setB[:0], bit, 0)
	without := e.setB
	switch {
	case without.has(e.today):
		e.setB = e.permitted(e.setB[:0], bit, byReadable)
		if !e.setB.has(e.today) {
			return e.refusal(), Excluded
		}
		return Review, Held
	case e.refusedSince(bit, true):
		return e.refusal(), Excluded
	case len(without) == 0:
		return e.missing(bit), Held
	case e.today < without[0].Start:
		return NotYetValid, Held
	}
	return Expired, Held
}

// refusal words an exclusion: withdrawn when some Consent permitted something before a readable deny, else denied.
func (e *evaluation) refusal() Reason {
	for j := range e.grants {
		n := &e.grants[j]
		if !e.counts(n, byReadable) {
			continue
		}
		for i := range e.docs {
			if p := &e.docs[i]; p.granted != 0 && p.status == statusActive && p.when.before(e.docs[n.doc].when) {
				return Withdrawn
			}
		}
	}
	return Denied
}

// lastRefusal returns the end of the moment of the newest readable deny.
func (e *evaluation) lastRefusal() int64 {
	var last int64
	for j := range e.grants {
		if n := &e.grants[j]; e.counts(n, byReadable) {
			last = max(last, e.docs[n.doc].when.to)
		}
	}
	return last
}

// refusedSince reports whether a readable deny of the code stands that no later permit has overridden; onDay asks for
// one that is in force today.
func (e *evaluation) refusedSince(bit uint64, onDay bool) bool {
	for j := range e.grants {
		n := &e.grants[j]
		if n.codes&bit == 0 || !e.counts(n, byReadable) || onDay && !n.span.Covers(e.today, e.today) {
			continue
		}
		if !e.overridden(n, bit) {
			return true
		}
	}
	return false
}

func (e *evaluation) overridden(n *grant, bit uint64) bool {
	for i := range e.grants {
		if p := &e.grants[i]; e.permits(p, bit) && e.docs[n.doc].when.before(e.docs[p.doc].when) {
			return true
		}
	}
	return false
}

// missing tells whether a code that nothing permits was at least attempted, or may have been refused.
func (e *evaluation) missing(bit uint64) Reason {
	reason := IncompleteCodes
	for i := range e.grants {
		if g := &e.grants[i]; e.counts(g, byDoubtful) && g.doubt && g.codes&bit != 0 {
			return Review
		}
	}
	for i := range e.docs {
		d := &e.docs[i]
		spoilt := d.granted&bit == 0 || !d.when.known || d.owner == unknownOwner || d.status == statusDamaged
		if d.tried&bit != 0 && d.owner != ofLinked && spoilt {
			reason = Unreadable
		}
	}
	return reason
}

// windows computes the window, and where it is empty tells why.
func (e *evaluation) windows() (days, Reason, Outcome) {
	if w := e.window(byAll); len(w) > 0 {
		return slices.Clone(w), Consented, Granted
	}
	if len(e.window(0)) > 0 {
		if len(e.window(byReadable)) == 0 {
			return nil, e.refusal(), Excluded
		}
		return nil, Review, Held
	}
	for i, c := range e.policy.codes {
		if !containsCode(e.policy.set.Window, c) {
			continue
		}
		bit := uint64(1) << i
		e.setB = e.collected(e.setB[:0], bit, 0, 0)
		switch {
		case len(e.setB) > 0:
		case e.refusedSince(bit, false):
			return nil, e.refusal(), Excluded
		default:
			return nil, e.missing(bit), Held
		}
	}
	return nil, NoWindow, Held
}

// partial tells whether readable denies made the window smaller.
func (e *evaluation) partial(windows days) Withdrawal {
	if !slices.ContainsFunc(e.grants, func(g grant) bool { return e.counts(&g, byReadable) }) {
		return NoWithdrawal
	}
	if slices.Equal(windows, e.window(byDoubtful)) {
		return NoWithdrawal
	}
	return PartialWithdrawal
}

// absence words what is missing when nothing was refused.
func (e *evaluation) absence(reason Reason) Reason {
	active := slices.ContainsFunc(e.docs, func(d document) bool { return d.status == statusActive })
	switch {
	case reason == Review:
		return Review
	case e.ofAge:
		return CameOfAge
	case e.noAge:
		return AgeUnknown
	case e.policy.set.Study.Reference != "" && len(e.enrolled) == 0:
		return NotEnrolled
	case !e.seen:
		return NoConsent
	case len(e.docs) == 0:
		return NotRecognised
	case !active:
		return NotActive
	}
	return reason
}

// typeWindows computes the windows of the types that need further codes.
func (e *evaluation) typeWindows(base days) map[string]days {
	if len(e.policy.types) == 0 {
		return nil
	}
	out := make(map[string]days, len(e.policy.types))
	for typ, need := range e.policy.types {
		if _, outcome := e.gates(need.gate); outcome != Granted {
			out[typ] = nil
			continue
		}
		w := slices.Clone(base)
		for i := range e.policy.codes {
			if need.window&(1<<i) == 0 {
				continue
			}
			e.setB = e.collected(e.setB[:0], 1<<i, e.policy.gate|need.gate, byAll)
			w = intersect(nil, w, e.setB)
		}
		if need.gate != 0 {
			w = e.unforgotten(w, need.gate)
		}
		out[typ] = w
	}
	return out
}

// unforgotten clears the window of a type when a deny of one of its gate codes follows every permit of the window.
func (e *evaluation) unforgotten(w days, gate uint64) days {
	for i, c := range e.policy.codes {
		if containsCode(e.policy.set.Window, c) {
			e.setB = e.collected(e.setB[:0], 1<<i, e.policy.gate|gate, byAll)
			w = intersect(nil, w, e.setB)
		}
	}
	return w
}
