// Package manual is the reference of the mapping language: every word with what it does, and an example that is both the
// word's test and a piece of its manual page.
//
//   - A Word is a key or a value of a mapping file.
//   - A Place is where words may stand: at the top of the file, in an event, in a rule, in a code map.
//   - An Example is a piece of a mapping file with resources and what the forms hold then.
//
// The reference part of docs/mapping.md is written from Words; a test runs every example and holds the page against them.
package manual
