// Package viewdef runs ViewDefinitions of SQL on FHIR v2: tables made of FHIR resources.
//
//   - A View is a definition that was read, checked and compiled. Compiling finds every defect, with its place in the
//     JSON text; what the package does not support is such a defect.
//   - A Column is a column of the table: its name, what its cells hold, and whether a cell is a list. The order of the
//     columns is that of the specification: a select's own columns, its nested selects, its unionAll.
//   - A Runner makes the rows of one resource after the other. It keeps its buffers, so one Runner serves one goroutine.
//   - A Writer writes rows as a table: CSV and NDJSON here, Parquet in viewdef/parquet.
//
// The rules are those of https://sql-on-fhir.org/ig (2.1, "ViewDefinition", processing algorithm). Where they leave a
// choice:
//
//   - Rows come in the order of the resources, within a resource in the order of the selects and their items; in a
//     unionAll branch after branch.
//   - A resource on which the view fails has no rows at all.
//   - The row that forEachOrNull gives for nothing has nulls, except where a column reads %rowIndex, which is 0.
//   - Decimals keep the digits they were written with, dates and times their text, whatever its precision.
//   - A where must be a Boolean; an empty one is false, and several items fail.
package viewdef
