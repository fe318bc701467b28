package fhir

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// Source yields the records of one id space: files and folders that one server wrote, or that server itself. Two
// servers that number their patients alike are two sources.
//
// Reading has two phases. Subjects yields facts only, that is what a decision about consent needs; Fetch is called
// for patients that were permitted, and nothing else about a patient is asked of a server before.
//
// Patients that were merged (Patient.link, replaced-by and replaces) are one record under the id of the surviving
// patient. It holds all their Patient resources and the resources of each; references inside keep the written id.
// A link that leads nowhere, to several survivors or in a circle is reported, and its patient stands alone.
//
// A record also says which other patients' links lead to its patient (Record.LinkedFrom).
//
// All methods but Close may be called from several goroutines.
type Source interface {
	// Name returns the name that origins begin with.
	Name() string

	// Subjects yields each patient's facts (FactTypes, and the ResearchStudy of a ResearchSubject) in ascending order
	// of patient id. A patient is known by a Patient resource or by a fact that refers to one; files also know patients
	// by other resources. Rejected resources go to rej, which is called from one goroutine at a time, and never stop
	// the walk; what is found while a source is read for the first time is reported once. An error ends the sequence.
	Subjects(ctx context.Context, rej func(Rejected)) iter.Seq2[*Record, error]

	// Fetch returns the patient's facts and all wanted resources, with the wanted ones that they refer to and that
	// belong to no patient (see BelongsToPatients). The patient is the key of a record that Subjects yielded. The order
	// of a record is the same for every source: Patients, then by type and id. Records belong to the caller, who may
	// release them.
	Fetch(ctx context.Context, patient Key, wanted Wanted, rej func(Rejected)) (*Record, error)

	// Close releases memory and temporary files.
	Close() error
}

// Admitter is a Source that reads what many patients have at once. It must be told who is permitted, and what is wanted of them,
// before Fetch is asked for more than facts; of all others it keeps nothing. Another call takes the place of the one before.
type Admitter interface {
	Admit(ctx context.Context, patients []Key, wanted Wanted, rej func(Rejected)) error
}

// ErrUnknownPatient is what Fetch answers, wrapped, for a key that Subjects did not yield.
var ErrUnknownPatient = errors.New("no patient of the given key")

// Rejected is a resource that could not be used. Nothing in it names a patient or repeats content.
type Rejected struct {
	Origin  Origin
	Type    string // resource type, "" when it could not be read
	Reason  string
	Patient Key   // whose it seems to be, when that can be told, so that a caller can fail closed; not to be printed
	Others  []Key // whose it may be as well, where it names several; not to be printed
}

// FactTypes are the resource types that are read before the decision about consent.
func FactTypes() []string { return []string{"Patient", "Consent", "Encounter", "ResearchSubject"} }

// IsFact reports whether the type is one of FactTypes.
func IsFact(typ string) bool { return slices.Contains(FactTypes(), typ) }

// Wanted says which resources a fetch returns. The zero value wants nothing but the facts.
type Wanted struct {
	all   bool
	types map[string]Narrowing
}

// Everything wants every type that the source has.
func Everything() Wanted { return Wanted{all: true} }

// WantTypes wants all resources of the types.
func WantTypes(names ...string) Wanted {
	w := Wanted{types: make(map[string]Narrowing, len(names))}
	for _, name := range names {
		w.types[name] = Narrowing{}
	}
	return w
}

// Narrow returns w with a narrowing of one type, which it wants in any case.
func (w Wanted) Narrow(typ string, n Narrowing) Wanted {
	types := make(map[string]Narrowing, len(w.types)+1)
	for t, old := range w.types {
		types[t] = old
	}
	types[typ] = n
	return Wanted{all: w.all, types: types}
}

// Widened returns w without its narrowings.
func (w Wanted) Widened() Wanted {
	types := make(map[string]Narrowing, len(w.types))
	for t := range w.types {
		types[t] = Narrowing{}
	}
	return Wanted{all: w.all, types: types}
}

// Has reports whether resources of the type are wanted.
func (w Wanted) Has(typ string) bool {
	_, ok := w.types[typ]
	return w.all || ok
}

// All reports whether every type is wanted.
func (w Wanted) All() bool { return w.all }

// Types returns the wanted types in order; it is empty for Everything.
func (w Wanted) Types() []string {
	names := make([]string, 0, len(w.types))
	for t := range w.types {
		names = append(names, t)
	}
	slices.Sort(names)
	return names
}

// Narrowing returns what narrows the type.
func (w Wanted) Narrowing(typ string) Narrowing { return w.types[typ] }
