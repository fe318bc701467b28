package pseudonym

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// value is what an action made of a primitive: a text, the number or boolean itself, or the reason why nothing stays.
type value struct {
	ok     bool
	kind   fhir.Kind
	text   string
	raw    []byte // in the place of text: valid until the next value
	reason Reason
}

func text(s string, ok bool) value {
	return value{ok: ok, kind: fhir.String, text: s, reason: Unfit}
}

func (w *walker) value(r *rule, parent, n fhir.Node) value {
	kind := n.Kind()
	switch r.act.verb {
	case drop:
		return value{reason: ByProfile}
	case redact:
		return text(redacted, true)
	case replace:
		return text(r.act.form, true)
	}
	switch {
	case kind == fhir.Number:
		return value{ok: r.act.verb == keep && r.act.form == "number", kind: kind, reason: Unfit}
	case kind == fhir.Bool:
		return value{ok: r.act.verb == keep && r.act.form == "boolean", kind: kind, reason: Unfit}
	case kind != fhir.String:
		return value{reason: Unfit}
	}
	s := n.Text()
	switch r.act.verb {
	case keep:
		return text(s, w.keeps(r.act.form, s))
	case hashed:
		return w.hashed(r.act.form, s, parent)
	case shift:
		return w.date(s)
	case generalise:
		return generalised(r.act, s)
	}
	return value{reason: ByProfile}
}

// keeps reports whether a text has the form that may stay as it is.
func (w *walker) keeps(form, s string) bool {
	switch form {
	case "code":
		return isCode(s)
	case "system":
		return isSystem(s)
	case "unit":
		return isUnit(s, w.profile.units)
	case "measure":
		return isMeasure(s)
	case "canonical":
		return w.isCanonical(s)
	case "type":
		return w.profile.resources[s] != nil
	case "time":
		return isTime(s)
	case "country":
		return (len(s) == 2 || len(s) == 3) && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	}
	return false // numbers and booleans are not written as text
}

func (w *walker) hashed(form, s string, parent fhir.Node) value {
	switch form {
	case "id":
		return text(w.ownID(s, parent), s != "")
	case "reference":
		ref, ok := w.reference(s)
		return value{ok: ok, kind: fhir.String, text: ref, reason: Unresolved}
	case "identifier":
		w.buf = w.identifier(w.buf[:0], s, parent)
		return value{ok: s != "", kind: fhir.String, raw: w.buf, reason: Unfit}
	case "system":
		if known, ok := w.profile.systems[s]; ok {
			return text(known, true)
		}
		return text("urn:crflink:system:"+w.keyer.id(labelSystem, s), s != "")
	case "uid":
		prefix, uid := cutOID(s)
		return text(prefix+w.keyer.uid(uid), uid != "")
	case "accession":
		return text(accession(w.keyer, s), s != "")
	}
	return value{reason: Unfit}
}

func (w *walker) ownID(id string, resource fhir.Node) string {
	if w.inside {
		return w.keyer.id(labelContained, strings.TrimPrefix(id, "#"))
	}
	return w.resourceID(fhir.Key{Type: resource.Get("resourceType").Text(), ID: id})
}

// identifier appends what replaces the value of an Identifier: a DICOM UID by a UID, an accession number as imaging links it,
// anything else by a hash over system and value.
func (w *walker) identifier(dst []byte, s string, id fhir.Node) []byte {
	system := id.Get("system").Text()
	switch prefix, uid := cutOID(s); {
	case strings.EqualFold(system, "urn:dicom:uid") || prefix != "":
		return append(append(dst, prefix...), w.keyer.uid(uid)...)
	case isAccession(id):
		return append(dst, accession(w.keyer, s)...)
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

func accession(k *keyer, s string) string {
	return k.id(labelAccession, strings.TrimRight(strings.TrimSpace(s), "\x00 "))
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
func (w *walker) date(s string) value {
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		return value{reason: Unfit}
	}
	if w.dates.moves() && w.profile.placeholders[s[:min(len(s), len("2006-01-02"))]] {
		return value{reason: Placeholder}
	}
	d, ok := shifted(local(d, w.dates.Zone), w.shift)
	if !ok {
		return value{reason: Unfit}
	}
	w.buf = appendDateTime(w.buf[:0], d)
	return value{ok: true, kind: fhir.String, raw: w.buf}
}
