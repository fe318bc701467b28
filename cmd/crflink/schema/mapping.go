package schema

import "github.com/crflink/crflink/mapping/manual"

// described is an object whose members are described by the manual.
func described(p manual.Place, members map[string]node, required ...string) node {
	for name, m := range members {
		if does := manual.Does(p, name); does != "" {
			m.said("%s", does)
		}
	}
	return object(members, required...)
}

// values are the words that stand for themselves at a place.
func values(p manual.Place) node {
	var names []string
	for _, w := range manual.Of(p) {
		names = append(names, w.Name)
	}
	return enum(names...)
}

func mappingFile() node {
	event := described(manual.Event, map[string]node{
		"label": text(), "resource": some(text()), "where": text(), "value": text(), "date": text(), "choose": choose(), "ties": values(manual.Ties),
		"include": some(text()), "earliest-of": some(eventRule()), "first-of": some(eventRule()), "entered": text(),
	})
	return described(manual.Top, map[string]node{
		"study": text(), "version": text(), "author": text(), "names": named(text()), "expressions": named(text()), "units": named(text()),
		"parameters": named(described(manual.Parameter, map[string]node{
			"type": enum("text", "integer", "decimal", "boolean", "date", "quantity"), "value": text(), "unit": text(),
		}, "type", "value")),
		"lists": named(either(some(text()), described(manual.List, map[string]node{
			"system": text(), "codes": some(text()), "prefixes": some(text()), "file": text(),
		}))),
		"maps": named(either(described(manual.Map, map[string]node{
			"codes": named(text()), "prefixes": named(text()), "file": text(), "conceptmap": text(), "default": text(),
			"unmapped": enum("missing", "copy", "error"),
		}), named(text()))),
		"visits": named(described(manual.Visit, bounds(map[string]node{"label": text(), "day": whole(), "fills": text()}), "event")),
		"events": named(event), "forms": named(form()),
	}, "study")
}

func eventRule() node {
	return object(map[string]node{
		"resource": some(text()), "where": text(), "value": text(), "date": text(), "choose": choose(), "ties": values(manual.Ties), "include": some(text()),
		"entered": text(),
	})
}

// bounds adds the ends of a window.
func bounds(members map[string]node) map[string]node {
	members["event"] = text()
	for _, end := range []string{"before", "after", "from", "to"} {
		members[end] = either(whole(), enum("any"))
	}
	return members
}

func window() node { return described(manual.Window, bounds(map[string]node{"visit": text()})) }

func choose() node {
	return either(values(manual.Choose), object(map[string]node{"nearest": text(), "list": enum("earliest", "latest", "value")}))
}

func form() node {
	return node{
		"type": "object", "additionalProperties": rule(),
		"properties": map[string]node{
			"visits": either(some(text()), rule()).said("%s", manual.Does(manual.Form, "visits")),
			"ties":   either(enum("earlier", "later", "both"), rule()).said("%s", manual.Does(manual.Form, "ties")),
			"repeat": described(manual.Repeat, map[string]node{
				"resource": some(text()), "where": text(), "key": text(), "order": text(), "window": window(), "include": some(text()),
			}, "resource", "key")},
	}
}

func rule() node {
	factor := described(manual.Factor, map[string]node{"from": text(), "factor": text(), "offset": text()}, "from", "factor")
	days := func() node { return object(map[string]node{"from": text(), "to": text()}, "from", "to") }
	return described(manual.Rule, map[string]node{
		"resource": some(text()), "where": text(), "value": text(), "date": text(), "map": text(), "molar-mass": text(), "factor": some(factor),
		"activity": enum("pet"), "comparator": enum("missing", "limit", "keep"),
		"qualifier": either(text(), described(manual.Qualifier, map[string]node{"item": text(), "map": text()}, "item")),
		"window":    window(), "choose": choose(), "ties": values(manual.Ties), "days": days(),
		"derive": described(manual.Derive, map[string]node{
			"age": object(map[string]node{"at": text()}, "at"), "days": days(), "expression": text(),
		}),
		"imaging": enum("study-uid"), "optional": yes(), "include": some(text()),
	})
}
