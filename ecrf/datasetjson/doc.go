// Package datasetjson writes a study's cells as datasets of CDISC Dataset-JSON 1.1.
//
//   - A folder holds the tables of package tabular, one dataset each: cells, FORM, dictionary and codelists. FORM.json is a
//     dataset in JSON; FORM.ndjson its variant of lines, whose first describes the dataset and whose others are its rows.
//   - The OIDs are those of package odm's documents: IG. item group, I. item, S. study, MDV. version. Columns that are no item
//     begin with C.
//   - Integers and booleans are those of JSON, decimals texts (so that they stay exact), dates texts of ISO 8601; what has no
//     value is null.
//
// The only time in a dataset is the as-of instant, so equal content gives equal bytes.
package datasetjson
