// Package vfps takes subject numbers from a vfps pseudonym service through its FHIR operations.
//
//   - An original is what names a patient at the site; it is sent to vfps and appears in no error and no log.
//   - A namespace holds the pseudonyms of one purpose. It must exist beforehand; nothing here creates one.
//   - Numbers is a pseudonym.Numbering: the pseudonym of an original in the namespace is the subject's number.
//
// A patient of whom vfps knows nothing, or whom it refuses, waits. Nothing stands in for a pseudonym.
package vfps
