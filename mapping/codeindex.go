package mapping

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// criterion is the requirement of a condition by which its resources are looked up before it is evaluated.
type criterion struct {
	place string // the path, as the index names it
	fhirpath.Requirement
}

// criterionOf chooses among the requirements of a condition: codes tell resources apart best, and few texts better than many.
func criterionOf(x *fhirpath.Expr) *criterion {
	all := slices.DeleteFunc(x.Requires(), func(r fhirpath.Requirement) bool { return len(r.Path) == 0 || r.List != "" })
	if len(all) == 0 {
		return nil
	}
	isCode := func(r fhirpath.Requirement) int {
		if r.Path[len(r.Path)-1] == "code" {
			return 0
		}
		return 1
	}
	best := slices.MinFunc(all, func(a, b fhirpath.Requirement) int {
		return cmp.Or(cmp.Compare(isCode(a), isCode(b)), cmp.Compare(len(a.Texts), len(b.Texts)))
	})
	best.Texts = slices.Compact(slices.Sorted(slices.Values(best.Texts)))
	return &criterion{strings.Join(best.Path, "."), best}
}

// indexed is the resources of one type by the texts at one path.
type indexed map[string][]*fhir.Resource

type indexKey struct{ typ, place string }

// having returns the resources of a type that a condition can hold for, in their order: those that have what it needs.
func (r *run) having(typ string, where *expression) []*fhir.Resource {
	all := r.byType[typ]
	if where == nil || where.needs[typ] == nil || len(all) < indexFrom {
		return all
	}
	n := where.needs[typ]
	key := indexKey{typ, n.place}
	byText, ok := r.index[key]
	if !ok {
		byText = indexed{}
		for _, res := range all {
			byText.add(res, res.Node, n.Path)
		}
		if r.index == nil {
			r.index = map[indexKey]indexed{}
		}
		r.index[key] = byText
	}
	if len(n.Texts) == 1 {
		return byText[n.Texts[0]]
	}
	return byText.any(n.Texts, all)
}

// indexFrom is the number of resources from which looking them up pays.
const indexFrom = 4

// add notes a resource under every text that it has at the path below the node.
func (x indexed) add(res *fhir.Resource, n fhir.Node, path []string) {
	if len(path) == 0 {
		if n.Kind() != fhir.String {
			return
		}
		text := n.Text()
		if list := x[text]; len(list) == 0 || list[len(list)-1] != res {
			x[text] = append(list, res)
		}
		return
	}
	for child := range n.Get(path[0]).Elements() {
		x.add(res, child, path[1:])
	}
}

// any returns the resources that have one of the texts, in the order of all.
func (x indexed) any(texts []string, all []*fhir.Resource) []*fhir.Resource {
	var found []*fhir.Resource
	lists := 0
	for _, t := range texts {
		if list := x[t]; len(list) > 0 {
			found = append(found, list...)
			lists++
		}
	}
	if lists < 2 {
		return found
	}
	in := make(map[*fhir.Resource]bool, len(found))
	for _, res := range found {
		in[res] = true
	}
	found = found[:0]
	for _, res := range all {
		if in[res] {
			found = append(found, res)
		}
	}
	return found
}
