// Package workbook writes a study's cells as a workbook of Office Open XML (XLSX), which spreadsheet programs open.
//
//   - A sheet holds a table of package tabular: dictionary and codelists come first, then the forms, then cells. A notice has a
//     sheet of its own before all.
//   - Numbers of up to 15 digits are numbers, shown with the item's decimals, and booleans are booleans. Everything else is a text,
//     also dates, which programs would otherwise show and count each in its own way. A text is never run as a formula.
//   - A text that is longer than a cell may be is cut and ends in an ellipsis, and reported.
//
// The same rows give the same bytes.
package workbook
