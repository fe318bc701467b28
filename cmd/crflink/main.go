// Crflink moves clinical data from hospital FHIR servers into a study's electronic case report forms, lawfully and
// traceably, and ties every patient to their imaging studies.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is the whole program; it returns the exit code.
func run(args []string) int {
	tuneMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	root.SetArgs(args)
	return conclude(os.Stderr, root.ExecuteContext(ctx))
}
