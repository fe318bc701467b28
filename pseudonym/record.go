package pseudonym

import (
	"iter"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
)

// Record is one subject's de-identified resources: all that mapping sees. Only a Veil makes one. Nothing of the
// originals can be reached from it: every resource is built anew.
type Record struct {
	subject   Subject
	patient   *fhir.Resource
	resources []*fhir.Resource
	index     func() map[fhir.Key]*fhir.Resource // made when somebody asks

	shift       int
	moves       bool
	first, last fhir.Day // the true day of birth lies between them
	born        bool
}

// newRecord returns an empty record for about so many resources.
func newRecord(s Subject, d Dates, shift int, patient *fhir.Resource, resources int) *Record {
	r := &Record{subject: s, resources: make([]*fhir.Resource, 0, resources), shift: shift, moves: d.moves()}
	r.index = sync.OnceValue(r.byKey)
	if birth, err := fhir.ParseDateTime(patient.Get("birthDate").Text()); err == nil {
		r.first, r.last = birth.Days(d.Zone)
		r.born = true
	}
	return r
}

func (r *Record) byKey() map[fhir.Key]*fhir.Resource {
	all := make(map[fhir.Key]*fhir.Resource, len(r.resources))
	for _, res := range r.resources {
		if res.ID != "" {
			all[res.Key()] = res
		}
	}
	return all
}

// Release gives the memory of the resources to later records. Nothing of the record but strings may be used afterwards.
func (r *Record) Release() {
	for _, res := range r.resources {
		res.Release()
	}
	*r = Record{}
}

// Subject returns the subject whose record it is.
func (r *Record) Subject() Subject { return r.subject }

// Patient returns the Patient resource; nil when the profile drops it.
func (r *Record) Patient() *fhir.Resource { return r.patient }

// Len returns the number of resources.
func (r *Record) Len() int { return len(r.resources) }

// Resources yields all resources in the order of the source.
func (r *Record) Resources() iter.Seq[*fhir.Resource] {
	return func(yield func(*fhir.Resource) bool) {
		for _, res := range r.resources {
			if !yield(res) {
				return
			}
		}
	}
}

// OfType yields the resources of one type.
func (r *Record) OfType(typ string) iter.Seq[*fhir.Resource] {
	return func(yield func(*fhir.Resource) bool) {
		for _, res := range r.resources {
			if res.Type == typ && !yield(res) {
				return
			}
		}
	}
}

// Find returns the resource of a type and keyed id, or nil.
func (r *Record) Find(k fhir.Key) *fhir.Resource {
	if r.index == nil {
		return nil
	}
	return r.index()[k]
}

// Resolve follows the text of a reference that stands in a resource of the record: to another resource, to one that
// is contained in the same, or for # to the resource itself. It is Missing where it leads nowhere.
func (r *Record) Resolve(from *fhir.Resource, reference string) fhir.Node {
	ref := fhir.ParseReference(reference)
	if k, ok := ref.Key(); ok {
		if res := r.Find(k); res != nil {
			return res.Node
		}
		return fhir.Node{}
	}
	if ref.Form != fhir.Contained || from == nil {
		return fhir.Node{}
	}
	if ref.ID == "" {
		return from.Node
	}
	for c := range from.Get("contained").Elements() {
		if strings.TrimPrefix(c.Get("id").Text(), "#") == ref.ID {
			return c
		}
	}
	return fhir.Node{}
}

// Day returns where a true calendar day lies for this subject: the as-of day and the calendar dates of a mapping are
// compared with the record's dates only after this.
func (r *Record) Day(d fhir.Day) fhir.Day {
	return d + fhir.Day(r.shift) // #nosec G115 -- at most maxShift
}

// AgeUnit is the unit of an age.
type AgeUnit uint8

// The units of ages.
const (
	Years AgeUnit = iota
	Months
	Weeks
	Days
)

// AgeAt returns the subject's completed years, months, weeks or days of life on a day of the record. It is exact
// although the record shows less of the birth date. ok is false when there is no birth date, when it is written too
// coarsely to tell, or when the day lies before it.
func (r *Record) AgeAt(day fhir.Day, unit AgeUnit) (age int, ok bool) {
	day -= fhir.Day(r.shift) // #nosec G115 -- at most maxShift
	if !r.born || day < r.last {
		return 0, false
	}
	oldest, youngest := completed(r.first, day, unit), completed(r.last, day, unit)
	if oldest != youngest {
		return 0, false
	}
	return youngest, true
}

func completed(birth, day fhir.Day, unit AgeUnit) int {
	switch unit {
	case Days:
		return int(day - birth)
	case Weeks:
		return int(day-birth) / 7
	}
	by, bm, bd := birth.Date()
	y, m, d := day.Date()
	months := (y-by)*12 + m - bm
	if d < bd {
		months--
	}
	if unit == Months {
		return months
	}
	return months / 12
}
