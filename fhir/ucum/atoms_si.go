package ucum

// numberAtoms holds numbers without a dimension.
var numberAtoms = []atom{
	{code: "10*", name: "the number ten for arbitrary powers", value: "10", unit: "1"},
	{code: "10^", name: "the number ten for arbitrary powers", value: "10", unit: "1"},
	{code: "[pi]", name: "the number pi", value: "3.1415926535897932384626433832795028841971693993751058209749445923", unit: "1"},
	{code: "%", name: "percent", value: "1", unit: "10*-2"},
	{code: "[ppth]", name: "parts per thousand", value: "1", unit: "10*-3"},
	{code: "[ppm]", name: "parts per million", value: "1", unit: "10*-6"},
	{code: "[ppb]", name: "parts per billion", value: "1", unit: "10*-9"},
	{code: "[pptr]", name: "parts per trillion", value: "1", unit: "10*-12"},
}

// siAtoms holds SI units with names of their own.
var siAtoms = []atom{
	{code: "mol", name: "mole", value: "6.02214076", unit: "10*23", metric: true},
	{code: "sr", name: "steradian", value: "1", unit: "rad2", metric: true},
	{code: "Hz", name: "hertz", value: "1", unit: "s-1", metric: true},
	{code: "N", name: "newton", value: "1", unit: "kg.m/s2", metric: true},
	{code: "Pa", name: "pascal", value: "1", unit: "N/m2", metric: true},
	{code: "J", name: "joule", value: "1", unit: "N.m", metric: true},
	{code: "W", name: "watt", value: "1", unit: "J/s", metric: true},
	{code: "A", name: "ampère", value: "1", unit: "C/s", metric: true},
	{code: "V", name: "volt", value: "1", unit: "J/C", metric: true},
	{code: "F", name: "farad", value: "1", unit: "C/V", metric: true},
	{code: "Ohm", name: "ohm", value: "1", unit: "V/A", metric: true},
	{code: "S", name: "siemens", value: "1", unit: "Ohm-1", metric: true},
	{code: "Wb", name: "weber", value: "1", unit: "V.s", metric: true},
	{code: "Cel", name: "degree Celsius", function: "Cel", value: "1", unit: "K", metric: true},
	{code: "T", name: "tesla", value: "1", unit: "Wb/m2", metric: true},
	{code: "H", name: "henry", value: "1", unit: "Wb/A", metric: true},
	{code: "lm", name: "lumen", value: "1", unit: "cd.sr", metric: true},
	{code: "lx", name: "lux", value: "1", unit: "lm/m2", metric: true},
	{code: "Bq", name: "becquerel", value: "1", unit: "s-1", metric: true},
	{code: "Gy", name: "gray", value: "1", unit: "J/kg", metric: true},
	{code: "Sv", name: "sievert", value: "1", unit: "J/kg", metric: true},
}

// iso1000Atoms holds units outside the SI that ISO 1000 admits.
var iso1000Atoms = []atom{
	{code: "gon", name: "gon", value: "0.9", unit: "deg"},
	{code: "deg", name: "degree", value: "2", unit: "[pi].rad/360"},
	{code: "'", name: "minute", value: "1", unit: "deg/60"},
	{code: "''", name: "second", value: "1", unit: "'/60"},
	{code: "l", name: "liter", value: "1", unit: "dm3", metric: true},
	{code: "L", name: "liter", value: "1", unit: "l", metric: true},
	{code: "ar", name: "are", value: "100", unit: "m2", metric: true},
	{code: "min", name: "minute", value: "60", unit: "s"},
	{code: "h", name: "hour", value: "60", unit: "min"},
	{code: "d", name: "day", value: "24", unit: "h"},
	{code: "a_t", name: "tropical year", value: "365.24219", unit: "d"},
	{code: "a_j", name: "mean Julian year", value: "365.25", unit: "d"},
	{code: "a_g", name: "mean Gregorian year", value: "365.2425", unit: "d"},
	{code: "a", name: "year", value: "1", unit: "a_j"},
	{code: "wk", name: "week", value: "7", unit: "d"},
	{code: "mo_s", name: "synodal month", value: "29.53059", unit: "d"},
	{code: "mo_j", name: "mean Julian month", value: "1", unit: "a_j/12"},
	{code: "mo_g", name: "mean Gregorian month", value: "1", unit: "a_g/12"},
	{code: "mo", name: "month", value: "1", unit: "mo_j"},
	{code: "t", name: "tonne", value: "1e3", unit: "kg", metric: true},
	{code: "bar", name: "bar", value: "1e5", unit: "Pa", metric: true},
	{code: "u", name: "unified atomic mass unit", value: "1.66053906660e-24", unit: "g", metric: true},
	{code: "eV", name: "electronvolt", value: "1", unit: "[e].V", metric: true},
	{code: "AU", name: "astronomic unit", value: "149597.870691", unit: "Mm"},
	{code: "pc", name: "parsec", value: "3.085678e16", unit: "m", metric: true},
}

