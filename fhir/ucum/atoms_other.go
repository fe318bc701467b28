package ucum

// levelAtoms holds levels: logarithms of a ratio.
var levelAtoms = []atom{
	{code: "Np", name: "neper", function: "ln", value: "1", unit: "1", metric: true},
	{code: "B", name: "bel", function: "lg", value: "1", unit: "1", metric: true},
	{code: "B[SPL]", name: "bel sound pressure", function: "lgTimes2", value: "2", unit: "10*-5.Pa", metric: true},
	{code: "B[V]", name: "bel volt", function: "lgTimes2", value: "1", unit: "V", metric: true},
	{code: "B[mV]", name: "bel millivolt", function: "lgTimes2", value: "1", unit: "mV", metric: true},
	{code: "B[uV]", name: "bel microvolt", function: "lgTimes2", value: "1", unit: "uV", metric: true},
	{code: "B[10.nV]", name: "bel 10 nanovolt", function: "lgTimes2", value: "10", unit: "nV", metric: true},
	{code: "B[W]", name: "bel watt", function: "lg", value: "1", unit: "W", metric: true},
	{code: "B[kW]", name: "bel kilowatt", function: "lg", value: "1", unit: "kW", metric: true},
}

// miscAtoms holds what fits no other list.
var miscAtoms = []atom{
	{code: "st", name: "stere", value: "1", unit: "m3", metric: true},
	{code: "Ao", name: "Ångström", value: "0.1", unit: "nm"},
	{code: "b", name: "barn", value: "100", unit: "fm2"},
	{code: "att", name: "technical atmosphere", value: "1", unit: "kgf/cm2"},
	{code: "mho", name: "mho", value: "1", unit: "S", metric: true},
	{code: "[psi]", name: "pound per square inch", value: "1", unit: "[lbf_av]/[in_i]2"},
	{code: "circ", name: "circle", value: "2", unit: "[pi].rad"},
	{code: "sph", name: "sphere", value: "4", unit: "[pi].sr"},
	{code: "[car_m]", name: "metric carat", value: "2e-1", unit: "g"},
	{code: "[car_Au]", name: "carat of gold alloys", value: "1", unit: "/24"},
	{code: "[smoot]", name: "Smoot", value: "67", unit: "[in_i]"},
	{code: "[m/s2/Hz^(1/2)]", name: "meter per square seconds per square root of hertz", function: "sqrt", value: "1", unit: "m2/s4/Hz"},
	{code: "[NTU]", name: "Nephelometric Turbidity Unit", value: "1", unit: "1"},
	{code: "[FNU]", name: "Formazin Nephelometric Unit", value: "1", unit: "1"},
}

// informationAtoms holds amounts of information.
var informationAtoms = []atom{
	{code: "bit_s", name: "bit", function: "ld", value: "1", unit: "1"},
	{code: "bit", name: "bit", value: "1", unit: "1", metric: true},
	{code: "By", name: "byte", value: "8", unit: "bit", metric: true},
	{code: "Bd", name: "baud", value: "1", unit: "/s", metric: true},
}
