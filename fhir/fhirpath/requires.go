package fhirpath

import (
	"slices"
	"strings"
)

// Requirement must hold in a resource for a condition to be true: one of the elements at the path has one of the texts.
type Requirement struct {
	Path  []string // names of elements from the resource on
	Texts []string
}

// Requires returns what a condition needs to be true of a resource. It looks at the form of the expression only: it knows
// some of what is needed and never says that something is needed which is not. A planner asks servers for no more, and an
// index finds resources by it.
func (x *Expr) Requires() []Requirement {
	return slices.DeleteFunc(requires(x.tree, []string{}), func(r Requirement) bool { return !x.reads(r.Path) })
}

// reads reports whether the path is one of single elements that the expression reads: not value[x], which has other names in
// a resource, and no name of a type.
func (x *Expr) reads(path []string) bool {
	element := strings.Join(path, ".")
	return slices.ContainsFunc(x.paths, func(p Path) bool { return p.Element == element })
}

// requires returns what e needs to be true where its focus stands at the path.
func requires(e *expr, path []string) []Requirement {
	switch {
	case e.form == formBinary && e.name == "and":
		return append(requires(e.left, path), requires(e.right, path)...)
	case e.form == formBinary && e.name == "or":
		return either(requires(e.left, path), requires(e.right, path))
	case e.form == formBinary && e.name == "=":
		return append(equals(e.left, e.right, path), equals(e.right, e.left, path)...)
	case e.form == formBinary && e.name == "in":
		return equals(e.left, e.right, path)
	case e.form == formDot && e.right.form == formCall && e.right.name == "exists":
		return requiresItem(e.left, e.right.args, path)
	}
	return nil
}

// equals is what a test of an element against fixed texts needs.
func equals(element, fixed *expr, path []string) []Requirement {
	texts := fixedTexts(fixed)
	at, ok := elementPath(element, path)
	if texts == nil || !ok {
		return nil
	}
	return []Requirement{{at, texts}}
}

// either is what one of two conditions needs: where both look at one path, one of all their texts.
func either(a, b []Requirement) []Requirement {
	var both []Requirement
	for _, x := range a {
		for _, y := range b {
			if slices.Equal(x.Path, y.Path) {
				both = append(both, Requirement{x.Path, slices.Concat(x.Texts, y.Texts)})
			}
		}
	}
	return both
}

// requiresItem is what has to be so that e has an item for which the criterion, of none or one argument, holds.
func requiresItem(e *expr, criterion []*expr, path []string) []Requirement {
	var needs []Requirement
	if at, ok := elementPath(e, path); ok && len(criterion) == 1 {
		needs = requires(criterion[0], at)
	}
	if e.form != formDot {
		return needs
	}
	if c := e.right; c.form == formCall && c.name == "where" && len(c.args) == 1 {
		return append(needs, requiresItem(e.left, c.args, path)...)
	}
	return append(needs, requiresItem(e.left, nil, path)...)
}

// elementPath returns the path of the elements among which the items of e are; ok is false when it is none of names alone.
func elementPath(e *expr, path []string) (at []string, ok bool) {
	switch {
	case e.form == formThis:
		return path, true
	case e.form == formName:
		return append(slices.Clip(path), e.name), true
	case e.form != formDot:
		return nil, false
	}
	at, ok = elementPath(e.left, path)
	switch r := e.right; {
	case !ok:
		return nil, false
	case r.form == formName:
		return append(slices.Clip(at), r.name), true
	case r.form == formCall && (r.name == "where" || r.name == "first" || r.name == "last"):
		return at, true
	}
	return nil, false
}
