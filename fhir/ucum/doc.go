// Package ucum reads unit codes of the Unified Code for Units of Measure and
// converts values between them.
//
// A code, such as "mmol/L" or "10*9/L", is the case-sensitive spelling of a
// unit. An atom is a symbol with a meaning of its own ("mol", "[in_i]"); a
// prefix ("m", "k") multiplies a metric atom. A proper unit is a magnitude
// times powers of the seven base units m, s, g, rad, K, C and cd; those powers
// are its dimension. Units of one dimension are commensurable: they convert
// into each other by one exact rational factor.
//
// A special unit (Cel, [degF], [pH], B, Np, …) is not a factor times a proper
// unit but a function of one (UCUM 21, 22). It may be scaled by a prefix or a
// number and takes no other part in a product, quotient or power.
//
// An arbitrary unit ([IU], [arb'U], …) is defined by an assay (UCUM 24 to 26).
// It counts as a dimension of its own: m[IU]/L converts to [IU]/mL, because
// only the prefix and the litre change, and never to a different unit.
//
// Annotations in braces, such as {total}, carry no meaning (UCUM 12).
//
// # What is refused
//
// A conversion that UCUM does not define ends in an error that wraps
// [ErrNotConvertible]; it never yields zero. mg/dL to mmol/L needs the molar
// mass of the substance, and HbA1c in % (NGSP) is not mmol/mol (IFCC) times a
// factor: both belong to the mapping that knows the substance. UCUM knows no
// valence either: one eq is one mol, so meq/L and mmol/L are the same.
//
// # Traps that are valid UCUM
//
// "pH" is the picohenry, acidity is "[pH]". "mL/min/1.73.m2" multiplies by 73
// and by m2; the body surface is written "mL/min/{1.73_m2}". Years and months
// are Julian: a is 365.25 d, mo a twelfth of it. The mole is a number, so mol
// converts to 1.
//
// # Notice
//
// The atoms and prefixes are those of UCUM version 2.2, revision 2024-06-17.
// UCUM is copyright 1999-2024 Regenstrief Institute, Inc., all rights
// reserved, and licensed under the UCUM License, Version 1.1
// (https://unitsofmeasure.org/license), which disclaims all warranties. The
// tables here state its facts in a form of our own; they are not a copy of the
// UCUM table and do not replace it.
package ucum
