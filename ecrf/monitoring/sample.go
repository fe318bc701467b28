package monitoring

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/crflink/crflink/ecrf"
)

// Risk is how much can have gone wrong between the source and a value.
type Risk string

// The risks.
const (
	High   Risk = "high"
	Middle Risk = "middle"
	Low    Risk = "low"
)

// Why a value has its risk.
const (
	Unsupported = "unsupported" // the source no longer supports it
	Required    = "required"    // the form wants it
	Converted   = "converted"   // into another unit
	Mapped      = "changed"     // the source wrote it otherwise
	Verbatim    = "verbatim"    // as the source wrote it
)

// RiskOf says how risky a cell with a value is, and why.
func RiskOf(it *ecrf.Item, c *ecrf.StoredCell) (risk Risk, why string) {
	p := &c.Provenance
	switch {
	case c.State == ecrf.Query:
		return High, Unsupported
	case it.Required:
		return High, Required
	case p.OriginalUnit != "" && p.OriginalUnit != it.Unit:
		return Middle, Converted
	case p.OriginalValue != "" && p.OriginalValue != c.Value:
		return Middle, Mapped
	}
	return Low, Verbatim
}

// Plan says how much is verified, in percent.
type Plan struct {
	Rates    map[Risk]int // of the values of each risk
	Subjects int          // of the subjects, of whom all values are verified
	Seed     string
}

// Check reports a rate that is none.
func (p Plan) Check() error {
	for _, rate := range []int{p.Rates[High], p.Rates[Middle], p.Rates[Low], p.Subjects} {
		if rate < 0 || rate > 100 {
			return fmt.Errorf("%d is no percentage", rate)
		}
	}
	return nil
}

// Chosen is a value that is to be compared with its source.
type Chosen struct {
	Subject, Site string
	Cell          *ecrf.StoredCell
	Unit          string
	Risk          Risk
	Why           string
}

// Sample chooses among the values of subjects.
type Sample struct {
	Plan       Plan
	Dictionary *ecrf.Dictionary
	Values     map[Risk]int // that there are
	Chosen     map[Risk]int
}

// Take hands over the chosen values of a subject. Cells without a value have nothing to compare.
func (s *Sample) Take(book *ecrf.StoredCasebook, choose func(Chosen) error) error {
	whole := s.drawn(s.Plan.Subjects, book.Facts.Subject, nil)
	for i := range book.Cells {
		c := &book.Cells[i]
		it := s.Dictionary.Item(c.Item)
		if c.Value == "" || it == nil || !s.Dictionary.Has(c.Event, c.Form) {
			continue
		}
		risk, why := RiskOf(it, c)
		s.count(risk, whole || s.drawn(s.Plan.Rates[risk], book.Facts.Subject, c))
		if !whole && !s.drawn(s.Plan.Rates[risk], book.Facts.Subject, c) {
			continue
		}
		if err := choose(Chosen{book.Facts.Subject, book.Facts.Site, c, it.Unit, risk, why}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sample) count(risk Risk, chosen bool) {
	if s.Values == nil {
		s.Values, s.Chosen = map[Risk]int{}, map[Risk]int{}
	}
	s.Values[risk]++
	if chosen {
		s.Chosen[risk]++
	}
}

// drawn draws a subject, or a cell of theirs: the lot is a hash, which nothing else changes.
func (s *Sample) drawn(percent int, subject string, c *ecrf.StoredCell) bool {
	name := s.Plan.Seed + "\x00" + subject
	if c != nil {
		name += fmt.Sprintf("\x00%s\x00%s\x00%d\x00%s", c.Event, c.Form, c.Repeat, c.Item)
	}
	sum := sha256.Sum256([]byte(name))
	lot := binary.BigEndian.Uint64(sum[:8]) >> 11 // 53 bits, which a float holds exactly
	return float64(lot)/(1<<53)*100 < float64(percent)
}
