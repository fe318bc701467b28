package pseudonym

import (
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/crflink/crflink/fhir"
)

// Resources is one patient's resources, as far as numbering and identity look at them.
type Resources interface {
	Patient() *fhir.Resource
	Resources() iter.Seq[*fhir.Resource]
}

// permitted is what a Veil takes: one patient's consented resources.
type permitted interface {
	Resources
	Find(fhir.Key) *fhir.Resource
}

// Veil de-identifies: it applies a profile and a date mode. It is safe for concurrent use.
type Veil struct {
	profile *Profile
	dates   Dates
	walkers sync.Pool
}

// NewVeil returns a veil. The date mode must be chosen and the site's time zone given.
func NewVeil(profile *Profile, dates Dates) (*Veil, error) {
	if profile == nil {
		return nil, errors.New("veil: no de-identification profile")
	}
	dates, err := dates.check()
	if err != nil {
		return nil, err
	}
	v := &Veil{profile: profile, dates: dates}
	v.walkers.New = func() any { return newWalker(profile, dates) }
	return v, nil
}

// Profile returns the profile that the veil applies.
func (v *Veil) Profile() *Profile { return v.profile }

// Mode returns what the veil does with dates.
func (v *Veil) Mode() DateMode { return v.dates.Mode }

var (
	errNoSubject   = errors.New("de-identify: there is no subject; only a vault makes one")
	errNothing     = errors.New("de-identify: there are no permitted resources")
	errPanicked    = errors.New("de-identify: a resource broke the walk; the patient is left out")
	errUnwriteable = errors.New("de-identify: a resource could not be written again")
)

// apply fills a Record from the resources. A resource or element that cannot be de-identified is dropped and
// counted; an error means that nothing of the patient may be used.
func (v *Veil) apply(from permitted, dropDeceased bool, s Subject) (record *Record, report Report, err error) {
	switch {
	case s.IsZero():
		return nil, Report{}, errNoSubject
	case from.Patient() == nil:
		return nil, Report{}, errNothing
	}
	w, _ := v.walkers.Get().(*walker)
	defer func() {
		// A panic's text could hold a value: it is replaced, and the walker is not used again.
		if recover() != nil {
			record, report, err = nil, Report{}, errPanicked
		}
	}()
	w.begin(from, s, dropDeceased)
	record = newRecord(s, v.dates, w.shift, from.Patient())
	for res := range from.Resources() {
		report.Resources++
		out, ok, err := w.resource(res, report.Resources)
		if err != nil {
			return nil, Report{}, fmt.Errorf("%w: %s %d", errUnwriteable, w.typeName(res.Type), report.Resources)
		}
		if ok {
			report.Kept++
			record.add(out)
		}
	}
	record.patient = record.byKey[fhir.Key{Type: "Patient", ID: w.resourceID(from.Patient().Key())}]
	w.tally.take(v.profile, &report)
	w.end()
	v.walkers.Put(w)
	return record, report, nil
}
