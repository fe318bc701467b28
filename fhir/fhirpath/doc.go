// Package fhirpath evaluates FHIRPath on FHIR R4 resources.
//
//   - An Expr is an expression that was read, checked against the R4 model and compiled. Compiling finds every defect:
//     unknown elements, functions, types and variables, operands of types that can never fit. What the engine does not
//     support is such a defect.
//   - The focus is the element that an expression is evaluated on; an Env is what else an evaluation may know.
//   - A Value is an item of a result: an element with its model type, or a computed value of one of FHIRPath's types.
//
// The language is FHIRPath N1 (http://hl7.org/fhirpath/N1) with what FHIR R4 adds to it, and of the 3.0 ballot the
// functions that the R4 test suite uses (boundaries, precision, sort, encodings).
//
// Where the specification leaves a choice:
//
//   - Decimals are exact. Sums and products of more than 100 digits overflow, which is empty; quotients have 34 digits.
//   - Dates are compared with the precision they were written in; where that does not decide, the result is empty.
//     A dateTime with a zone and one without are compared on the clock of Env.Zone. Without it, only what is the
//     same in all zones is decided.
//   - A Quantity element counts by its UCUM code, never by its display unit. One with a comparator is no value.
//   - as and ofType accept types that derive from the one named, as is does: gender.ofType(string) is the code.
//   - String functions take whatever JSON writes as a string, dates too: birthDate.substring(0, 4).
//   - The regular expressions are RE2's; look-around and back-references are refused when compiling.
package fhirpath
