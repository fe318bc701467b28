package ucum

import "slices"

// atom is a symbol with a meaning of its own.
//
// A proper atom equals value × unit. A special atom measures function(m/u) of
// a quantity m, where u = value × unit. A base atom has neither value nor unit.
type atom struct {
	code      string // case-sensitive symbol
	name      string // spelled out, for display
	function  string // of a special atom; a key of functions
	value     string // decimal
	unit      string // UCUM code
	metric    bool   // takes a prefix
	arbitrary bool   // defined by an assay
}

// isBase reports whether the atom is one of the seven base units.
func (a *atom) isBase() bool { return a.unit == "" }

// prefix multiplies a metric atom.
type prefix struct {
	code  string
	name  string
	value string // decimal
}

// prefixes holds the decimal prefixes of the SI and the binary ones of IEC.
var prefixes = []prefix{
	{code: "Y", name: "yotta", value: "1e24"},
	{code: "Z", name: "zetta", value: "1e21"},
	{code: "E", name: "exa", value: "1e18"},
	{code: "P", name: "peta", value: "1e15"},
	{code: "T", name: "tera", value: "1e12"},
	{code: "G", name: "giga", value: "1e9"},
	{code: "M", name: "mega", value: "1e6"},
	{code: "k", name: "kilo", value: "1e3"},
	{code: "h", name: "hecto", value: "1e2"},
	{code: "da", name: "deka", value: "1e1"},
	{code: "d", name: "deci", value: "1e-1"},
	{code: "c", name: "centi", value: "1e-2"},
	{code: "m", name: "milli", value: "1e-3"},
	{code: "u", name: "micro", value: "1e-6"},
	{code: "n", name: "nano", value: "1e-9"},
	{code: "p", name: "pico", value: "1e-12"},
	{code: "f", name: "femto", value: "1e-15"},
	{code: "a", name: "atto", value: "1e-18"},
	{code: "z", name: "zepto", value: "1e-21"},
	{code: "y", name: "yocto", value: "1e-24"},
	{code: "Ki", name: "kibi", value: "1024"},
	{code: "Mi", name: "mebi", value: "1048576"},
	{code: "Gi", name: "gibi", value: "1073741824"},
	{code: "Ti", name: "tebi", value: "1099511627776"},
}

// baseAtoms holds the base units in the order in which a canonical unit names
// them, which is alphabetical. Their order is that of dimension.base.
var baseAtoms = []atom{
	{code: "C", name: "coulomb", metric: true},
	{code: "K", name: "kelvin", metric: true},
	{code: "cd", name: "candela", metric: true},
	{code: "g", name: "gram", metric: true},
	{code: "m", name: "meter", metric: true},
	{code: "rad", name: "radian", metric: true},
	{code: "s", name: "second", metric: true},
}

// massAxis is the position of the gram in baseAtoms.
const massAxis = 3

// allAtoms lists every atom, base units first.
func allAtoms() []atom {
	return slices.Concat(baseAtoms,
		numberAtoms, siAtoms, iso1000Atoms, constantAtoms, cgsAtoms,
		lengthAtoms, volumeAtoms, weightAtoms, typesetAtoms,
		heatAtoms, clinicalAtoms, chemicalAtoms,
		levelAtoms, miscAtoms, informationAtoms)
}
