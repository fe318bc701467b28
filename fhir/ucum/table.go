package ucum

import (
	"fmt"
	"math/big"
	"strings"
	"sync"
)

// table holds every atom and prefix with its resolved meaning. It is built
// once, on first use, and only read afterwards.
type table struct {
	atoms    map[string]*atom
	order    []*atom // as listed, for stable suggestions
	scales   map[string]scale
	prefixes map[string]*prefix
	factors  map[string]*big.Rat // of the prefixes
}

var loadTable = sync.OnceValues(buildTable)

func buildTable() (*table, error) {
	list := allAtoms()
	t := &table{
		atoms:    make(map[string]*atom, len(list)),
		scales:   make(map[string]scale, len(list)),
		prefixes: make(map[string]*prefix, len(prefixes)),
		factors:  make(map[string]*big.Rat, len(prefixes)),
	}
	for i := range list {
		t.atoms[list[i].code] = &list[i]
		t.order = append(t.order, &list[i])
	}
	for i := range prefixes {
		factor, err := decimalRat(prefixes[i].value)
		if err != nil {
			return nil, fmt.Errorf("ucum: table: prefix %q: %w", prefixes[i].code, err)
		}
		t.prefixes[prefixes[i].code] = &prefixes[i]
		t.factors[prefixes[i].code] = factor
	}
	r := resolver{table: t, open: make(map[string]bool)}
	for _, a := range t.order {
		if _, err := r.scaleOf(a); err != nil {
			return nil, fmt.Errorf("ucum: table: atom %q: %w", a.code, err)
		}
	}
	return t, nil
}

// scaleOf returns the meaning of an atom of a complete table.
func (t *table) scaleOf(a *atom) (scale, error) { return t.scales[a.code], nil }

// split reads a symbol as an atom, or else as a prefix and a metric atom.
func (t *table) split(symbol string) (*prefix, *atom) {
	if a := t.atoms[symbol]; a != nil {
		return nil, a
	}
	for n := 2; n >= 1; n-- {
		if len(symbol) <= n {
			continue
		}
		p, a := t.prefixes[symbol[:n]], t.atoms[symbol[n:]]
		if p != nil && a != nil && a.metric {
			return p, a
		}
	}
	return nil, nil
}

// resolver works the definitions of the atoms out. An atom may be defined by
// one that is listed later, never by itself.
type resolver struct {
	table *table
	open  map[string]bool // being worked out
}

func (r *resolver) scaleOf(a *atom) (scale, error) {
	if s, ok := r.table.scales[a.code]; ok {
		return s, nil
	}
	if r.open[a.code] {
		return scale{}, fmt.Errorf("%q is defined by itself", a.code)
	}
	r.open[a.code] = true
	defer delete(r.open, a.code)
	s, err := r.define(a)
	if err != nil {
		return scale{}, err
	}
	r.table.scales[a.code] = s
	return s, nil
}

func (r *resolver) define(a *atom) (scale, error) {
	if a.isBase() {
		return baseScale(a.code), nil
	}
	if a.arbitrary && a.unit == "1" {
		return arbitraryScale(a.code), nil
	}
	value, err := decimalRat(a.value)
	if err != nil {
		return scale{}, err
	}
	e, err := parseExpression(r.table, a.unit)
	if err != nil {
		return scale{}, err
	}
	of, err := evaluator{code: a.unit, table: r.table, scaleOf: r.scaleOf}.expression(&e)
	if err != nil {
		return scale{}, err
	}
	if of.special != nil {
		return scale{}, fmt.Errorf("defined by the special unit %q", a.unit)
	}
	of.factor = new(big.Rat).Mul(of.factor, value)
	if a.function == "" {
		return of, nil
	}
	return specialScale(a, of)
}

// decimalRat reads a decimal number, with or without an exponent.
func decimalRat(s string) (*big.Rat, error) {
	if r, ok := new(big.Rat).SetString(s); ok && !strings.Contains(s, "/") {
		return r, nil
	}
	return nil, fmt.Errorf("%q is not a decimal number", s)
}
