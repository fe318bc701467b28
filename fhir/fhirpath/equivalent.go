package fhirpath

import (
	"sort"
	"strings"
	"unicode"

	"github.com/crflink/crflink/fhir"
)

// equivalent decides a ~ b: without order, texts without case and white space, numbers to the places of the less
// precise (FHIRPath N1, 6.1.2).
func (c *ctx) equivalent(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 1 {
		return c.equivalentItems(&a[0], &b[0])
	}
	used := make([]bool, len(b))
next:
	for i := range a {
		for j := range b {
			if !used[j] && c.equivalentItems(&a[i], &b[j]) {
				used[j] = true
				continue next
			}
		}
		return false
	}
	return true
}

func (c *ctx) equivalentItems(a, b *Value) bool {
	x, okX := a.system()
	y, okY := b.system()
	switch {
	case okX != okY:
		return false
	case !okX:
		return a.kind == Element && b.kind == Element && equivalentNodes(a.node, b.node)
	case x.isNumber() && y.isNumber():
		return x.dec().equivalent(y.dec())
	case x.kind == Quantity && y.kind == Quantity:
		return equivalentQuantities(&x, &y)
	case x.isMoment() && y.isMoment():
		return x.kind == y.kind && c.equivalentMoments(x.moment(), y.moment())
	case x.kind == String && y.kind == String:
		return folded(x.text) == folded(y.text)
	}
	return c.equalSystem(&x, &y) == yes
}

func (c *ctx) equivalentMoments(a, b moment) bool {
	if a.res != b.res && !(a.precise() && b.precise()) {
		return false
	}
	order, known := a.compare(b, c.Zone)
	return known && order == 0
}

// folded is a text for ~: lower case, and each run of white space one space.
func folded(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsSpace(r) }) {
		return s
	}
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

// equivalentNodes compares elements member by member; arrays without order, ids left out.
func equivalentNodes(a, b fhir.Node) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case fhir.Object:
		for m := a.First(); m.Exists(); m = m.Next() {
			if m.Key() != "id" && !equivalentNodes(m, b.Get(m.Key())) {
				return false
			}
		}
		for m := b.First(); m.Exists(); m = m.Next() {
			if m.Key() != "id" && !a.Get(m.Key()).Exists() {
				return false
			}
		}
		return true
	case fhir.Array:
		return sameSet(a, b)
	case fhir.String:
		return folded(a.Text()) == folded(b.Text())
	}
	return sameNode(a, b)
}

// sameSet compares arrays as written, and where they differ, sorted by their JSON.
func sameSet(a, b fhir.Node) bool {
	if a.Len() != b.Len() {
		return false
	}
	texts := func(n fhir.Node) []string {
		var all []string
		for e := n.First(); e.Exists(); e = e.Next() {
			all = append(all, folded(e.String()))
		}
		sort.Strings(all)
		return all
	}
	x, y := texts(a), texts(b)
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}
