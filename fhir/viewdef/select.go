package viewdef

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/finding"
)

// selects compiles sibling selects into a group. slot is where the columns begin; those that they have are returned.
func (c *compiler) selects(g *group, list *value, focus []string, slot int) (columns []Column) {
	if len(list.items) == 0 {
		c.report(list.pos, "", "there must be a select")
	}
	for _, s := range list.items {
		b, own := c.branch(s, focus, slot+len(columns))
		columns = append(columns, own...)
		g.add(b)
	}
	return columns
}

// add makes a select part of the group. One that stays at the focus is merged: its cells have one value for all rows.
func (g *group) add(b *branch) {
	if b.walk == stay {
		g.cells = append(g.cells, b.cells...)
		g.parts = append(g.parts, b.parts...)
		return
	}
	g.parts = append(g.parts, part{[]*branch{b}})
}

// branch compiles one select.
func (c *compiler) branch(v *value, focus []string, slot int) (b *branch, columns []Column) {
	b = &branch{lo: slot, hi: slot}
	if !c.members(v, "a select", selectMembers, nil) {
		return b, nil
	}
	focus, known := c.iteration(b, v, focus)
	if !known {
		focus = nil // what is below cannot be checked any further than by its grammar
	}
	before := len(c.found)
	if list := c.of(v, "column", array); list != nil {
		for _, item := range list.items {
			columns = append(columns, c.column(&b.group, item, focus, slot+len(columns)))
		}
	}
	if list := c.of(v, "select", array); list != nil {
		columns = append(columns, c.selects(&b.group, list, focus, slot+len(columns))...)
	}
	if list := c.of(v, "unionAll", array); list != nil {
		if p, own := c.union(list, focus, slot+len(columns)); len(p.branches) > 0 {
			columns = append(columns, own...)
			b.parts = append(b.parts, p)
		}
	}
	if len(columns) == 0 && len(c.found) == before {
		c.report(v.pos, "give it column, select or unionAll", "the select has no columns")
	}
	b.hi = slot + len(columns)
	b.zero = b.indexed()
	return b, columns
}

// iteration compiles forEach, forEachOrNull or repeat and returns the types of the items that it leads to; ok is false
// when they are not known because something was reported.
func (c *compiler) iteration(b *branch, v *value, focus []string) (items []string, ok bool) {
	var first string
	for _, name := range []string{"forEach", "forEachOrNull", "repeat"} {
		switch {
		case v.get(name) == nil:
		case first != "":
			c.report(v.get(name).pos, "put one of them into a nested select", "a select has either %s or %s", first, name)
			return nil, false
		default:
			first = name
		}
	}
	switch first {
	case "":
		return focus, true
	case "repeat":
		b.walk = descend
		return c.repeat(b, v, focus)
	case "forEach":
		b.walk = each
	default:
		b.walk = eachOrNull
	}
	x, _ := c.expression(c.of(v, first, text), focus)
	if x == nil {
		return nil, false
	}
	b.paths = []*fhirpath.Expr{x}
	return x.Type().Names, true
}

// repeat compiles the paths of a repeat. Each is asked of the focus and of whatever any of them leads to, so that their
// types are first collected until no new one comes up. A path that none of them has leads nowhere, which is allowed
// (as the test suite has it) but odd.
func (c *compiler) repeat(b *branch, v *value, focus []string) (items []string, ok bool) {
	list := c.of(v, "repeat", array)
	if list == nil {
		return nil, false
	}
	if len(list.items) == 0 {
		c.report(list.pos, "", "repeat needs a path")
		return nil, false
	}
	for _, item := range list.items {
		if item.form != text || item.text == "" {
			c.report(item.pos, "", "a path of repeat must be a string that is not empty, this is %s", item.form)
			return nil, false
		}
	}
	items, anything := c.reached(list, focus)
	from := append(slices.Clip(focus), items...)
	if anything || len(focus) == 0 {
		from, items = nil, nil
	}
	for _, item := range list.items {
		x := c.descent(item, from)
		if x == nil {
			return nil, false
		}
		b.paths = append(b.paths, x)
	}
	return items, len(items) > 0
}

// descent compiles a path of a repeat, and warns of one that no type has.
func (c *compiler) descent(v *value, from []string) *fhirpath.Expr {
	before := len(c.found)
	if x, _ := c.expression(v, from); x != nil {
		return x
	}
	if x, err := fhirpath.Compile(v.text, c.options(nil)); err == nil {
		for i := before; i < len(c.found); i++ {
			c.found[i].Severity = finding.Warning
		}
		return x
	}
	return nil
}

