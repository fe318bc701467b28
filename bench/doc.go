// Bench measures crflink against outside references, both sides in the same run, and writes bench/latest.json and
// docs/performance.md.
//
//   - A figure is one number with its reference, its floor (below which something is broken) and its goal.
//   - A round runs every side of a comparison once, one after the other. A figure is the median over the rounds of one
//     process, so that what disturbs the machine disturbs both sides.
//   - Ratios are of CPU time (user and system, getrusage): wall time would measure the neighbours.
//   - The corpus is synthetic patients of one seed, resources of all types in the order of the files.
//
// The outside references are fastjson's Parse, encoding/json into the structs of samply/golang-fhir-models, and the naive
// pipeline (see naive.go): those structs, a map by patient, and one NamedExec per cell.
//
// Two more are engines of npm, which the programs of bench/npm run; these report their own CPU time per round. Both sides must
// give the same before anything is measured, so the expressions and views ask only what all engines answer alike:
//
//   - npm's fhirpath 5.2.2, compiled with its R4 model: JSON.parse and 20 expressions on each resource;
//   - @medplum/core 4.5.2, evalSqlOnFhir: a file of NDJSON read, decoded, evaluated, written as CSV. Our side is the process
//     crflink view run, its start included.
//
// One patient with many resources is loaded from files to tables, as in end to end.
//
// QUICK measures on a small corpus: its figures prove that bench works, not how fast crflink is.
package main
