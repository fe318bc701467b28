package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/yamldoc"
)

// expression is a FHIRPath expression compiled for every resource type that a rule reads.
type expression struct {
	source string
	byType map[string]*fhirpath.Expr
	needs  map[string]*criterion // of conditions; nil for a type of which nothing is known
	number int                   // of the expression among those of the mapping: equal texts for the same types are one expression
}

// on evaluates the expression on a resource.
func (e *expression) on(env *fhirpath.Env, res *fhir.Resource, out []fhirpath.Value) ([]fhirpath.Value, error) {
	return e.byType[res.Type].Eval(env, res.Node, out)
}

// expression compiles the text at v, whose result is more than a yes or no, for the types; nil and a finding per mistake
// when it is wrong, nil when v does not exist.
func (c *compiler) expression(v yamldoc.Value, types []string) *expression {
	if !v.Exists() {
		return nil
	}
	expanded, origins := c.file.expand(v, c.used)
	c.calendarDay(expanded, origins)
	return c.compiledFor(v, types, expanded, origins)
}

func (c *compiler) compiledFor(v yamldoc.Value, types []string, expanded string, origins []origin) *expression {
	if strings.TrimSpace(expanded) == "" {
		v.Errorf("leave it out, or write a FHIRPath expression", "the expression is empty")
		return nil
	}
	c.movedDays(expanded, origins)
	c.knownUnits(expanded, origins)
	same := strings.Join(types, " ") + "\n" + expanded
	if e, ok := c.compiled[same]; ok {
		return e
	}
	e := &expression{source: v.Text(), byType: map[string]*fhirpath.Expr{}, number: len(c.compiled)}
	for _, t := range types {
		compiled, err := fhirpath.Compile(expanded, fhirpath.Options{Type: t, Variables: c.variables, CodeLists: c.codeList})
		if err != nil {
			c.report(expanded, origins, err)
			return nil
		}
		e.byType[t] = compiled
		c.reads(compiled)
	}
	c.compiled[same] = e
	c.seen(e, expanded, origins)
	return e
}

// condition compiles a where. What is no yes or no would silently exclude resources with several values.
func (c *compiler) condition(v yamldoc.Value, types []string) *expression {
	if !v.Exists() {
		return nil
	}
	expanded, origins := c.file.expand(v, c.used)
	e := c.compiledFor(v, types, expanded, origins)
	if e == nil {
		return nil
	}
	c.matches(e, expanded, origins)
	e.needs = make(map[string]*criterion, len(types))
	for _, t := range types {
		e.needs[t] = criterionOf(e.byType[t])
	}
	for _, t := range types {
		if got := e.byType[t].Type(); len(got.Names) > 0 && !slices.Contains(got.Names, "System.Boolean") && !slices.Contains(got.Names, "boolean") {
			v.Errorf("ask with exists(), =, or in", "where needs a yes or no, this is %s", strings.Join(got.Names, " or "))
			return nil
		}
	}
	return e
}

// reads notes what the mapping reads besides its selectors' types: what references lead to, and the as-of.
func (c *compiler) reads(x *fhirpath.Expr) {
	for _, p := range x.Paths() {
		if isResourceType(p.Type) {
			c.types[p.Type] = true
			c.elements.add(p.Type, topElement(p))
		}
	}
	c.follow(x)
	c.elements.all = c.elements.all || !x.Traced()
	c.usesAsOf = c.usesAsOf || usesAsOf(x.String())
}

// usesAsOf reports whether a FHIRPath text calls a function that depends on the as-of.
func usesAsOf(text string) bool { return len(callsOfNow(text)) > 0 }

// callsOfNow returns where a text calls a function that depends on the as-of.
func callsOfNow(text string) []word {
	var calls []word
	all := words(text)
	for i, w := range all {
		if slices.Contains([]string{"now", "today", "timeOfDay"}, w.text) && i+1 < len(all) && all[i+1].text == "(" {
			calls = append(calls, w)
		}
	}
	return calls
}

// report places the findings of a compilation of the expanded text where each was written.
func (c *compiler) report(expanded string, origins []origin, err error) {
	var bad *fhirpath.CompileError
	if !errors.As(err, &bad) {
		origins[0].scalar.Errorf("", "%v", err)
		return
	}
	for _, f := range bad.All {
		c.at(origins[min(offset(expanded, f.Line, f.Col), len(origins)-1)], f.Hint, "%s", f.Problem)
	}
}

// at adds a finding where a part of an expression was written.
func (c *compiler) at(from origin, hint, format string, args ...any) {
	line, col := position(from.scalar.Text(), from.at)
	from.scalar.ErrorAt(line, col, hint, format, args...)
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

// evaluated wraps an error of an evaluation; it names the rule's part and never a value.
func evaluated(part string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", part, err)
}
