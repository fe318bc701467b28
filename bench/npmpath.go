package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/viewdef"
)

// evaluation decodes resources and evaluates the mapping expressions of their types.
type evaluation struct {
	lines    []string
	size     int64
	compiled map[string][]*fhirpath.Expr
	resource fhir.Resource
	env      fhirpath.Env
	values   []fhirpath.Value
}

// newEvaluation takes the lines of the types that the expressions of a file are about.
func newEvaluation(file string, lines []string) (*evaluation, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- of this repository
	if err != nil {
		return nil, fmt.Errorf("read the expressions: %w", err)
	}
	var sources map[string][]string
	if err := json.Unmarshal(text, &sources); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	e := &evaluation{compiled: map[string][]*fhirpath.Expr{}}
	for typ, list := range sources {
		for _, source := range list {
			x, err := fhirpath.Compile(source, fhirpath.Options{Type: typ})
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, source, err)
			}
			e.compiled[typ] = append(e.compiled[typ], x)
		}
	}
	for _, line := range lines {
		if e.compiled[typeOf(line)] != nil {
			e.lines = append(e.lines, line)
			e.size += int64(len(line))
		}
	}
	e.lines, e.size = thinned(e.lines, e.size, npmSample)
	return e, nil
}

// each decodes every resource, evaluates its expressions and hands over the values of each.
func (e *evaluation) each(use func([]fhirpath.Value)) error {
	for _, line := range e.lines {
		if err := e.resource.Read(line, fhir.Origin{}); err != nil {
			return err
		}
		for _, x := range e.compiled[e.resource.Type] {
			values, err := x.Eval(&e.env, e.resource.Node, e.values[:0])
			if err != nil {
				return fmt.Errorf("%s: %w", x, err)
			}
			e.values = values
			use(values)
		}
	}
	return nil
}

// count returns the number of all values. Neither side counts elements that have extensions only: npm's engine leaves
// them out of its results.
func (e *evaluation) count() (n int, err error) {
	err = e.each(func(values []fhirpath.Value) {
		for _, v := range values {
			if !viewdef.IsNull(v) {
				n++
			}
		}
	})
	return n, err
}

// allocations returns how many a resource costs.
func (e *evaluation) allocations() (float64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := e.count(); err != nil {
		return 0, err
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(len(e.lines)), nil
}

// agree compares our values with those of npm's engine, which are in a file: a line with an array of results per resource.
func (e *evaluation) agree(file string) error {
	f, err := os.Open(file) // #nosec G304 -- bench had it written
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	theirs := bufio.NewReader(f)
	for i, line := range e.lines {
		text, err := theirs.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the results of npm's fhirpath end after %d of %d resources: %w", i, len(e.lines), err)
		}
		if err := e.same(line, text); err != nil {
			return err
		}
	}
	return nil
}

// same compares the results for one resource.
func (e *evaluation) same(line string, theirs []byte) error {
	if err := e.resource.Read(line, fhir.Origin{}); err != nil {
		return err
	}
	var want []any
	if err := json.Unmarshal(theirs, &want); err != nil {
		return fmt.Errorf("the results of npm's fhirpath: %w", err)
	}
	expressions := e.compiled[e.resource.Type]
	if len(want) != len(expressions) {
		return fmt.Errorf("npm's fhirpath gave %d results for %d expressions", len(want), len(expressions))
	}
	for i, x := range expressions {
		values, err := x.Eval(&e.env, e.resource.Node, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", x, err)
		}
		var got any
		if err := json.Unmarshal(appendList(nil, values), &got); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, want[i]) {
			return fmt.Errorf("%s gives %v, and %v by npm's fhirpath", x, got, want[i])
		}
	}
	return nil
}

// appendList writes values as a JSON array, without elements that have extensions only.
func appendList(dst []byte, values []fhirpath.Value) []byte {
	dst = append(dst, '[')
	begin := len(dst)
	for _, v := range values {
		if viewdef.IsNull(v) {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		dst = v.AppendJSON(dst)
	}
	return append(dst, ']')
}

// againstFhirpathJS compares decoding and 20 mapping expressions with npm's fhirpath on its R4 model.
func againstFhirpathJS(home string, c corpus, rounds int) (figures []Figure, err error) {
	lines, _, err := c.lines()
	if err != nil {
		return nil, err
	}
	expressions := filepath.Join(npmFolder, "expressions.json")
	e, err := newEvaluation(expressions, lines)
	if err != nil {
		return nil, err
	}
	resources := filepath.Join(home, "fhirpath.ndjson")
	if err := os.WriteFile(resources, []byte(strings.Join(e.lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	js, err := startPeer("fhirpath.mjs", expressions, resources)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, js.stop()) }()
	values := filepath.Join(home, "fhirpath.values")
	if _, err := js.ask(nil, "values", values); err != nil {
		return nil, err
	}
	if err := e.agree(values); err != nil {
		return nil, err
	}
	return e.compare(js, rounds)
}

// compare measures both sides, after a round of each that nobody measures: V8 compiles what it has seen before.
func (e *evaluation) compare(js *peer, rounds int) ([]Figure, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ours, theirs int
	us := inProcess(func() (err error) { ours, err = e.count(); return err })
	them := func() (time.Duration, error) { return js.ask(&theirs, "round") }
	if _, err := medians(1, us, them); err != nil {
		return nil, err
	}
	t, err := medians(rounds, us, them)
	if err != nil {
		return nil, err
	}
	if ours != theirs || ours == 0 {
		return nil, fmt.Errorf("crflink found %d values and npm's fhirpath %d", ours, theirs)
	}
	allocations, err := e.allocations()
	if err != nil {
		return nil, err
	}
	mb := float64(e.size) / 1e6
	against := fmt.Sprintf("npm fhirpath 5.2.2 compiled, R4 model, %.0f MB/CPU-s", mb/t[1])
	return []Figure{
		{Name: "decode and 20 mapping expressions", Value: mb / t[0], Unit: "MB/CPU-s", Against: against, Better: higher},
		Figure{Name: "decode and 20 mapping expressions / npm fhirpath", Value: t[1] / t[0], Unit: "x", Against: against, Better: higher}.within(4, 5),
		Figure{Name: "allocations of a resource and its expressions", Value: allocations, Unit: "allocations", Against: "the limit", Better: lower}.within(20, 20),
	}, nil
}
