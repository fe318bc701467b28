package fhirpath

import (
	"slices"
	"strings"
)

// Requirement must hold in a resource for a condition to be true: one of the elements at the path has one of the texts, or is
// in the code list.
type Requirement struct {
	Path    []string // names of elements from the resource on
	Texts   []string
	Systems []string // of a path that ends in code: for each text the system beside it, "" for any; nil where nothing is known
	List    string   // of memberOf(): what is at the path, a code, Coding or CodeableConcept, is in the list of that name
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
	return slices.ContainsFunc(x.paths, func(p Path) bool { return p.Element == element || strings.HasPrefix(p.Element, element+".") })
}

// requires returns what e needs to be true where its focus stands at the path.
func requires(e *expr, path []string) []Requirement {
	switch {
	case e.form == formBinary && e.name == "and":
		both := append(requires(e.left, path), requires(e.right, path)...)
		pairSystems(both, path)
		return both
	case e.form == formBinary && e.name == "or":
		return either(requires(e.left, path), requires(e.right, path))
	case e.form == formBinary && e.name == "=":
		return append(equals(e.left, e.right, path), equals(e.right, e.left, path)...)
	case e.form == formBinary && e.name == "in":
		return equals(e.left, e.right, path)
	case e.form == formDot && e.right.form == formCall && e.right.name == "exists":
		return requiresItem(e.left, e.right.args, path)
	case e.form == formDot && e.right.form == formCall && e.right.name == "memberOf":
		return memberOfList(e.left, e.right.args, path)
	case e.form == formCall && e.name == "memberOf":
		return memberOfList(nil, e.args, path)
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
	return []Requirement{{Path: at, Texts: texts}}
}

// memberOfList is what a question for a code list needs; without an element it is asked of the focus.
func memberOfList(element *expr, args []*expr, path []string) []Requirement {
	at, ok := path, true
	if element != nil {
		at, ok = elementPath(element, path)
	}
	if !ok || len(args) != 1 {
		return nil
	}
	list := fixedTexts(args[0])
	if len(list) != 1 {
		return nil
	}
	return []Requirement{{Path: at, List: list[0]}}
}

// either is what one of two conditions needs: where both look at one path, one of all their texts.
func either(a, b []Requirement) []Requirement {
	var both []Requirement
	for _, x := range a {
		for _, y := range b {
			if slices.Equal(x.Path, y.Path) && x.List == "" && y.List == "" {
				both = append(both, Requirement{Path: x.Path, Texts: slices.Concat(x.Texts, y.Texts), Systems: eitherSystem(x, y)})
			}
		}
	}
	return both
}

func eitherSystem(x, y Requirement) []string {
	if x.Systems == nil && y.Systems == nil {
		return nil
	}
	return slices.Concat(x.systems(), y.systems())
}

// systems gives each text a system, "" where none is known.
func (r Requirement) systems() []string {
	if r.Systems != nil {
		return r.Systems
	}
	return make([]string, len(r.Texts))
}

// requiresItem is what has to be so that e has an item for which the criteria hold.
func requiresItem(e *expr, criteria []*expr, path []string) []Requirement {
	if e.form == formDot && e.right.form == formCall {
		switch c := e.right; {
		case c.name == "where" && len(c.args) == 1:
			return requiresItem(e.left, append(slices.Clip(criteria), c.args[0]), path)
		case (c.name == "first" || c.name == "last") && len(c.args) == 0:
			return requiresItem(e.left, criteria, path)
		}
	}
	var needs []Requirement
	if at, ok := elementPath(e, path); ok {
		for _, criterion := range criteria {
			needs = append(needs, requires(criterion, at)...)
		}
		pairSystems(needs, at)
	}
	if e.form == formDot {
		needs = append(needs, requiresItem(e.left, nil, path)...)
	}
	return needs
}

// pairSystems tells of the codes of one item which systems may stand beside them: the criteria are about the same item.
func pairSystems(needs []Requirement, at []string) {
	var systems []string
	for _, r := range needs {
		if slices.Equal(r.Path, append(slices.Clip(at), "system")) && r.List == "" {
			systems = r.Texts
		}
	}
	if systems == nil {
		return
	}
	for i, r := range needs {
		if !slices.Equal(r.Path, append(slices.Clip(at), "code")) || r.Systems != nil || r.List != "" {
			continue
		}
		var paired Requirement
		for _, text := range r.Texts {
			for _, system := range systems {
				paired.Texts, paired.Systems = append(paired.Texts, text), append(paired.Systems, system)
			}
		}
		needs[i].Texts, needs[i].Systems = paired.Texts, paired.Systems
	}
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
