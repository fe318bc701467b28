// Package parquet writes a study's cells as Apache Parquet files.
//
//   - A folder holds the tables of package tabular, one file each: cells.parquet, FORM.parquet, dictionary.parquet and
//     codelists.parquet.
//   - A column has the type of its item: integers are INT64, decimals DECIMAL with the item's decimals, dates DATE, times
//     TIMESTAMP without a zone, booleans BOOLEAN; texts, codes and partial dates are STRING. What has no value is null.
//   - A number that is too large for its column is null in the wide table, and reported; cells.parquet has its text.
//
// The same rows give the same bytes.
package parquet
