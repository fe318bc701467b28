package mapping

import (
	"errors"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ucum"
)

// exact is the arithmetic of conversions: 34 digits, rounding half away from zero as people do.
var exact = func() *apd.Context {
	c := apd.BaseContext.WithPrecision(34)
	c.Rounding = apd.RoundHalfUp
	return c
}()

// numberRule turns a FHIR Quantity or number into an item's number.
type numberRule struct {
	unit        string            // UCUM code of the item; "" is a bare number
	decimals    int               // places to round to
	molarMass   *apd.Decimal      // g/mol: lets mass and amount of substance convert; nil is none
	petActivity bool              // a PET activity whose written unit is not to be trusted
	factors     []factor          // per analyte, where UCUM does not convert
	limits      bool              // a value with a comparator counts by its limit
	keeps       bool              // and the comparator goes into the qualifier's item
	spellings   map[string]string // printed unit to UCUM code
}

// measured is a number with what was written beside it.
type measured struct {
	value      *apd.Decimal
	unit       string // UCUM code, or the printed unit when there is none
	comparator string
}

var (
	errNoNumber   = errors.New("not a number")
	errComparator = errors.New("a value with a comparator")
)

// readMeasured reads a Quantity (or Age, Duration, …) or a plain number.
func readMeasured(n fhir.Node) (measured, error) {
	if n.Kind() != fhir.Object {
		return parseMeasured(n)
	}
	m, err := parseMeasured(n.Get("value"))
	if err != nil {
		return measured{}, err
	}
	m.comparator = n.Get("comparator").Text()
	if m.unit = n.Get("code").Text(); m.unit == "" {
		m.unit = n.Get("unit").Text()
	}
	return m, nil
}

func parseMeasured(n fhir.Node) (measured, error) {
	if n.Kind() != fhir.Number {
		return measured{}, errNoNumber
	}
	return measuredText(n.Text())
}

// maxExponent bounds the numbers that are read: FHIR decimals have at most 18 digits, and 1e1000000 would fill memory.
const maxExponent = 40

func measuredText(text string) (measured, error) {
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite || d.Exponent > maxExponent || d.Exponent < -maxExponent || d.NumDigits() > maxExponent {
		return measured{}, errNoNumber
	}
	return measured{value: d}, nil
}

// convert gives the item's number, rounded to its places. The error is errComparator, errNoNumber, or wraps
// ucum.ErrNotConvertible.
func (r *numberRule) convert(m measured) (*apd.Decimal, error) {
	if m.comparator != "" && !r.limits {
		return nil, errComparator
	}
	v, err := r.inUnit(m)
	if err != nil {
		return nil, err
	}
	return round(v, r.decimals)
}

func (r *numberRule) inUnit(m measured) (*apd.Decimal, error) {
	if s, ok := r.spellings[m.unit]; ok {
		m.unit = s
	}
	switch {
	case r.petActivity:
		return petActivity(m, r.unit)
	case r.unit == "":
		return pure(m)
	case m.unit == r.unit:
		return m.value, nil
	case m.unit == "":
		return nil, ucum.ErrNotConvertible
	}
	if len(r.factors) > 0 {
		if v, known, err := r.byFactor(m); known {
			return v, err
		}
	}
	v, err := ucum.Convert(m.value, m.unit, r.unit)
	if err != nil && r.molarMass != nil {
		return throughMolarMass(m, r.unit, r.molarMass)
	}
	return v, err
}

// pure gives the number of an item without unit, which a score or a count is: one that was measured in a unit would be
// another number in another unit.
func pure(m measured) (*apd.Decimal, error) {
	if m.unit == "" || m.unit == "1" {
		return m.value, nil
	}
	v, err := ucum.Convert(m.value, m.unit, "1")
	if err == nil && v.Cmp(m.value) != 0 {
		err = ucum.ErrNotConvertible
	}
	return v, err
}

// throughMolarMass converts between mass and substance concentration: g/L = mol/L * g/mol.
func throughMolarMass(m measured, unit string, molarMass *apd.Decimal) (*apd.Decimal, error) {
	between, result := "mol/L", "g/L"
	apply := exact.Mul
	if !ucum.Commensurable(m.unit, between) {
		between, result = result, between
		apply = exact.Quo
	}
	v, err := ucum.Convert(m.value, m.unit, between)
	if err != nil {
		return nil, err
	}
	product := new(apd.Decimal)
	if _, err := apply(product, v, molarMass); err != nil {
		return nil, errNoNumber
	}
	return ucum.Convert(product, result, unit)
}

// The injected activity of a PET lies between 20 and 1000 MBq for all tracers in use.
var leastPET, mostPET = apd.New(20, 0), apd.New(1000, 0)

// petActivity reads an injected activity whose unit may be wrong: hospitals write Bq where they mean MBq and the
// other way round. The written unit holds when it makes the activity plausible, else the only unit that does.
func petActivity(m measured, unit string) (*apd.Decimal, error) {
	var plausible []*apd.Decimal
	for _, u := range []string{m.unit, "Bq", "kBq", "MBq", "GBq"} {
		v, err := ucum.Convert(m.value, u, "MBq")
		if err != nil || v.Cmp(leastPET) < 0 || v.Cmp(mostPET) > 0 {
			continue
		}
		if u == m.unit {
			return ucum.Convert(v, "MBq", unit)
		}
		plausible = append(plausible, v)
	}
	if len(plausible) != 1 {
		return nil, ucum.ErrNotConvertible
	}
	return ucum.Convert(plausible[0], "MBq", unit)
}

// round rounds half away from zero to a number of places; the result has exactly so many.
func round(d *apd.Decimal, places int) (*apd.Decimal, error) {
	r := new(apd.Decimal)
	if _, err := exact.Quantize(r, d, int32(-places)); err != nil { // #nosec G115 -- a dictionary has at most 9 places
		return nil, errNoNumber
	}
	return r, nil
}
