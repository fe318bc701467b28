// Package tables writes a study's cells into tables of a database: SQLite or PostgreSQL.
//
//   - The tables are those of package tabular: cells, one per form, dictionary and codelists. They have a file, or a schema, of
//     their own, which belongs to crflink: what others write into them is lost when the subject changes.
//   - subjects holds a digest of the rows of each subject. A delivery replaces the rows of subjects whose digest differs,
//     deletes those of subjects that are no longer delivered, and touches nothing else, all in one transaction. When the
//     dictionary has changed, all tables are made anew.
//   - about says of which study the tables are, and what every output must carry.
//
// Texts, codes and dates of less than a day are texts. Numbers, booleans, dates and times have the database's own types, as far as
// it has them.
package tables
