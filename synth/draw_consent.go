package synth

import (
	"github.com/crflink/crflink/fhir"
)

// expected is what a consent pattern must lead to: the outcome, and the period of data collection before the shift to the
// beginning of a stay. The rules are named in truth_consent.go.
type expected struct {
	outcome, reason string
	first, last     fhir.Day // of MDAT_erheben
	shifts          bool     // first moves to the start of a stay that covers it
}

// Suffixes of the policy codes, and of the documents' OIDs.
const (
	codeCollect = "6"
	codeStore   = "7"
	codeUse     = "8"
	codeRetro   = "45"
	codeRetro46 = "46"

	oidPrefix        = "2.16.840.1.113883.3.1937.777.24.2."
	docConsent       = "1791"
	docWithdrawal    = "2720"
	docPartial       = "2721"
	docConsent172    = "2079"
	docWithdrawal172 = "2722"
)

var (
	retroFirst = fhir.NewDay(1900, 1, 1)
	bioCodes   = []string{"19", "20", "22"}
	mdatCodes  = []string{codeCollect, codeStore, codeUse}
)

// consentPattern is one way of consenting, with its share of 1000 patients.
type consentPattern struct {
	share int
	draw  func(*patient)
}

// consentPatterns lists every pattern. It is a function because the patterns refer to it.
func consentPatterns() []consentPattern {
	return []consentPattern{
		{245, (*patient).granted}, {60, (*patient).grantedTogether}, {230, (*patient).grantedRetro}, {40, (*patient).grantedRetro46},
		{40, (*patient).grantedStatus}, {40, (*patient).grantedPolicies}, {40, (*patient).bioDenied}, {40, (*patient).partlyWithdrawn},
		{30, (*patient).reconsented}, {20, (*patient).reconsentedRetro}, {25, (*patient).renewed}, {15, (*patient).endsToday},
		{25, (*patient).withdrawn}, {10, (*patient).withdrawnUnreadable}, {20, (*patient).statusWithdrawn}, {15, (*patient).denied},
		{8, (*patient).sameDayDeny}, {8, (*patient).useWithdrawn},
		{20, (*patient).expired}, {20, (*patient).noConsent}, {8, (*patient).withoutEnd}, {8, (*patient).inactive}, {8, (*patient).undatedDeny},
		{11, (*patient).grantedMonth}, {7, (*patient).localCodes}, {7, (*patient).notYet},
	}
}

var patterns = consentPatterns()

func (p *patient) drawConsents() {
	weights := [32]int{}
	for i := range patterns {
		weights[i] = patterns[i].share
	}
	patterns[p.weighted(weights[:len(patterns)])].draw(p)
}

// years is the last day of a period of whole years that begins on a day.
func years(d fhir.Day, n int) fhir.Day {
	y, m, day := d.Date()
	return fhir.NewDay(y+n, m, day) - 1
}

// document adds a consent document of a day.
func (p *patient) document(day fhir.Day, policy string, provisions ...provision) *consent {
	m := onDay(day)
	if p.chance(500) {
		m = moment{day, p.between(8*3600, 16*3600), fhir.Second, false}
	}
	b := p.fact(at(m), "active")
	if b.profile == profileMissing {
		b.profile = profilePlain
	}
	c := consent{base: b, dateTime: m.String(), policy: policy, start: day.String(), provisions: provisions, oldCategory: p.chance(400)}
	if p.chance(300) {
		c.resultType = "document"
	}
	c.gics = p.trap(40)
	p.consents = append(p.consents, c)
	return &p.consents[len(p.consents)-1]
}

func permit(first, last fhir.Day, codes ...string) provision {
	return provision{permit: true, codes: codes, start: first.String(), end: last.String()}
}

// deny is a refusal from a day on, to the end that gICS writes.
func deny(first fhir.Day, codes ...string) provision {
	return provision{codes: codes, start: first.String(), end: "3000-01-01"}
}

// fullPermits are the usual permits of a consent, one provision per code.
func (p *patient) fullPermits(c fhir.Day) []provision {
	list := []provision{permit(c, years(c, 5), codeCollect), permit(c, years(c, 30), codeStore), permit(c, years(c, 30), codeUse)}
	if p.chance(600) {
		list = append(list, permit(c, years(c, 5), "19"), permit(c, years(c, 30), "20"), permit(c, years(c, 30), "22"))
	}
	return list
}

func (p *patient) permitted(first, last fhir.Day, shifts bool) {
	p.decision = expected{"permitted", "granted", first, last, shifts}
}

func (p *patient) refused(outcome, reason string) {
	p.decision = expected{outcome: outcome, reason: reason}
}

func (p *patient) granted() {
	c := p.consented
	list := p.fullPermits(c)
	if p.chance(300) { // an instant instead of a day: local midnight
		m := moment{c, 0, fhir.Second, false}
		for i := range list {
			list[i].start = m.String()
		}
	}
	p.document(c, pick(&p.rng, []string{docConsent, docConsent172}), list...)
	p.permitted(c, years(c, 5), true)
}

// grantedTogether has all codes in one provision, as some sites do.
func (p *patient) grantedTogether() {
	c := p.consented
	p.document(c, docConsent, permit(c, years(c, 5), codeCollect, codeStore, codeUse, "19"))
	p.permitted(c, years(c, 5), true)
}

func (p *patient) grantedRetro()   { p.retro(p.consented, codeRetro) }
func (p *patient) grantedRetro46() { p.retro(p.consented, codeRetro46) }

// retro is a consent that also opens the past.
func (p *patient) retro(c fhir.Day, code string) {
	p.document(c, docConsent172, append(p.fullPermits(c), permit(c, years(c, 30), code))...)
	p.permitted(retroFirst, years(c, 5), false)
}

func (p *patient) grantedStatus() {
	c := p.consented
	p.document(c, docConsent, p.fullPermits(c)...).resultType = "consent-status"
	if p.chance(500) {
		p.document(c, docConsent, p.fullPermits(c)...).resultType = "document"
	}
	p.permitted(c, years(c, 5), true)
}

// grantedPolicies is how gICS answers by default: one Consent for each policy, with type and code at the root.
func (p *patient) grantedPolicies() {
	c := p.consented
	for _, code := range mdatCodes {
		end := years(c, 30)
		if code == codeCollect {
			end = years(c, 5)
		}
		doc := p.document(c, docConsent)
		root := permit(c, end, code)
		doc.resultType, doc.root, doc.dateTime = "policy", &root, c.String()
	}
	p.permitted(c, years(c, 5), true)
}

func (p *patient) bioDenied() {
	c := p.consented
	list := []provision{permit(c, years(c, 5), codeCollect), permit(c, years(c, 30), codeStore), permit(c, years(c, 30), codeUse)}
	for _, code := range bioCodes {
		list = append(list, provision{codes: []string{code}, start: c.String(), end: years(c, 30).String()})
	}
	p.document(c, docConsent, list...)
	p.permitted(c, years(c, 5), true)
}
