package consent

import (
	"github.com/crflink/crflink/fhir"
)

// mode says which denies count when days are computed. Comparing modes tells what caused a loss.
type mode uint8

const (
	byReadable mode = 1 << iota // denies that can be read
	byDoubtful                  // denies that were widened because they cannot
	byAll      = byReadable | byDoubtful
)

// counts reports whether a deny takes part.
func (e *evaluation) counts(g *grant, m mode) bool {
	if !g.deny || !e.docs[g.doc].selected {
		return false
	}
	if g.doubt {
		return m&byDoubtful != 0
	}
	return m&byReadable != 0
}

// grants a permit of the codes, by a document whose permits count.
func (e *evaluation) permits(g *grant, codes uint64) bool {
	d := &e.docs[g.doc]
	return !g.deny && g.codes&codes != 0 && d.selected && !d.void && g.span.Start >= e.afterDay
}

// cuts reports whether the deny n takes part against what document p permits: unless it is certainly older.
func (e *evaluation) cuts(n *grant, p int, m mode) bool {
	return e.counts(n, m) && (n.doc == p || !e.docs[n.doc].when.before(e.docs[p].when))
}

// permitted appends to dst the days on which the code is permitted. Newest overrides, and a deny of the same or a
// later date wins.
func (e *evaluation) permitted(dst days, code uint64, m mode) days {
	for i := range e.grants {
		p := &e.grants[i]
		if !e.permits(p, code) {
			continue
		}
		from := len(dst)
		dst = append(dst, p.span)
		for j := range e.grants {
			if n := &e.grants[j]; n.codes&code != 0 && e.cuts(n, p.doc, m) {
				dst = dst.subtract(from, n.span)
			}
		}
	}
	return dst.normalise()
}

// collected appends the days whose data the code lets a study use: its permits, moved back to the begin of the
// hospital stay in which consent was signed, extended into the past by a retrospective code, less denies. After a
// deny of a gate code everything permitted before it is forgotten, when the policy says so.
func (e *evaluation) collected(dst days, code, gate uint64, m mode) days {
	for i := range e.grants {
		p := &e.grants[i]
		if !e.permits(p, code) || e.forgotten(p, gate, m) {
			continue
		}
		from := len(dst)
		start := e.shifted(p, gate, m)
		dst = append(dst, Interval{start, p.span.End})
		dst = e.extend(dst, p, start, m)
		for j := range e.grants {
			if n := &e.grants[j]; n.codes&code != 0 && e.cuts(n, p.doc, m) {
				dst = dst.subtract(from, n.span)
			}
		}
	}
	return dst.normalise()
}

// forgotten reports whether a deny of a gate code that is in force, and not certainly older, follows the permit.
func (e *evaluation) forgotten(p *grant, gate uint64, m mode) bool {
	if e.policy.set.AfterWithdrawal != Forget {
		return false
	}
	for j := range e.grants {
		n := &e.grants[j]
		if n.codes&gate != 0 && n.span.Start <= e.today && e.cuts(n, p.doc, m) {
			return true
		}
	}
	return false
}

// shifted returns the begin of the permit, moved back to the earliest begin of a hospital stay that includes it: one
// step, and under forget never behind an earlier withdrawal.
func (e *evaluation) shifted(p *grant, gate uint64, m mode) fhir.Day {
	start := p.span.Start
	for _, stay := range e.stays {
		if stay.Start < p.span.Start && p.span.Start <= stay.End {
			start = min(start, stay.Start)
		}
	}
	if e.after.known {
		start = max(start, min(e.afterDay+1, p.span.Start))
	}
	if start == p.span.Start || e.policy.set.AfterWithdrawal != Forget {
		return start
	}
	for j := range e.grants {
		if n := &e.grants[j]; n.codes&gate != 0 && e.counts(n, m) && !e.cuts(n, p.doc, m) {
			start = max(start, min(e.docs[n.doc].last+1, p.span.Start))
		}
	}
	return start
}

// extend appends the past that a retrospective code opens for a permit: when that code is permitted in the same
// Consent or the same signing, and the two overlap. A retrospective deny takes out its days; one that reaches the
// permit's own days withdraws the past as a whole.
func (e *evaluation) extend(dst days, p *grant, start fhir.Day, m mode) days {
	look := e.policy.set.LookBack
	if e.policy.retro == 0 || look >= start || !e.retrospective(p, m) {
		return dst
	}
	from := len(dst)
	dst = append(dst, Interval{look, start - 1})
	for j := range e.grants {
		n := &e.grants[j]
		if n.codes&e.policy.retro == 0 || !e.cuts(n, p.doc, m) {
			continue
		}
		if n.span.End >= p.span.Start {
			return dst[:from]
		}
		dst = dst.subtract(from, n.span)
	}
	return dst
}

// retrospective reports whether a retrospective code, less its denies, overlaps the permit in the same signing.
func (e *evaluation) retrospective(p *grant, m mode) bool {
	for i := range e.grants {
		r := &e.grants[i]
		if !e.permits(r, e.policy.retro) || r.doc != p.doc && !e.docs[r.doc].when.same(e.docs[p.doc].when) {
			continue
		}
		e.piece = append(e.piece[:0], r.span)
		for j := range e.grants {
			if n := &e.grants[j]; n.codes&e.policy.retro != 0 && e.cuts(n, r.doc, m) {
				e.piece = e.piece.subtract(0, n.span)
			}
		}
		for _, rest := range e.piece {
			if rest.overlaps(p.span) {
				return true
			}
		}
	}
	return false
}

// window returns the days that all window codes have in common, in e.setA.
func (e *evaluation) window(m mode) days {
	first := true
	for i, c := range e.policy.codes {
		if !containsCode(e.policy.set.Window, c) {
			continue
		}
		e.setB = e.collected(e.setB[:0], 1<<i, e.policy.gate, m)
		if first {
			e.setA = append(e.setA[:0], e.setB...)
		} else {
			e.setC = intersect(e.setC[:0], e.setA, e.setB)
			e.setA, e.setC = e.setC, e.setA
		}
		first = false
	}
	if e.policy.set.Study.Reference != "" {
		e.setC = intersect(e.setC[:0], e.setA, e.inStudy)
		e.setA, e.setC = e.setC, e.setA
	}
	return e.setA
}

func containsCode(codes []Code, c Code) bool {
	for _, x := range codes {
		if x == c {
			return true
		}
	}
	return false
}
