// Package gpas takes subject numbers from a gPAS pseudonym service behind the TTP-FHIR gateway.
//
//   - An original is what names a patient at the site; it is sent to gPAS and appears in no error and no log.
//   - A domain holds the pseudonyms of one purpose. It must exist beforehand; nothing here creates one.
//   - Numbers is a pseudonym.Numbering: the pseudonym of an original is the subject's number. Originals are asked for in
//     batches, and answers are matched by the original that they repeat, never by their order.
//   - An API is the way in which a version of gPAS names its operations.
//
// A patient of whom gPAS knows nothing, tells an error or says nothing waits. Nothing stands in for a pseudonym.
package gpas
