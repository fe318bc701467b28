// Package table writes a study's cells as CSV files.
//
//   - The long table, cells.csv, has one line per cell: value, missing reason, state, provenance.
//   - A wide table, FORM.csv, has one line per form instance and one column per item, in the dictionary's order. Its sibling
//     missing/FORM.csv has the same lines and columns, with the missing reasons where the wide table is empty. A
//     value that the source no longer supports stands in the wide table, and the reason why beside it in the sibling.
//   - dictionary.csv and codelists.csv say what the columns and codes mean.
//
// The files are RFC 4180, UTF-8 without byte order mark, lines end with LF, the first line names the columns. Order
// is that of the ledger, so that equal content gives equal bytes.
//
// Spreadsheet programs run a cell that begins with = + - @, a tab or a line end as a formula. Such a text gets an apostrophe in
// front, unless it is a plain number; so does a text that begins with an apostrophe itself. To read it back, drop
// one leading apostrophe (Unescape).
package table
