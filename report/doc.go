// Package report says what a run did, for people and for programs, and names no patient.
//
//   - A Run is the account of one run: who was found and may be used, what was read, what became of every cell, what was
//     linked, delivered and rejected, and how long it took. The pipeline fills it; a Run of one shard is merged into
//     that of the whole.
//   - A Tally counts by reason; the reasons are the published codes of the packages that give them.
//   - WriteJSON writes a Run for programs, WriteSummary for a terminal, WriteHTML as one file for a browser.
//   - Progress is told how far a run is while it runs.
//
// The JSON has the field names that the types of this package give. Within a value of Format fields are added, never
// renamed or removed; all counts are there, also when they are 0. A count is a number, or the text "<5" in a report
// that hides small numbers. Durations are in seconds, instants in RFC 3339.
//
// Nothing in a report names a person: a rejected resource is named by type and position, a subject not at all. The
// report is meant for the site that ran crflink; Run.Suppress makes one that may be handed on.
package report
