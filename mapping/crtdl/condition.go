package crtdl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// shownCodes is the greatest number of codes of one system that stand in a condition; more become a code list.
const shownCodes = 4

// codedBy are the elements behind search parameters whose name is not that of the element.
var codedBy = map[string]string{"code": "medication", "combo-code": "code", "value-concept": "value", "combo-value-concept": "value"}

// datedBy are the elements behind the search parameter date and others whose name is not that of the element.
var datedBy = map[string][]string{
	"date": {"effective", "performed", "period", "occurrence", "started", "recordedDate"}, "effective-time": {"effective"}, "onset-date": {"onset"},
	"abatement-date": {"abatement"}, "started": {"started"}, "asserted-date": {"recordedDate"},
}

// filter writes a filter as a condition; why says why that is not possible.
func (b *builder) filter(g *Group, name string, f Filter) (condition, why string) {
	switch {
	case f.Type == "token" && len(f.Codes) > 0:
		return b.token(g, name, f)
	case f.Type == "date" && (f.Start != "" || f.End != ""):
		return b.span(g, name, f)
	}
	return "", fmt.Sprintf("the filter %q of type %q says nothing that could be taken over", f.Name, f.Type)
}

// token is the condition that one of the codes stands in the element.
func (b *builder) token(g *Group, name string, f Filter) (condition, why string) {
	e := named(g.Type, f.Name)
	if e == nil {
		e = element(g.Type, codedBy[f.Name])
	}
	if e == nil {
		return "", fmt.Sprintf("the filter %s: %s has no element of this name", f.Name, g.Type)
	}
	path := e.Name
	if e.Choice {
		path += ".ofType(CodeableConcept)"
	}
	switch {
	case has(e, "CodeableConcept"):
		return path + ".coding.exists(" + b.codes(name, f.Codes) + ")", ""
	case has(e, "Coding"):
		return path + ".exists(" + b.codes(name, f.Codes) + ")", ""
	case has(e, "code"):
		var all []string
		for _, c := range f.Codes {
			all = append(all, path+" = "+literal(c.Code))
		}
		return either(all), ""
	}
	return "", fmt.Sprintf("the filter %s: the element %s.%s holds no codes", f.Name, g.Type, e.Name)
}

// codes is the condition that a Coding is one of the codes.
func (b *builder) codes(name string, codes []Code) string {
	var systems []string
	of := map[string][]string{}
	for _, c := range codes {
		if of[c.System] == nil {
			systems = append(systems, c.System)
		}
		if !slices.Contains(of[c.System], c.Code) {
			of[c.System] = append(of[c.System], c.Code)
		}
	}
	var all []string
	for _, s := range systems {
		if len(of[s]) > shownCodes {
			all = append(all, "memberOf("+literal(b.list(name, s, of[s]))+")")
			continue
		}
		var any []string
		for _, c := range of[s] {
			any = append(any, "code = "+literal(c))
		}
		if s == "" {
			all = append(all, either(any))
			continue
		}
		all = append(all, "system = "+b.system(s)+" and "+either(any))
	}
	return strings.Join(all, " or ")
}

// span is the condition that the element's date lies between two days. It compares with the days before and behind, so that
// a date with a time of day on the first and last day compares too.
func (b *builder) span(g *Group, name string, f Filter) (condition, why string) {
	e := dated(g.Type, f.Name)
	if e == nil {
		return "", fmt.Sprintf("the filter %s: %s has no date of this name", f.Name, g.Type)
	}
	path := datePath(e)
	var all []string
	if f.Start != "" {
		d, err := fhir.ParseDateTime(f.Start)
		if err != nil {
			return "", fmt.Sprintf("the filter %s: its start is no date", f.Name)
		}
		first, _ := d.Days(nil)
		all = append(all, path+" > %"+b.day(name+"_after", first-1))
	}
	if f.End != "" {
		d, err := fhir.ParseDateTime(f.End)
		if err != nil {
			return "", fmt.Sprintf("the filter %s: its end is no date", f.Name)
		}
		_, last := d.Days(nil)
		all = append(all, path+" < %"+b.day(name+"_before", last+1))
	}
	return strings.Join(all, " and "), ""
}

// datePath is the date of an element that may be a moment or a period.
func datePath(e *model.Element) string {
	if !e.Choice {
		if has(e, "Period") {
			return e.Name + ".start"
		}
		return e.Name
	}
	var all []string
	for _, t := range e.Types {
		switch t.Name {
		case "dateTime", "date", "instant":
			all = append(all, e.Name+".ofType("+t.Name+")")
		case "Period":
			all = append(all, e.Name+".ofType(Period).start")
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return "(" + strings.Join(all, " | ") + ")"
}

// dated finds the dated element behind a search parameter.
func dated(typ, parameter string) *model.Element {
	for _, e := range append([]*model.Element{named(typ, parameter)}, elements(typ, datedBy[parameter])...) {
		if e != nil && slices.ContainsFunc([]string{"dateTime", "date", "instant", "Period"}, func(t string) bool { return has(e, t) }) {
			return e
		}
	}
	return nil
}

// named finds the element whose name is that of the search parameter, such as recordedDate of recorded-date.
func named(typ, parameter string) *model.Element {
	plain := strings.ReplaceAll(parameter, "-", "")
	for _, e := range model.Lookup(typ).Elements() {
		if strings.EqualFold(e.Name, plain) {
			return e
		}
	}
	return nil
}

func element(typ, name string) *model.Element { return model.Lookup(typ).Element(name) }

func elements(typ string, names []string) []*model.Element {
	var all []*model.Element
	for _, n := range names {
		all = append(all, element(typ, n))
	}
	return all
}

func has(e *model.Element, typ string) bool {
	return slices.ContainsFunc(e.Types, func(t *model.Type) bool { return t.Name == typ })
}

// either joins conditions, in parentheses where there are several.
func either(all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	return "(" + strings.Join(all, " or ") + ")"
}

// literal writes a text of FHIRPath.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(oneLine(s)) + "'"
}

// oneLine leaves out line breaks and control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return r <= ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff
	}), " ")
}
