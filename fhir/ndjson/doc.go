// Package ndjson is the source of files: NDJSON, single resources and Bundles of any kind and size, plain or gzip, in
// files, folders and standard input.
//
//   - An operand is what the user named: a file, a folder (all JSON files in it and below, in the order of their
//     paths) or "-" for standard input.
//   - An input is one file. Origins name it by its operand or, inside a folder, by the operand and its ordinal,
//     because file names tend to hold what identifies patients; Source.Files tells which one it is.
//
// A source reads its inputs twice: first all of them, to learn which resource is whose, then the resources of one
// patient at a time. What cannot be read twice (gzip, standard input) is kept in an encrypted spool in between.
package ndjson
