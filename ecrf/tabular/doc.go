// Package tabular says how a study's forms stand in tables, whatever the tables are written in.
//
//   - The long table, cells, has one row per cell: value, missing reason, state, provenance.
//   - A wide table has the name of its form, one row per form instance, and behind the columns that every form has one
//     column per item, in the dictionary's order.
//   - items and codes describe the columns and the codes.
//   - A row holds canonical texts; "" is no value. The Type of a column says what the texts are of.
//
// Order is that of the ledger, so that equal content gives equal rows. A form or item that the dictionary no longer has stands
// in the long table only.
package tabular
