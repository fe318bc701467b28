package pet

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/crflink/crflink/fhir"
)

// Table is what a site knows about tracers, radionuclides and its scanners. It is not changed after it was read; it is safe
// for concurrent use.
type Table struct {
	tracers    []Tracer
	nuclides   []Nuclide
	scanners   []Scanner
	severities map[Reason]Severity
	confirmed  Confirmation
	hash       string
}

// Confirmation says who of the site checked the table, with all that it takes from the program's, and when. The zero
// Confirmation is nobody.
type Confirmation struct {
	By string
	On fhir.Day
}

// Tracer is a radiopharmaceutical with its radionuclide.
type Tracer struct {
	Name    string   // such as Ga-68-PSMA-11
	Ligand  string   // such as PSMA-11
	Nuclide string   // such as Ga-68
	Codes   []Code   // that mean it
	Texts   []string // that mean it, when a header has no code
	Uptake  *Span    // minutes from injection to scan
	Longest float64  // minutes beyond which no comparison is possible; 0 is 6 hours
	Dose    *Span    // MBq
	Glucose bool     // whether the blood glucose counts
}

// Span is a range, both ends included.
type Span struct{ From, To float64 }

// holds reports whether a value lies in the span; none holds everything.
func (s *Span) holds(v float64) bool { return s == nil || v >= s.From && v <= s.To }

// Nuclide is a radionuclide.
type Nuclide struct {
	Name     string
	HalfLife float64 // s
	Codes    []Code
	Dose     *Span // MBq
}

// Scanner is an accredited scanner. Empty texts are any.
type Scanner struct {
	Centre, Manufacturer, Model, Accreditation string
	From, To                                   fhir.Day
}

// Severity returns what a reason does to a series.
func (t *Table) Severity(r Reason) Severity {
	if s, ok := t.severities[r]; ok {
		return s
	}
	s, _ := severityOf(r)
	return s
}

// Hash is the SHA-256 of the table's content in hex.
func (t *Table) Hash() string { return t.hash }

// Confirmed returns who confirmed the table. It is not part of the table's content.
func (t *Table) Confirmed() Confirmation { return t.confirmed }

// Tracers returns the names of the tracers.
func (t *Table) Tracers() []string {
	var names []string
	for i := range t.tracers {
		names = append(names, t.tracers[i].Name)
	}
	return names
}

// tracers that are meant by codes, or else by a text.
func (t *Table) meant(codes []Code, text string) (found []*Tracer) {
	for i := range t.tracers {
		if intersects(t.tracers[i].Codes, codes) {
			found = append(found, &t.tracers[i])
		}
	}
	if len(found) > 0 || text == "" {
		return found
	}
	for i := range t.tracers {
		if slices.ContainsFunc(t.tracers[i].Texts, func(name string) bool { return plain(name) == plain(text) }) {
			found = append(found, &t.tracers[i])
		}
	}
	return found
}

// nuclide returns the radionuclide that codes mean; several is true when they mean more than one.
func (t *Table) nuclide(codes []Code) (found *Nuclide, several bool) {
	for i := range t.nuclides {
		if intersects(t.nuclides[i].Codes, codes) {
			several = found != nil
			found = &t.nuclides[i]
		}
	}
	return found, several
}

func (t *Table) nuclideNamed(name string) *Nuclide {
	for i := range t.nuclides {
		if t.nuclides[i].Name == name {
			return &t.nuclides[i]
		}
	}
	return nil
}

// accreditation returns that of a scanner on a day.
func (t *Table) accreditation(centre, manufacturer, model string, day fhir.Day) string {
	fits := func(want, is string) bool { return want == "" || strings.EqualFold(want, is) }
	for _, s := range t.scanners {
		if fits(s.Centre, centre) && fits(s.Manufacturer, manufacturer) && fits(s.Model, model) && day >= s.From && day <= s.To {
			return s.Accreditation
		}
	}
	return ""
}

func intersects(a, b []Code) bool {
	return slices.ContainsFunc(a, func(c Code) bool { return slices.Contains(b, c) })
}

// plain returns the letters and digits of a name: 68Ga-PSMA-11, [68Ga] PSMA 11 and 68GA_PSMA11 are the same.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

func dayOf(at time.Time) fhir.Day { return fhir.DayOf(at) }
