package fhirpath

import (
	"fmt"
	"strings"
)

// Finding is one defect of an expression.
type Finding struct {
	Line, Col int    // from 1; Col counts characters
	Problem   string // what is wrong
	Hint      string // how to mend it; may be empty
}

func (f Finding) String() string {
	s := fmt.Sprintf("%d:%d: %s", f.Line, f.Col, f.Problem)
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// CompileError says why an expression cannot be compiled. The first finding's fields are its own.
type CompileError struct {
	Finding
	All []Finding // every finding, in the order of the text
}

func (e *CompileError) Error() string {
	lines := make([]string, len(e.All))
	for i, f := range e.All {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// finding is a Finding whose position is still an offset.
type finding struct {
	pos           int
	problem, hint string
}

func found(pos int, problem, hint string) *finding { return &finding{pos, problem, hint} }

// compileError places the findings in the source.
func compileError(src string, findings []*finding) *CompileError {
	e := &CompileError{}
	for _, f := range findings {
		before := src[:min(f.pos, len(src))]
		line := strings.Count(before, "\n") + 1
		col := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
		e.All = append(e.All, Finding{Line: line, Col: col, Problem: f.problem, Hint: f.hint})
	}
	e.Finding = e.All[0]
	return e
}

// EvalError says why an evaluation failed. It names a position in the expression and never a value.
type EvalError struct {
	Line, Col int
	Problem   string
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("evaluate FHIRPath at %d:%d: %s", e.Line, e.Col, e.Problem)
}
