package casetest

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/mapping"
)

// coverage writes what no case covers.
func (r *runner) coverage() {
	for _, name := range r.study.Mapping.Items() {
		if !r.expected[name] {
			r.result.Untested = append(r.result.Untested, name)
		}
	}
	for _, row := range r.study.Mapping.MapRows() {
		if !r.reached[row] {
			r.result.Unreached = append(r.result.Unreached, row)
		}
	}
	if len(r.result.Untested) > 0 {
		r.printf("warning: no test expects %s\n", strings.Join(r.result.Untested, ", "))
	}
	r.sourcesCoverage()
	byMap := map[string][]string{}
	var names []string
	for _, row := range r.result.Unreached {
		if !slices.Contains(names, row.Map) {
			names = append(names, row.Map)
		}
		byMap[row.Map] = append(byMap[row.Map], rowName(row))
	}
	for _, name := range names {
		r.printf("warning: map %s: no test reaches %s\n", name, strings.Join(byMap[name], ", "))
	}
}

// sourcesCoverage writes of which rules of single sources no case tells whether they are right.
func (r *runner) sourcesCoverage() {
	for _, source := range r.study.Mapping.Overlays() {
		for _, name := range r.study.Mapping.Items() {
			if r.study.Mapping.OwnRule(source, name) && !r.held[source][name] {
				if r.result.Unheld == nil {
					r.result.Unheld = map[string][]string{}
				}
				r.result.Unheld[source] = append(r.result.Unheld[source], name)
			}
		}
		if all := r.result.Unheld[source]; len(all) > 0 {
			r.printf("warning: source %s: no test that holds there expects %s by its own rules: write one with source: %s\n", source, strings.Join(all, ", "), source)
		}
	}
}

func rowName(row mapping.MapRow) string {
	name := row.Code
	if row.Prefix {
		name += "…"
	}
	if row.System != "" {
		name += " of " + row.System
	}
	return name
}
