package fhirpath

import (
	"time"

	"github.com/crflink/crflink/fhir"
)

// Resolver finds the resource that a reference names, for resolve(). from is the Reference, canonical or uri element.
// References to contained resources (#id) never reach it.
type Resolver interface {
	Resolve(ref string, from fhir.Node) (fhir.Node, bool)
}

// Env is what an evaluation may know besides the focus. It also keeps the buffers of evaluation, so one Env serves one
// goroutine at a time and is worth keeping.
type Env struct {
	// AsOf is the moment of now() and today(); they fail while it is zero.
	AsOf time.Time
	// Zone is the zone on whose clock dates and times without a zone are read when they meet one with a zone, and in
	// which now() and today() are given. Without it such comparisons decide only what is the same in every zone.
	Zone *time.Location
	// Resolver serves resolve(); without it only contained resources are found.
	Resolver Resolver
	// Vars are the values of the variables that Options declared.
	Vars map[string][]Value
	// Resource is %resource where the focus is not the resource itself; by default the root of its table.
	Resource fhir.Node
	// Trace receives what trace() is given, which it must not keep. Without it trace() does nothing.
	Trace func(name string, values []Value)

	pool [][]Value
	c    ctx
}

// Reset forgets all that was set and evaluated, and keeps the memory for what is evaluated next.
func (e *Env) Reset() {
	for _, b := range e.pool {
		clear(b[:cap(b)])
	}
	*e = Env{pool: e.pool}
}

// take returns an empty buffer; give takes it back.
func (e *Env) take() []Value {
	if n := len(e.pool); n > 0 {
		b := e.pool[n-1]
		e.pool = e.pool[:n-1]
		return b[:0]
	}
	return make([]Value, 0, 8)
}

func (e *Env) give(b []Value) {
	if cap(b) <= 4096 {
		e.pool = append(e.pool, b)
	}
}

// ctx is one evaluation under way.
type ctx struct {
	*Env
	x     *Expr
	err   error
	focus []Value // %context
	index int     // $index
	total []Value // $total
	steps int     // repetitions left before an evaluation is given up
}

// Limits of one evaluation, so that no expression takes all time or memory.
const (
	maxSteps = 1 << 22
	maxText  = 1 << 24
	maxItems = 1 << 20
)

// tick counts repetitions and reports whether to go on.
func (c *ctx) tick(n, pos int) bool {
	if c.steps -= n + 1; c.steps < 0 {
		c.fail(pos, "the evaluation takes too many steps")
	}
	return c.err == nil
}

// bounded refuses a text that would be too long.
func (c *ctx) bounded(bytes, pos int) bool {
	if bytes > maxText {
		c.fail(pos, "the text is longer than 16 MiB")
	}
	return bytes <= maxText
}

// fail ends the evaluation. The first failure counts.
func (c *ctx) fail(pos int, problem string) {
	if c.err == nil {
		f := compileError(c.x.src, []*finding{found(pos, problem, "")})
		c.err = &EvalError{Line: f.Line, Col: f.Col, Problem: problem}
	}
}
