// Package rest is the source of FHIR servers: searches over REST (FHIR R4, RESTful API: search).
//
//   - A search asks for the resources of one type and follows the pages of its answer. The URL of a next page is the
//     server's own text: it is resolved (RFC 3986) and moved to the configured base, because servers behind proxies
//     write wrong hosts, but its query is never taken apart.
//   - The facts of all patients are read first: Patient, Consent, Encounter and ResearchSubject, and nothing else.
//     They wait, encrypted, until the decisions are made.
//   - A fetch asks for the wanted types of a few patients, and then by `_id` for the shared resources these refer to.
//   - A search is complete when it yielded as many resources as the server counts. An incomplete one is an error:
//     nothing may be computed from a part of a patient's data.
//
// A source is used for one run: what it has learnt about patients is not asked for again.
package rest
