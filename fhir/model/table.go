package model

//go:generate go run ./internal/modelgen -out r4.go

import (
	"strings"
	"sync"
)

type table struct {
	all    []*Type
	byName map[string]*Type
	system map[string]*Type
}

var load = sync.OnceValue(func() *table {
	t := &table{byName: map[string]*Type{}, system: map[string]*Type{}}
	bases := t.declare()
	for _, typ := range t.all {
		typ.Base = t.byName[bases[typ.Name]]
	}
	t.define()
	for _, name := range []string{"Any", "Boolean", "Integer", "Long", "Decimal", "String", "Date", "DateTime", "Time", "Quantity"} {
		t.system[name] = t.add(&Type{Name: name, Kind: System})
	}
	for _, typ := range t.all {
		typ.inherit()
	}
	return t
})

// declare reads the head lines: the names, kinds and bases.
func (t *table) declare() (bases map[string]string) {
	bases = map[string]string{}
	t.add(&Type{Name: "", Kind: Complex}) // ID 0 is no type
	for line := range strings.Lines(r4) {
		name, rest, ok := strings.Cut(line, ":")
		base, kind, isHead := strings.Cut(strings.TrimRight(rest, "\n"), " ")
		if !ok || !isHead {
			continue
		}
		typ := &Type{Name: name, Abstract: kind[0] == '!'}
		typ.Kind = map[byte]Kind{'R': Resource, 'C': Complex, 'P': Primitive, 'N': Nested}[kind[len(kind)-1]]
		bases[name] = base
		t.byName[name] = t.add(typ)
	}
	return bases
}

func (t *table) add(typ *Type) *Type {
	typ.ID = uint16(len(t.all)) // #nosec G115 -- R4 has fewer than a thousand types
	t.all = append(t.all, typ)
	return typ
}

// define reads the element lines.
func (t *table) define() {
	var typ *Type
	for line := range strings.Lines(r4) {
		line = strings.TrimSpace(line)
		i := strings.IndexAny(line, ":*?")
		if i < 0 {
			continue
		}
		if strings.Contains(line[i:], " ") {
			typ = t.byName[line[:i]]
			continue
		}
		e := &Element{Name: line[:i], Many: line[i] == '*', Choice: line[i] == '?'}
		for _, name := range strings.Split(line[i+1:], ",") {
			name, targets, ok := strings.Cut(name, "(")
			if ok {
				e.Target = append(e.Target, strings.Split(strings.TrimSuffix(targets, ")"), "|")...)
			}
			e.addType(t.byName[name])
		}
		typ.own = append(typ.own, e)
	}
}

func (e *Element) addType(t *Type) {
	for _, u := range e.Types {
		if u == t {
			return
		}
	}
	e.Types = append(e.Types, t)
}

func (t *Type) inherit() {
	if t.all != nil {
		return
	}
	t.all = map[string]*Element{}
	if t.Base != nil {
		t.Base.inherit()
		for name, e := range t.Base.all {
			t.all[name] = e
		}
	}
	for _, e := range t.own {
		t.all[e.Name] = e
	}
}

// Lookup returns the FHIR type of that name ("Patient", "code", "Patient.contact"), or nil.
func Lookup(name string) *Type { return load().byName[name] }

// LookupSystem returns FHIRPath's type of that name ("Boolean", "Date"), or nil.
func LookupSystem(name string) *Type { return load().system[name] }

// All returns every type at the position of its ID. Position 0 is a placeholder for "no type".
func All() []*Type { return load().all }
