package pseudonym

import (
	"github.com/crflink/crflink/fhir"
)

func (w *walker) primitive(r *rule, parent, n fhir.Node) {
	w.write(r, r.as, parent, n)
	if e := n.Extensions(); e.Exists() && n.Kind() != fhir.Object {
		w.partner(r, r.under, e)
	}
}

// partner writes the `_x` member of a primitive: its listed extensions and nothing else.
func (w *walker) partner(r *rule, as fhir.Name, e fhir.Node) {
	if r.act.verb == drop {
		w.drop(r, ByProfile)
		return
	}
	w.builder.Object(as)
	for m := e.First(); m.Exists(); m = m.Next() {
		if m.Key() == "extension" {
			w.extensions(r, "extension", m)
		} else {
			w.unlisted(r, m.Key())
		}
	}
	w.builder.EndIfAny()
}

// primitives writes an array of primitives. Where elements have extensions, a dropped value leaves a null, because
// values and extensions belong together by position.
func (w *walker) primitives(r *rule, parent, n fhir.Node) {
	paired := false
	for e := n.First(); e.Exists(); e = e.Next() {
		paired = paired || r.act.verb != drop && w.anyExtension(r, e)
	}
	w.builder.Array(r.as)
	for e := n.First(); e.Exists(); e = e.Next() {
		if !w.write(r, fhir.Name{}, parent, e) && paired {
			w.builder.Null(fhir.Name{})
		}
	}
	w.builder.EndIfAny()
	if !paired {
		return
	}
	w.builder.Array(r.under)
	for e := n.First(); e.Exists(); e = e.Next() {
		if w.anyExtension(r, e) {
			w.builder.Object(fhir.Name{})
			w.extensions(r, "extension", e.Extensions().Get("extension"))
			w.builder.End()
		} else {
			w.builder.Null(fhir.Name{})
		}
	}
	w.builder.End()
}

// anyExtension reports whether a primitive has an extension that is listed for it.
func (w *walker) anyExtension(r *rule, n fhir.Node) bool {
	if n.Kind() == fhir.Object || n.Kind() == fhir.Array {
		return false
	}
	for e := n.Extensions().Get("extension").First(); e.Exists(); e = e.Next() {
		if w.extensionRule(r, e) != nil {
			return true
		}
	}
	return false
}

// write writes a primitive as its rule says and reports whether there was something to write.
func (w *walker) write(r *rule, as fhir.Name, parent, n fhir.Node) bool {
	kind := n.Kind()
	switch {
	case kind == fhir.Null:
		return false
	case kind == fhir.String && w.again(r, as, n.Text()):
		return true
	}
	text, raw, reason := w.value(r, parent, n, kind)
	if reason != fits {
		w.drop(r, reason)
		return false
	}
	if w.trace != nil && r.act.verb != keep && text+string(raw) != n.Text() {
		w.trace(r.path, r.act.String())
	}
	switch {
	case raw != nil:
		w.remember(r, n, w.builder.Bytes(as, raw))
	case r.act.verb == keep && kind != fhir.String:
		w.builder.Copy(as, n)
	default:
		w.remember(r, n, w.builder.String(as, text))
	}
	return true
}