// constantAtoms holds natural constants that serve as units.
var constantAtoms = []atom{
	{code: "[c]", name: "velocity of light", value: "299792458", unit: "m/s", metric: true},
	{code: "[h]", name: "Planck constant", value: "6.62607015e-34", unit: "J.s", metric: true},
	{code: "[k]", name: "Boltzmann constant", value: "1.380649e-23", unit: "J/K", metric: true},
	{code: "[eps_0]", name: "permittivity of vacuum", value: "8.854187817e-12", unit: "F/m", metric: true},
	{code: "[mu_0]", name: "permeability of vacuum", value: "1", unit: "4.[pi].10*-7.N/A2", metric: true},
	{code: "[e]", name: "elementary charge", value: "1.602176634e-19", unit: "C", metric: true},
	{code: "[m_e]", name: "electron mass", value: "9.1093837139e-31", unit: "kg", metric: true},
	{code: "[m_p]", name: "proton mass", value: "1.67262192595e-27", unit: "kg", metric: true},
	{code: "[G]", name: "Newtonian constant of gravitation", value: "6.67430e-11", unit: "m3.kg-1.s-2", metric: true},
	{code: "[g]", name: "standard acceleration of free fall", value: "980665e-5", unit: "m/s2", metric: true},
	{code: "atm", name: "standard atmosphere", value: "101325", unit: "Pa"},
	{code: "[ly]", name: "light-year", value: "1", unit: "[c].a_j", metric: true},
	{code: "gf", name: "gram-force", value: "1", unit: "g.[g]", metric: true},
	{code: "[lbf_av]", name: "pound force", value: "1", unit: "[lb_av].[g]"},
}

// cgsAtoms holds units of the centimetre-gram-second system.
var cgsAtoms = []atom{
	{code: "Ky", name: "Kayser", value: "1", unit: "cm-1", metric: true},
	{code: "Gal", name: "Gal", value: "1", unit: "cm/s2", metric: true},
	{code: "dyn", name: "dyne", value: "1", unit: "g.cm/s2", metric: true},
	{code: "erg", name: "erg", value: "1", unit: "dyn.cm", metric: true},
	{code: "P", name: "Poise", value: "1", unit: "dyn.s/cm2", metric: true},
	{code: "Bi", name: "Biot", value: "10", unit: "A", metric: true},
	{code: "St", name: "Stokes", value: "1", unit: "cm2/s", metric: true},
	{code: "Mx", name: "Maxwell", value: "1e-8", unit: "Wb", metric: true},
	{code: "G", name: "Gauss", value: "1e-4", unit: "T", metric: true},
	{code: "Oe", name: "Oersted", value: "250", unit: "/[pi].A/m", metric: true},
	{code: "Gb", name: "Gilbert", value: "1", unit: "Oe.cm", metric: true},
	{code: "sb", name: "stilb", value: "1", unit: "cd/cm2", metric: true},
	{code: "Lmb", name: "Lambert", value: "1", unit: "cd/cm2/[pi]", metric: true},
	{code: "ph", name: "phot", value: "1e-4", unit: "lx", metric: true},
	{code: "Ci", name: "Curie", value: "37e9", unit: "Bq", metric: true},
	{code: "R", name: "Roentgen", value: "2.58e-4", unit: "C/kg", metric: true},
	{code: "RAD", name: "radiation absorbed dose", value: "100", unit: "erg/g", metric: true},
	{code: "REM", name: "radiation equivalent man", value: "1", unit: "RAD", metric: true},
}
