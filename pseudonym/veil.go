package pseudonym

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
)

// Resources is one patient's resources, as far as numbering and identity look at them.
type Resources interface {
	Patient() *fhir.Resource
	Resources() iter.Seq[*fhir.Resource]
}

// permitted is what a walk needs of consent.Permitted.
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
	v.walkers.New = func() any { return newWalker(profile, dates, nil) }
	return v, nil
}

// Only returns a veil that leaves out what nobody reads: of each type of resource it writes the named elements (as in JSON,
// value[x] for a choice, * for all) and id; of types that are not named, the id alone. Extensions of a resource and what is
// contained in it are written as the profile says. nil is all elements of all types. What is left out so is not counted as
// dropped.
func (v *Veil) Only(elements map[string][]string) *Veil {
	if elements == nil {
		return v
	}
	only := &Veil{profile: v.profile, dates: v.dates}
	only.walkers.New = func() any { return newWalker(v.profile, v.dates, elements) }
	return only
}

// named reports whether the list has the name of an element, as it is or as a choice.
func named(list []string, name string) bool {
	return slices.ContainsFunc(list, func(e string) bool {
		choice, is := strings.CutSuffix(e, "[x]")
		return e == name || e == "*" || is && strings.HasPrefix(name, choice) && len(name) > len(choice)
	})
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

// Apply makes the Record of a subject of what consent permits. A resource or element that cannot be de-identified is
// dropped and counted. An error means that nothing of the patient may be used; it holds no value of a resource.
func (v *Veil) Apply(from consent.Permitted, s Subject) (*Record, Report, error) {
	if !from.Granted() {
		return nil, Report{}, errNothing
	}
	return v.apply(from, from.HidesDeath(), s, nil)
}

// Change is one thing that the veil did to an element. Unlike a Report it may hold names as the source wrote them, and
// is meant for somebody who looks at files of their own.
type Change struct {
	Resource int    // position among the permitted resources, from 1
	Path     string // Observation.note
	What     string // the action that replaced the value, or the Reason for which the element was dropped
}

// Diff lists what Apply changes and drops, in the order of the resources.
func (v *Veil) Diff(from consent.Permitted, s Subject) ([]Change, error) {
	if !from.Granted() {
		return nil, errNothing
	}
	var changes []Change
	_, _, err := v.apply(from, from.HidesDeath(), s, func(c Change) { changes = append(changes, c) })
	return changes, err
}

func (v *Veil) apply(from permitted, hidesDeath bool, s Subject, see func(Change)) (record *Record, report Report, err error) {
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
	resources, size := 0, 0
	for res := range from.Resources() {
		resources++
		size += len(res.Raw())
	}
	w.begin(from, s, hidesDeath, size/3) // about what the values of real resources need
	if see != nil {
		w.trace = func(path, what string) { see(Change{report.Resources, path, what}) }
	}
	record = newRecord(s, v.dates, w.shift, from.Patient(), resources)
	if err := w.all(from, record, &report); err != nil {
		return nil, Report{}, err
	}
	w.tally.take(&report)
	w.end()
	v.walkers.Put(w)
	return record, report, nil
}

// all writes every resource into the record.
func (w *walker) all(from permitted, record *Record, report *Report) error {
	patient := from.Patient().Key()
	for res := range from.Resources() {
		report.Resources++
		out, ok, err := w.resource(res, report.Resources)
		if err != nil {
			return fmt.Errorf("%w: %s, number %d of the patient", errUnwriteable, w.typeName(res.Type), report.Resources)
		}
		if ok {
			report.Kept++
			record.resources = append(record.resources, out)
			if res.Key() == patient {
				record.patient = out
			}
		}
	}
	return nil
}

// WriteNDJSON writes a Record as mapping sees it, a resource a line.
func WriteNDJSON(out io.Writer, r *Record) error {
	var line []byte
	for res := range r.Resources() {
		line = append(fhir.AppendJSON(line[:0], res.Node), '\n')
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("write the de-identified resources: %w", err)
		}
	}
	return nil
}
