package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/ndjson"
)

func fhirpathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "fhirpath EXPR FILE",
		Short: "Evaluate a FHIRPath expression on each resource of a file",
		Long: `Prints a JSON line for each resource of FILE (JSON, NDJSON or Bundle, plain or gzip; - is standard input):
{"resource":"Patient/p1","result":[…]}. Numbers keep their written precision.
The expression is checked for each type of resource: one that is invalid for every type that occurs ends with exit code 2.
A resource on which it fails gets {"resource":…,"error":…}, and the exit code is 5.

  --as-of T   what now() and today() give: a date or an RFC 3339 instant (default now)
` + exitHelp,
		DisableFlagParsing: true,
		RunE:               evaluateFile,
	}
}

func evaluateFile(cmd *cobra.Command, args []string) error {
	args, flags, help, err := operands(args, "as-of")
	if help {
		return cmd.Help()
	}
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errors.New("usage: crflink fhirpath EXPR FILE")
	}
	asOf, err := parseAsOf(flags["as-of"], time.Local)
	if err != nil {
		return err
	}
	e := &evaluator{cmd: cmd, source: args[0], byType: map[string]*fhirpath.Expr{}, refused: map[string]error{}, env: fhirpath.Env{AsOf: asOf, Zone: time.Local}}
	if err := e.compileAnywhere(); err != nil {
		return err
	}
	err = ndjson.Each(cmd.Context(), args[1:], ndjson.Options{Stdin: cmd.InOrStdin()}, e.resource, e.reject)
	if err != nil {
		return err
	}
	return e.verdict()
}

// evaluator evaluates one expression on resources of any types.
type evaluator struct {
	cmd     *cobra.Command
	source  string
	byType  map[string]*fhirpath.Expr
	refused map[string]error // types for which the expression is invalid
	begins  map[string]bool  // types that the expression names at its beginning: on others it is empty
	env     fhirpath.Env
	done    int
	failed  int
	line    []byte
	values  []fhirpath.Value
}

// compileAnywhere refuses an expression that no type of resource could make valid.
func (e *evaluator) compileAnywhere() error {
	x, err := fhirpath.Compile(e.source, fhirpath.Options{})
	if err != nil {
		return coded{exitInvalid, err}
	}
	e.begins = map[string]bool{}
	for _, p := range x.Paths() {
		e.begins[p.Type] = true
	}
	return nil
}

func (e *evaluator) resource(res *fhir.Resource) error {
	x, err := e.expr(res.Type)
	e.values = e.values[:0]
	switch {
	case err == nil:
		e.values, err = x.Eval(&e.env, res.Node, e.values)
	case len(e.begins) > 0 && !e.begins[res.Type]:
		err = nil // Patient.name on an Observation: of another type there is nothing
	}
	name := res.Type
	if res.ID != "" {
		name = res.Key().String()
	}
	e.line = append(e.line[:0], `{"resource":`...)
	e.line = fhir.AppendQuoted(e.line, name)
	if err != nil {
		e.failed++
		e.line = append(e.line, `,"error":`...)
		e.line = fhir.AppendQuoted(e.line, err.Error())
	} else {
		e.done++
		e.line = append(e.line, `,"result":[`...)
		for i, v := range e.values {
			if i > 0 {
				e.line = append(e.line, ',')
			}
			e.line = v.AppendJSON(e.line)
		}
		e.line = append(e.line, ']')
	}
	_, err = e.cmd.OutOrStdout().Write(append(e.line, '}', '\n'))
	return err
}

func (e *evaluator) expr(typ string) (*fhirpath.Expr, error) {
	if err := e.refused[typ]; err != nil {
		return nil, err
	}
	if x := e.byType[typ]; x != nil {
		return x, nil
	}
	x, err := fhirpath.Compile(e.source, fhirpath.Options{Type: typ})
	if err != nil {
		e.refused[typ] = err
		return nil, err
	}
	e.byType[typ] = x
	return x, nil
}

func (e *evaluator) reject(r fhir.Rejected) {
	e.failed++
	_, _ = fmt.Fprintf(e.cmd.ErrOrStderr(), "%s: %s\n", r.Origin, r.Reason)
}

func (e *evaluator) verdict() error {
	switch {
	case len(e.byType) == 0 && len(e.refused) > 0:
		types := make([]string, 0, len(e.refused))
		for t := range e.refused {
			types = append(types, t)
		}
		slices.Sort(types)
		return coded{exitInvalid, e.refused[types[0]]}
	case e.failed > 0 && e.done == 0:
		return silently(exitNothing)
	case e.failed > 0:
		return silently(exitIncomplete)
	}
	return nil
}
