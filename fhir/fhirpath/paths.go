package fhirpath

import (
	"maps"
	"slices"
	"strings"
)

// Path names an element that an expression reads.
type Path struct {
	Type    string // the resource's type, or the data type that the expression is compiled for
	Element string // "code.coding.system", "value[x].unit", "gender.extension('http://…')"; "*" for all below; "" is the whole
}

// String writes the path with its type.
func (p Path) String() string {
	if p.Element == "" {
		return p.Type
	}
	return p.Type + "." + p.Element
}

// Paths returns the elements that the expression may read, sorted, as far as their types are known when it is compiled.
// An element is listed without its parents, and stands for what is below it where nothing below it is listed.
func (x *Expr) Paths() []Path { return slices.Clone(x.paths) }

// Traced reports whether Paths has all that the expression reads: it is false where an element is read of something whose
// place is not known when the expression is compiled.
func (x *Expr) Traced() bool { return !x.untraced }

// Resolved returns the types of the resources that references may lead the expression to by resolve(); Resource stands for any.
func (x *Expr) Resolved() []string { return slices.Clone(x.resolved) }

// extend notes that name is read from what left holds and returns the paths of the result.
func (k *compiler) extend(left static, name string) []string {
	if len(left.paths) == 0 {
		k.untraced = true
		return nil
	}
	for _, t := range left.set {
		if e := t.Element(name); e != nil && e.Choice {
			name += "[x]"
			break
		}
	}
	paths := make([]string, len(left.paths))
	for i, p := range left.paths {
		paths[i] = p + "." + name
	}
	k.note(paths)
	return paths
}

func (k *compiler) note(paths []string) {
	if k.read == nil {
		k.read = map[string]bool{}
	}
	for _, p := range paths {
		k.read[p] = true
	}
}

// paths returns what was noted, without the parents of what was noted too, unless they are the result.
func (k *compiler) paths(result []string) []Path {
	k.note(result)
	all := slices.Sorted(maps.Keys(k.read))
	var leaves []Path
	for i, p := range all {
		if !slices.Contains(result, p) && slices.ContainsFunc(all[i+1:], func(q string) bool { return strings.HasPrefix(q, p+".") }) {
			continue
		}
		typ, element, _ := strings.Cut(p, ".")
		leaves = append(leaves, Path{typ, element})
	}
	return leaves
}
