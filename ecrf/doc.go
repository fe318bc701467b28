// Package ecrf holds a study's electronic case report forms and what is known about their content.
//
//   - A Dictionary is the study's forms as the eCRF system has them: events, forms, items, code lists. It says
//     nothing about where a value comes from.
//   - A Draft is what another system says of its forms. It becomes a dictionary, with a Report of what did not fit.
//   - An Item is one field of a form, with type, unit, decimals, range and code list. Its canonical text is the one
//     spelling of a value that this program compares and stores.
//   - A Casebook is one subject's computed forms: a list of form instances, each with cells. It can be made for a
//     pseudonym.Subject only.
//   - A Cell is the value of one item in one form instance, or the reason why there is none, with its provenance.
//   - A form instance of a repeating form has a key from its source that never changes, and a repeat number that
//     people and eCRF systems see. Once given, the number stays.
//   - The Ledger is the truth about delivery: each cell as last computed, its state, and what was written to each
//     target. Reconcile compares a casebook with it; Merge decides what may be written to a target.
//   - A Target takes a study's cells: files, an ODM document, an eCRF system.
//
// The rules are pure functions; the ledger's storage is in package store and passes the suite ecrf/ledgertest.
package ecrf
