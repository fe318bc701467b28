package ucum

// Unit is a UCUM code that was understood. It is made by Parse; the zero Unit
// is none and is refused everywhere.
type Unit struct {
	expression *expression
	scale      scale
}

// Parse reads a case-sensitive UCUM code. An error wraps ErrInvalidUnit, is a
// *SyntaxError and names the nearest known code where a symbol is unknown. The
// empty code is refused; a number without a unit has the code "1".
func Parse(code string) (Unit, error) {
	t, err := loadTable()
	if err != nil {
		return Unit{}, err
	}
	e, err := parseExpression(t, code)
	if err != nil {
		return Unit{}, err
	}
	s, err := evaluator{code: code, table: t, scaleOf: t.scaleOf}.expression(&e)
	if err != nil {
		return Unit{}, err
	}
	return Unit{expression: &e, scale: s}, nil
}

// Validate returns nil where the code is a unit, else the error of Parse.
func Validate(code string) error {
	_, err := cachedUnit(code)
	return err
}

// parsed is the outcome of Parse, kept with its error: a wrong code repeats in
// data as often as a right one.
type parsed struct {
	unit Unit
	err  error
}

var units cache[string, parsed]

func cachedUnit(code string) (Unit, error) {
	if len(code) > maxCodeLength {
		return Parse(code) // refused, and not worth keeping
	}
	p := units.get(code, func(code string) parsed {
		unit, err := Parse(code)
		return parsed{unit: unit, err: err}
	})
	return p.unit, p.err
}

// String returns the code, with superfluous signs and zeros removed.
// Parsing it gives the same unit and the same String. The zero Unit is "".
func (u Unit) String() string {
	if u.expression == nil {
		return ""
	}
	return u.expression.String()
}

// Special reports whether the unit is a function of a proper unit (UCUM 21).
func (u Unit) Special() bool { return u.scale.special != nil }

// Arbitrary reports whether the unit contains an arbitrary unit (UCUM 24).
func (u Unit) Arbitrary() bool { return len(u.scale.dimension.arbitrary) > 0 }

// Dimension returns the canonical unit that the unit is commensurable with,
// for example "g.m-1.s-2" for kPa and "K" for Cel; "" for the zero Unit.
func (u Unit) Dimension() string {
	if u.expression == nil {
		return ""
	}
	return u.scale.dimension.String()
}

// CommensurableWith reports whether values convert between the units.
func (u Unit) CommensurableWith(o Unit) bool {
	return u.expression != nil && o.expression != nil && u.scale.dimension.equal(o.scale.dimension)
}

// Commensurable reports whether values convert between two units. An invalid
// code is commensurable with nothing, itself included.
func Commensurable(a, b string) bool {
	u, err := cachedUnit(a)
	if err != nil {
		return false
	}
	v, err := cachedUnit(b)
	return err == nil && u.CommensurableWith(v)
}
