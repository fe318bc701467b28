// Package fhir is the ground floor: FHIR R4 resources as they arrive.
//
//   - A Table is one resource, parsed once from its JSON text into a flat list of nodes. Everything
//     walks the table: consent, de-identification, FHIRPath. Numbers keep their written text.
//   - A Node points at one element of a table: an object, an array or a primitive. The extensions of a
//     primitive (`_birthDate` beside `birthDate`) hang on the primitive's node.
//   - A Resource is a table with its type, its id and the place it came from.
//   - A Record holds one patient's resources: the patient, what refers to the patient, and what those refer to.
//   - A Source yields records: of files and folders in fhir/ndjson, of servers in fhir/rest.
//   - DateTime keeps a date as it was written, with its precision; Day is a calendar day.
//   - Reference is a parsed Reference.reference or canonical of any of the forms that R4 knows.
//
// Raw JSON is the resource: nothing is decoded into structs and encoded again, because that loses
// extensions on primitives, contained resources and the precision of decimals.
package fhir
