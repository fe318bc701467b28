// Package operation reads the configuration of crflink serve.
//
//   - A Config names the studies that one program runs, when, and where that program keeps its book and listens.
//   - A Night is a study of it: its file, its schedule, and what happens when it fails or was missed.
//
// What a study is stands in its own file; this package does not read it.
package operation