// reached returns the types that the paths lead to, from the focus and from one another; anything says that they may be
// any.
func (c *compiler) reached(list *value, focus []string) (items []string, anything bool) {
	for grown := true; grown; {
		grown = false
		from := append(slices.Clip(focus), items...)
		for _, item := range list.items {
			x, err := fhirpath.Compile(item.text, c.options(from))
			if err != nil {
				continue // known for none of the types so far; reported when all are known
			}
			if len(x.Type().Names) == 0 {
				return nil, true
			}
			for _, name := range x.Type().Names {
				if !slices.Contains(items, name) {
					items, grown = append(items, name), true
				}
			}
		}
	}
	return items, false
}

// union compiles the branches of a unionAll, which must have the same columns.
func (c *compiler) union(list *value, focus []string, slot int) (p part, columns []Column) {
	if len(list.items) == 0 {
		c.report(list.pos, "", "unionAll needs a select")
	}
	outside := c.names
	all := map[string]bool{}
	for i, item := range list.items {
		c.names = make(map[string]bool, len(outside))
		for name := range outside {
			c.names[name] = true
		}
		before := len(c.found)
		b, own := c.branch(item, focus, slot)
		p.branches = append(p.branches, b)
		if i == 0 {
			columns = own
		} else if len(c.found) == before {
			c.alike(item, i+1, columns, own)
		}
		for name := range c.names {
			all[name] = true
		}
	}
	c.names = all
	return p, columns
}

// alike reports columns that differ from those of the first branch of a unionAll.
func (c *compiler) alike(v *value, ordinal int, want, got []Column) {
	if a, b := columnNames(want), columnNames(got); a != b {
		c.report(v.pos, "give all of them the same columns in the same order",
			"select %d of unionAll has the columns %s, the first one %s", ordinal, b, a)
		return
	}
	for i := range want {
		if want[i].Type != got[i].Type || want[i].Collection != got[i].Collection {
			c.report(v.pos, "give them the same type and collection", "column %s of select %d of unionAll is %s, in the first one it is %s",
				want[i].Name, ordinal, got[i].kind(), want[i].kind())
		}
	}
}

func (c *Column) kind() string {
	if c.Collection {
		return "a collection of type " + c.Type.String()
	}
	return c.Type.String()
}

func columnNames(columns []Column) string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].Name
	}
	return strings.Join(names, ", ")
}

// column compiles a column.
func (c *compiler) column(g *group, v *value, focus []string, slot int) (col Column) {
	if !c.members(v, "a column", columnMembers, nil) {
		return col
	}
	if name := c.required(v, "a column", "name", text); name != nil {
		c.identifier(name, "column")
		if c.names[name.text] {
			c.report(name.pos, "", "there are two columns named %s", name.text)
		}
		col.Name = name.text
		c.names[name.text] = true
	}
	if d := c.of(v, "description", text); d != nil {
		col.Description = d.text
	}
	if b := c.of(v, "collection", boolean); b != nil {
		col.Collection = b.text == "true"
	}
	path := c.required(v, "a column", "path", text)
	x, index := c.expression(path, focus)
	c.columnType(&col, v, path, x)
	g.cells = append(g.cells, cell{slot, x, index})
	return col
}

// columnType gives a column the declared type, or else what is known about its path, and reports where they differ.
func (c *compiler) columnType(col *Column, v, path *value, x *fhirpath.Expr) {
	var names []string
	if x != nil {
		names = x.Type().Names
	}
	col.Type = typeOfAll(names)
	if len(names) == 1 {
		col.FHIRType = names[0]
	}
	declared := c.of(v, "type", text)
	if declared == nil {
		return
	}
	t, short, ok := typeOf(declared.text)
	if !ok {
		c.report(declared.pos, "", "FHIR R4 has no type %s", declared.text)
		return
	}
	col.Type, col.FHIRType = t, short
	for _, name := range names {
		if found, _, _ := typeOf(name); t.accepts(found) {
			return
		}
	}
	if len(names) > 0 {
		c.report(path.pos, fmt.Sprintf("declare another type than %s, or convert it", short), "the path gives %s, which is no %s",
			strings.Join(names, " or "), short)
	}
}
