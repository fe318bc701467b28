package fhirpath

import (
	"slices"
	"strings"
)

// Comparison is a test of elements against fixed texts, by = or in.
type Comparison struct {
	Paths  []Path   // the elements, any of which may be meant
	Texts  []string // what they must be one of
	Offset int      // byte of the first text in the expression
}

// Comparisons returns the tests of elements against fixed texts that the expression makes, in its order.
func (x *Expr) Comparisons() []Comparison { return slices.Clone(x.comparisons) }

// compare notes e when it tests elements against fixed texts.
func (k *compiler) compare(e *expr, a, b code) {
	if e.name == "!=" {
		return
	}
	elements, fixed := a.static, e.right
	texts := fixedTexts(fixed)
	if texts == nil && e.name == "=" {
		elements, fixed = b.static, e.left
		texts = fixedTexts(fixed)
	}
	if texts == nil || len(elements.paths) == 0 {
		return
	}
	c := Comparison{Texts: texts, Offset: first(fixed).pos}
	for _, p := range elements.paths {
		typ, element, _ := strings.Cut(p, ".")
		c.Paths = append(c.Paths, Path{typ, element})
	}
	k.compared = append(k.compared, c)
}

// fixedTexts returns the texts of a literal or of a union of literals; nil when e is something else.
func fixedTexts(e *expr) []string {
	switch {
	case e.form == formLiteral && e.lit == litString:
		return []string{e.name}
	case e.form == formBinary && e.name == "|":
		left, right := fixedTexts(e.left), fixedTexts(e.right)
		if left != nil && right != nil {
			return append(left, right...)
		}
	}
	return nil
}

func first(e *expr) *expr {
	for e.form == formBinary {
		e = e.left
	}
	return e
}

// Never finds a part that makes a condition one that no resource can meet, and returns its byte in the expression. It
// looks at the form of the expression only, so that it knows some such conditions and never errs about one.
func (x *Expr) Never() (offset int, is bool) {
	if e := never(x.tree); e != nil {
		return first(e).pos, true
	}
	return 0, false
}

// never returns the part of e that keeps it from ever being true, or nil.
func never(e *expr) *expr {
	switch e.form {
	case formEmpty:
		return e
	case formLiteral:
		if e.lit == litBoolean && e.name == "false" {
			return e
		}
	case formBinary:
		return neverBinary(e)
	case formCall:
		if e.name == "exists" && len(e.args) == 1 {
			return never(e.args[0])
		}
	case formDot:
		if e.right.form == formCall && e.right.name == "exists" {
			if part := never(e.right); part != nil {
				return part
			}
			return neverAny(e.left)
		}
	}
	return nil
}

func neverBinary(e *expr) *expr {
	switch e.name {
	case "or":
		if l, r := never(e.left), never(e.right); l != nil && r != nil {
			return l
		}
	case "and":
		for _, part := range []*expr{e.left, e.right} {
			if p := never(part); p != nil {
				return p
			}
		}
		return contradiction(e)
	case "=":
		l, r := e.left, e.right
		if l.form == formLiteral && r.form == formLiteral && l.lit == r.lit && l.lit == litString && l.name != r.name {
			return e
		}
	}
	return nil
}

// neverAny returns the part of e that keeps it from ever having an item: a where() that nothing meets.
func neverAny(e *expr) *expr {
	if e.form != formDot {
		return nil
	}
	if c := e.right; c.form == formCall && c.name == "where" && len(c.args) == 1 {
		if part := never(c.args[0]); part != nil {
			return part
		}
	}
	return neverAny(e.left)
}

// contradiction returns the second of two tests, joined by and, that want the same expression to be different texts.
func contradiction(e *expr) *expr {
	wanted := map[string][]string{}
	for _, test := range conjuncts(e) {
		if test.form != formBinary || test.name != "=" && test.name != "in" {
			continue
		}
		left, texts := test.left, fixedTexts(test.right)
		if texts == nil {
			continue
		}
		what := printed(left)
		before, seen := wanted[what]
		if seen && !slices.ContainsFunc(texts, func(s string) bool { return slices.Contains(before, s) }) {
			return test
		}
		wanted[what] = texts
	}
	return nil
}

func conjuncts(e *expr) []*expr {
	if e.form == formBinary && e.name == "and" {
		return append(conjuncts(e.left), conjuncts(e.right)...)
	}
	return []*expr{e}
}
