package consent

import (
	"time"

	"github.com/crflink/crflink/fhir"
)

// resultType is what one Consent resource stands for (HL7 Germany consent management, code system ResultType). A
// Consent without one is a document, as older servers write it.
type resultType uint8

const (
	resultDocument resultType = iota // one signed document
	resultPolicy                     // one signed policy, on the root provision
	resultStatus                     // the person's aggregated current state
	resultUnknown                    // a code that the guide does not know
)

// status is Consent.status as far as it matters.
type status uint8

const (
	statusDamaged  status = iota // missing, not text or not a code of FHIR
	statusActive                 // may grant
	statusInactive               // inactive, rejected, draft, proposed
	statusError                  // entered-in-error
)

// moment is Consent.dateTime as the span of instants that it may mean, in microseconds since 1970. The zero moment is
// not known.
type moment struct {
	from, to int64
	known    bool
}

// before reports whether the order is certain. A date beside an instant of that day is not before it, nor after.
func (m moment) before(n moment) bool { return m.known && n.known && m.to < n.from }

func (m moment) same(n moment) bool { return m.known && m == n }

// readMoment reads a dateTime and the first and last calendar day that it may mean.
func readMoment(n fhir.Node, zone *time.Location) (m moment, first, last fhir.Day) {
	d, ok := readDate(n)
	if !ok {
		return moment{}, 0, 0
	}
	first, last = d.Days(zone)
	if t, ok := d.Instant(); ok {
		return moment{t.UnixMicro(), t.UnixMicro(), true}, first, last
	}
	return moment{dayStart(first, zone), dayStart(last+1, zone) - 1, true}, first, last
}

func dayStart(day fhir.Day, zone *time.Location) int64 {
	y, m, d := day.Date()
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, zone).UnixMicro()
}

// document is one Consent as read.
type document struct {
	res        *fhir.Resource
	when       moment
	first      fhir.Day // first calendar day that dateTime may mean
	last       fhir.Day // and the last
	owner      belonging
	status     status
	result     resultType
	role       role
	recognised bool
	foreign    bool // names another form
	selected   bool
	void       bool   // its permits grant nothing, whatever they say
	tried      uint64 // codes that it permits or seems to permit
	granted    uint64 // codes that it permits readably
	used       bool   // it permits or denies a code that matters
}

// readDocument reads all of a Consent but its provisions.
func (e *evaluation) readDocument(res *fhir.Resource) document {
	d := document{res: res, status: readStatus(res.Get("status")), owner: unknownOwner}
	if ref := res.Get("patient"); ref.Kind() == fhir.Object {
		d.owner = e.person.whose(ref, e.facts.Patients)
	}
	e.identify(&d)
	d.when, d.first, d.last = readMoment(res.Get("dateTime"), e.policy.zone)
	return d
}

func readStatus(n fhir.Node) status {
	if n.Kind() != fhir.String {
		return statusDamaged
	}
	switch n.Text() {
	case "active":
		return statusActive
	case "inactive", "rejected", "draft", "proposed":
		return statusInactive
	case "entered-in-error":
		return statusError
	}
	return statusDamaged
}

// identify finds out which form the Consent is of, by profile, category, policy URI or ResearchSubject.
func (e *evaluation) identify(d *document) {
	p, rec := e.policy, &e.policy.set.Recognise
	for ns := each(d.res.Path("meta", "profile")); ns.Exists(); ns.step() {
		n := ns.Node
		if profile := fhir.TrimVersion(n.Text()); p.profiles[profile] {
			d.recognised = true
		}
	}
	acknowledged, resultCategory := e.categories(d)
	for ns := each(d.res.Get("policy")); ns.Exists(); ns.step() {
		n := ns.Node
		uri := n.Get("uri").Text()
		e.uri(d, uri)
	}
	if text := d.res.Path("policyRule", "text").Text(); p.uris[text] { // gICS names its template here
		d.recognised = true
	}
	if rec.SignedPolicies && acknowledged && resultCategory && d.result == resultPolicy {
		d.recognised = true
	}
	if _, ok := e.enrolled[d.res.Key()]; ok && d.res.ID != "" {
		d.recognised = true
	}
	d.foreign = d.foreign && !d.recognised
}

// uri takes up one policy URI.
func (e *evaluation) uri(d *document, uri string) {
	if uri == "" {
		return
	}
	p := e.policy
	switch r := documentRole(uri); {
	case r != 0 && p.set.Recognise.MIIDocuments:
		d.role |= r
		d.recognised = true
	case p.withdraw[uri]:
		d.role |= roleCompleteWithdrawn
		d.recognised = true
	case p.uris[uri]:
		d.recognised = true
	default:
		d.foreign = true
	}
}

// categories reads Consent.category: the form, the ResultType, and the LOINC code of consents (57016-8, older 59284-0).
func (e *evaluation) categories(d *document) (acknowledged, result bool) {
	for cats := each(d.res.Get("category")); cats.Exists(); cats.step() {
		cat := cats.Node
		for cs := each(cat.Get("coding")); cs.Exists(); cs.step() {
			c := cs.Node
			system, code := c.Get("system").Text(), c.Get("code").Text()
			switch system {
			case systemResult:
				result = true
				d.result = readResult(code, d.result)
			case systemLOINC:
				acknowledged = acknowledged || code == "57016-8" || code == "59284-0"
			default:
				d.recognised = d.recognised || e.policy.category[Code{system, code}]
				if e.policy.set.Recognise.MIIDocuments {
					d.role |= documentRole(code)
				}
			}
		}
	}
	return acknowledged, result
}

func readResult(code string, other resultType) resultType {
	r := resultUnknown
	switch code {
	case "document":
		r = resultDocument
	case "policy":
		r = resultPolicy
	case "consent-status":
		r = resultStatus
	}
	if other != resultDocument && other != r {
		return resultUnknown
	}
	return r
}
