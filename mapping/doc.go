// Package mapping fills a study's forms from one subject's de-identified resources.
//
//   - A mapping file says for every item of the dictionary where its value comes from.
//   - A rule names resource types, says with `where` which resources count (the candidates), with `choose` which of
//     them decides, and with `value` what is taken from it.
//   - An event is a day in the subject's history (the index PET) that windows and derived items count from.
//   - A window bounds candidates in days around an event.
//   - A code map turns a code of the source into a code of the item's code list.
//   - A derived item is computed from events and other items of its form instance.
//   - An item without a value carries the reason why it has none (ecrf.MissingReason).
//
// The file is parsed, checked against the dictionary and compiled once (Load); Fill is then pure and may run
// concurrently. Expressions are FHIRPath, checked against the R4 model before any patient is read.
package mapping
