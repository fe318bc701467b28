package synth

import (
	"github.com/crflink/crflink/fhir"
	"slices"
)

// partlyWithdrawn ends the collection of data, not their use.
func (p *patient) partlyWithdrawn() {
	c := p.consented
	w := c + fhir.Day(p.between(200, 600)) // #nosec G115 -- small
	p.document(c, docConsent, p.fullPermits(c)...)
	no := deny(w, codeCollect)
	if p.chance(300) {
		no.end = "" // unbounded
	}
	p.document(w, docPartial, no)
	p.permitted(c, w-1, true)
}

func (p *patient) reconsented() {
	r := p.withdrawAndReturn()
	p.document(r, docConsent172, p.fullPermits(r)...)
	p.permitted(r, years(r, 5), true)
}

// reconsentedRetro opens the past again that the withdrawal had closed.
func (p *patient) reconsentedRetro() { p.retro(p.withdrawAndReturn(), codeRetro) }

// withdrawAndReturn consents, withdraws, and returns the day of the second consent.
func (p *patient) withdrawAndReturn() fhir.Day {
	p.withdrawn()
	return p.consented + fhir.Day(p.between(330, 420)) // #nosec G115 -- small
}

// renewed is a consent that a second one prolongs before it ends.
func (p *patient) renewed() {
	c := p.consented
	end := years(c, 1)
	second := end - fhir.Day(p.between(0, 60)) // #nosec G115 -- small
	p.document(c, docConsent, permit(c, end, codeCollect), permit(c, years(c, 30), codeStore, codeUse))
	p.document(second, docConsent172, p.fullPermits(second)...)
	p.permitted(c, years(second, 5), true)
}

// endsToday may be used for the last time on the as-of day.
func (p *patient) endsToday() {
	c := p.consented
	p.document(c, docConsent, permit(c, years(c, 5), codeCollect), permit(c, p.asOf, codeStore, codeUse))
	p.permitted(c, years(c, 5), true)
}

func (p *patient) withdrawn() {
	c := p.consented
	w := c + fhir.Day(p.between(100, 300)) // #nosec G115 -- small
	p.document(c, docConsent, p.fullPermits(c)...)
	p.document(w, pick(&p.rng, []string{docWithdrawal, docWithdrawal172}), deny(w, codeCollect), deny(w, codeStore), deny(w, codeUse), deny(w, bioCodes...))
	p.refused("excluded", "withdrawn")
}

// withdrawnUnreadable withdraws by a document whose provisions say nothing: the document's OID does.
func (p *patient) withdrawnUnreadable() {
	c := p.consented
	p.document(c, docConsent, p.fullPermits(c)...)
	w := c + fhir.Day(p.between(100, 500)) // #nosec G115 -- small
	p.document(w, docWithdrawal, provision{untyped: true, codes: []string{codeUse}})
	p.refused("excluded", "withdrawn")
}

func (p *patient) statusWithdrawn() {
	c := p.consented
	w := c + fhir.Day(p.between(100, 500)) // #nosec G115 -- small
	p.document(c, docConsent, p.fullPermits(c)...).resultType = "document"
	p.document(w, docConsent, deny(w, codeCollect), deny(w, codeStore), deny(w, codeUse), deny(w, bioCodes...)).resultType = "consent-status"
	p.refused("excluded", "withdrawn")
}

// denied allows biosamples and refuses data.
func (p *patient) denied() {
	c := p.consented
	p.document(c, docConsent, permit(c, years(c, 5), "19"), permit(c, years(c, 30), "20", "22"),
		deny(c, codeCollect), deny(c, codeStore), deny(c, codeUse))
	p.refused("excluded", "denied")
}

// sameDayDeny permits and denies in one breath: deny wins.
func (p *patient) sameDayDeny() {
	c := p.consented
	list := p.fullPermits(c)
	p.document(c, docConsent, append(list, deny(c, codeCollect), deny(c, codeUse))...)
	p.refused("excluded", "denied")
}

// useWithdrawn leaves the collection allowed and forbids the use.
func (p *patient) useWithdrawn() {
	c := p.consented
	w := c + fhir.Day(p.between(100, 500)) // #nosec G115 -- small
	p.document(c, docConsent, p.fullPermits(c)...)
	p.document(w, docPartial, deny(w, codeUse))
	p.refused("excluded", "withdrawn")
}

func (p *patient) expired() {
	c := p.consented
	end := p.asOf - fhir.Day(p.between(1, 100)) // #nosec G115 -- small
	p.document(c, docConsent, permit(c, end, mdatCodes...))
	p.refused("held", "expired")
}

func (p *patient) noConsent() { p.refused("held", "no-consent") }

// withoutEnd has a permit whose period has no end, which grants nothing.
func (p *patient) withoutEnd() {
	c := p.consented
	open := permit(c, c, codeCollect)
	open.end = ""
	p.document(c, docConsent, open, permit(c, years(c, 30), codeStore, codeUse))
	p.refused("held", "unreadable")
}

func (p *patient) inactive() {
	c := p.consented
	status := pick(&p.rng, []string{"draft", "proposed", "entered-in-error", "inactive", "rejected"})
	p.document(c, docConsent, p.fullPermits(c)...).status = status
	p.refused("held", map[bool]string{true: "no-consent", false: "not-active"}[status == "entered-in-error"])
}

// undatedDeny has a refusal of which nobody knows when it was given.
func (p *patient) undatedDeny() {
	c := p.consented
	p.document(c, docConsent, p.fullPermits(c)...)
	p.document(c+50, docPartial, slices.Clone([]provision{deny(c+50, codeUse)})...).dateTime = ""
	p.refused("held", "review")
}

// grantedMonth has months where days belong: a permit is narrowed to what every reading of it allows.
func (p *patient) grantedMonth() {
	c := p.consented
	end := years(c, 5)
	collect := permit(c, end, codeCollect)
	first, last := moment{c, 0, fhir.Month, false}, moment{end, 0, fhir.Month, false}
	collect.start, collect.end = first.String(), last.String()
	p.document(c, docConsent, collect, permit(c, years(c, 30), codeStore, codeUse))
	p.permitted(first.last(), last.first(), true)
}

// localCodes has the hospital's own codes, which nothing maps to those of the MII.
func (p *patient) localCodes() {
	c := p.consented
	p.document(c, docConsent, permit(c, years(c, 5), codeCollect), permit(c, years(c, 30), codeStore, codeUse)).local = true
	p.refused("held", "incomplete-codes")
}

// notYet may be used from tomorrow on.
func (p *patient) notYet() {
	c := p.consented
	p.document(c, docConsent, permit(c, years(c, 5), codeCollect), permit(p.asOf+1, years(c, 30), codeStore, codeUse))
	p.refused("held", "not-yet-valid")
}
