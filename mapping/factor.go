package mapping

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ucum"
	"github.com/crflink/crflink/internal/yamldoc"
)

// factor converts a value in one unit into the item's: value * factor + offset. It is what an analyte needs that UCUM
// cannot know, because the units are of different kinds (mg/dL and mmol/L) or mean different scales (HbA1c in mmol/mol
// and %).
type factor struct {
	from           string // UCUM code
	factor, offset *apd.Decimal
	alone          bool // UCUM would convert from into the item's unit, wrongly: the factor speaks for its own unit only
}

// factors reads one factor or a list of them.
func (c *compiler) factors(v yamldoc.Value, item *ecrf.Item) []factor {
	if item.Unit == "" {
		v.Errorf("give the item a unit in the dictionary", "item %s has no unit that a factor could lead to", item.Name)
		return nil
	}
	var all []factor
	for _, one := range v.Items() {
		if f, ok := c.factor(one, item); ok {
			all = append(all, f)
		}
	}
	return all
}

// factorParts are the keys of a factor.
var factorParts = []string{"from", "factor", "offset"}

func (c *compiler) factor(v yamldoc.Value, item *ecrf.Item) (factor, bool) {
	const hint = "factor: {from: UNIT, factor: NUMBER, offset: NUMBER}; the offset may be left out"
	parts := v.Fields(factorParts...)
	from, okFrom := need(v, parts, "from", hint)
	by, okBy := need(v, parts, "factor", hint)
	if !okFrom || !okBy {
		return factor{}, false
	}
	f := factor{from: from.Text(), factor: decimalOf(by), offset: new(apd.Decimal)}
	if o := parts["offset"]; o.Exists() {
		f.offset = decimalOf(o)
	}
	if f.factor == nil || f.offset == nil {
		return f, false
	}
	switch err := ucum.Validate(f.from); {
	case err != nil:
		from.Errorf("a UCUM code, such as mmol/L", "%v", err)
		return f, false
	case f.factor.IsZero():
		by.Errorf("", "a factor of 0 makes every value the same")
		return f, false
	case sameUnit(f.from, item.Unit):
		from.Errorf("leave the factor out", "%s is the unit of item %s already", f.from, item.Name)
		return f, false
	}
	f.alone = ucum.Commensurable(f.from, item.Unit)
	return f, true
}

// decimalOf reads a number; nil and a finding when it is none.
func decimalOf(v yamldoc.Value) *apd.Decimal {
	m, err := measuredText(v.Text())
	if err != nil {
		v.Errorf("a number such as 0.0113", "%q is not a number", v.Text())
		return nil
	}
	return m.value
}

// sameUnit reports whether a value means the same in both units.
func sameUnit(a, b string) bool {
	if a == b {
		return true
	}
	for _, n := range []int64{1, 2} { // two, because of units with an offset
		x := apd.New(n, 0)
		y, err := ucum.Convert(x, a, b)
		if err != nil || y.Cmp(x) != 0 {
			return false
		}
	}
	return true
}

// byFactor converts by the rule's factors; known is false where none of them speaks for the unit.
func (r *numberRule) byFactor(m measured) (v *apd.Decimal, known bool, err error) {
	alone := false
	for i := range r.factors {
		f := &r.factors[i]
		alone = alone || f.alone
		if sameUnit(m.unit, f.from) {
			v, err = f.apply(m.value)
			return v, true, err
		}
	}
	if alone { // UCUM would take one scale for the other
		if sameUnit(m.unit, r.unit) {
			return m.value, true, nil
		}
		return nil, true, ucum.ErrNotConvertible
	}
	if ucum.Commensurable(m.unit, r.unit) {
		return nil, false, nil
	}
	for i := range r.factors {
		f := &r.factors[i]
		if v, err = ucum.Convert(m.value, m.unit, f.from); err == nil {
			v, err = f.apply(v)
			return v, true, err
		}
	}
	return nil, false, nil
}

func (f *factor) apply(v *apd.Decimal) (*apd.Decimal, error) {
	d := new(apd.Decimal)
	if _, err := exact.Mul(d, v, f.factor); err != nil {
		return nil, errNoNumber
	}
	if _, err := exact.Add(d, d, f.offset); err != nil {
		return nil, errNoNumber
	}
	return d, nil
}
