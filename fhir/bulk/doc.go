// Package bulk is the source of FHIR servers that export many patients at once (Bulk Data Access, $export).
//
//   - An export is begun by a kick-off, asked for until it is done, and read as the files that its manifest lists. It is
//     ended by a DELETE, also when the run is stopped.
//   - A collection is what one export brought: its resources lie in an encrypted spool, a catalog says whose they are.
//   - Three exports make a run. The first one asks for facts only, that is what decisions about consent need. The second one
//     asks for what is wanted of those who were permitted, and is begun when they are known (Admit): whatever arrives of
//     others is dropped as it arrives and never stored. The third one asks for the facts again, right before delivery.
package bulk
