// Crflink moves clinical data from hospital FHIR servers into a study's electronic case report forms, lawfully and
// traceably, and ties every patient to their imaging studies.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	_ "github.com/crflink/crflink/cmd/crflink/collector" // before anything else is made
	"github.com/crflink/crflink/internal/crash"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is the whole program; it returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	root.SetArgs(args)
	return conclude(os.Stderr, execute(ctx, root))
}

// execute runs a command. A mistake of the program's own becomes an error that tells no data.
func execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if crash.Caught(recover(), &err); errors.As(err, new(*crash.Error)) {
			err = coded{exitServer, err}
		}
	}()
	return root.ExecuteContext(ctx)
}
