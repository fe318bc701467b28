package pseudonym

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// fits is the reason of what is not dropped.
const fits = reasons

// verdict returns the reason for which a text that does not fit is dropped.
func verdict(ok bool) Reason {
	if ok {
		return fits
	}
	return Unfit
}

// value returns what an action makes of a primitive: a text, or raw in its place, which is valid until the next value. What fits
// and is a number or boolean stays itself. For every other reason nothing stays.
func (w *walker) value(r *rule, parent, n fhir.Node, kind fhir.Kind) (text string, raw []byte, reason Reason) {
	switch r.act.verb {
	case drop:
		return "", nil, ByProfile
	case redact:
		return redacted, nil, fits
	case replace:
		return r.act.form, nil, fits
	}
	switch {
	case kind == fhir.Number:
		return "", nil, verdict(r.act.verb == keep && r.act.form == "number")
	case kind == fhir.Bool:
		return "", nil, verdict(r.act.verb == keep && r.act.form == "boolean")
	case kind != fhir.String:
		return "", nil, Unfit
	}
	s := n.Text()
	switch r.act.verb {
	case keep:
		return s, nil, verdict(r.act.fits != nil && r.act.fits(w, s))
	case hashed:
		return r.act.stands(w, s, parent)
	case shift:
		return w.date(s)
	case generalise:
		text, ok := generalised(r.act, s)
		return text, nil, verdict(ok)
	}
	return "", nil, ByProfile
}

// keptForms say for each form of keep whether a text has it; numbers and booleans are not written as text.
var keptForms = map[string]func(w *walker, s string) bool{
	"code":      func(_ *walker, s string) bool { return isCode(s) },
	"system":    func(_ *walker, s string) bool { return isSystem(s) },
	"unit":      func(w *walker, s string) bool { return isUnit(s, w.profile.units) },
	"measure":   func(_ *walker, s string) bool { return isMeasure(s) },
	"canonical": (*walker).isCanonical,
	"type":      func(w *walker, s string) bool { return w.profile.resources[s] != nil },
	"time":      func(_ *walker, s string) bool { return isTime(s) },
	"country": func(_ *walker, s string) bool {
		return (len(s) == 2 || len(s) == 3) && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	},
}

// hashedForms say for each form of hash what stands for a text.
var hashedForms = map[string]func(w *walker, s string, parent fhir.Node) (string, []byte, Reason){
	"id": func(w *walker, s string, parent fhir.Node) (string, []byte, Reason) {
		w.buf = w.ownID(w.buf[:0], s, parent)
		return "", w.buf, verdict(s != "")
	},
	"reference": func(w *walker, s string, _ fhir.Node) (string, []byte, Reason) {
		if ref, ok := w.reference(s); ok {
			return ref, nil, fits
		}
		return "", nil, Unresolved
	},
	"identifier": func(w *walker, s string, parent fhir.Node) (string, []byte, Reason) {
		w.buf = w.identifier(w.buf[:0], s, parent)
		return "", w.buf, verdict(s != "")
	},
	"system": func(w *walker, s string, _ fhir.Node) (string, []byte, Reason) {
		return w.system(s), nil, verdict(s != "")
	},
	"uid": func(w *walker, s string, _ fhir.Node) (string, []byte, Reason) {
		prefix, uid := cutOID(s)
		w.buf = w.keyer.appendUID(append(w.buf[:0], prefix...), uid)
		return "", w.buf, verdict(uid != "")
	},
	"accession": func(w *walker, s string, _ fhir.Node) (string, []byte, Reason) {
		w.buf = appendAccession(w.buf[:0], w.keyer, s)
		return "", w.buf, verdict(s != "")
	},
}

// system returns what stands for the system of an identifier: itself, when the profile has it.
func (w *walker) system(s string) string {
	written, ok := w.systems[s]
	if ok {
		return written
	}
	if written, ok = w.profile.systems[s]; !ok {
		written = "urn:crflink:system:" + w.keyer.id(labelSystem, s)
	}
	w.systems[s] = written
	return written
}

func (w *walker) ownID(dst []byte, id string, resource fhir.Node) []byte {
	if w.inside {
		return w.keyer.appendID(dst, labelContained, strings.TrimPrefix(id, "#"))
	}
	return w.keyer.appendID(dst, labelResource, resource.Get("resourceType").Text(), id)
}

// identifier appends what replaces the value of an Identifier: a DICOM UID by a UID, an accession number as imaging links it,
// anything else by a hash over system and value.
func (w *walker) identifier(dst []byte, s string, id fhir.Node) []byte {
	system := id.Get("system").Text()
	switch prefix, uid := cutOID(s); {
	case strings.EqualFold(system, "urn:dicom:uid") || prefix != "":
		return w.keyer.appendUID(append(dst, prefix...), uid)
	case isAccession(id):
		return appendAccession(dst, w.keyer, s)
	}
	return w.keyer.appendID(dst, labelIdentifier, system, s)
}

// isAccession reports whether an Identifier is of type ACSN (HL7 v2 table 0203).
func isAccession(id fhir.Node) bool {
	coding := id.Get("type").Get("coding")
	if coding.Kind() == fhir.Object {
		return coding.Get("code").Text() == "ACSN"
	}
	for c := coding.First(); c.Exists(); c = c.Next() {
		if c.Get("code").Text() == "ACSN" {
			return true
		}
	}
	return false
}

func appendAccession(dst []byte, k *keyer, s string) []byte {
	return k.appendID(dst, labelAccession, strings.TrimRight(strings.TrimSpace(s), "\x00 "))
}

// cutOID splits urn:oid: off a UID.
func cutOID(s string) (prefix, uid string) {
	const urn = "urn:oid:"
	if len(s) >= len(urn) && strings.EqualFold(s[:len(urn)], urn) {
		return urn, s[len(urn):]
	}
	return "", s
}

// date writes a date in the site's time and moves it.
func (w *walker) date(s string) (string, []byte, Reason) {
	if w.dates.moves() && w.profile.isPlaceholder(s) {
		return "", nil, w.placeholder(s)
	}
	var ok bool
	w.buf, ok = w.mover.append(w.buf[:0], s)
	return "", w.buf, verdict(ok)
}

// placeholder returns why a date goes that begins as one that stands for none.
func (w *walker) placeholder(s string) Reason {
	if _, err := fhir.ParseDateTime(s); err != nil {
		return Unfit
	}
	return Placeholder
}
