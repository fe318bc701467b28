// Bench measures crflink against outside references, both sides in the same run, and writes bench/latest.json.
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
// QUICK measures on a small corpus: its figures prove that bench works, not how fast crflink is.
package main
