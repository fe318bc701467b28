package mapping

import (
	"errors"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/yamldoc"
)

// expression is a FHIRPath expression compiled for every resource type that a rule reads.
type expression struct {
	source string
	byType map[string]*fhirpath.Expr
}

// on evaluates the expression on a resource.
func (e *expression) on(env *fhirpath.Env, res *fhir.Resource, out []fhirpath.Value) ([]fhirpath.Value, error) {
	return e.byType[res.Type].Eval(env, res.Node, out)
}

// expression compiles the text at v for the types; nil and a finding per mistake when it is wrong, nil when v does
// not exist.
func (c *compiler) expression(v yamldoc.Value, types []string) *expression {
	if !v.Exists() {
		return nil
	}
	text := v.Text()
	expanded, offsets := c.file.expand(text)
	c.usesAsOf = c.usesAsOf || asksForNow(expanded)
	e := &expression{source: text, byType: map[string]*fhirpath.Expr{}}
	for _, t := range types {
		compiled, err := fhirpath.Compile(expanded, fhirpath.Options{Type: t})
		if err != nil {
			c.report(v, text, expanded, offsets, err)
			return nil
		}
		e.byType[t] = compiled
	}
	return e
}

// asksForNow reports whether an expression may call now(), today() or timeOfDay().
func asksForNow(text string) bool {
	return strings.Contains(text, "now(") || strings.Contains(text, "today(") || strings.Contains(text, "timeOfDay(")
}

// report places the findings of a compilation of the expanded text in the file.
func (c *compiler) report(v yamldoc.Value, text, expanded string, offsets []int, err error) {
	var bad *fhirpath.CompileError
	if !errors.As(err, &bad) {
		v.Errorf("", "%v", err)
		return
	}
	for _, f := range bad.All {
		line, col := position(text, offsets[min(offset(expanded, f.Line, f.Col), len(offsets)-1)])
		v.ErrorAt(line, col, f.Hint, "%s", f.Problem)
	}
}

// offset returns the byte at a line and column of characters.
func offset(text string, line, col int) int {
	at := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	for i := range text[at:] {
		if col--; col < 1 {
			return at + i
		}
	}
	return len(text)
}

// position returns the line and column of characters of a byte.
func position(text string, at int) (line, col int) {
	before := text[:min(at, len(text))]
	return strings.Count(before, "\n") + 1, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}
