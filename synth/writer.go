package synth

import (
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// writer appends one JSON text. Names belong to members of objects and are "" for elements of arrays; commas set themselves.
type writer struct{ b []byte }

func (w *writer) name(name string) {
	if n := len(w.b); n > 0 {
		if c := w.b[n-1]; c != '{' && c != '[' {
			w.b = append(w.b, ',')
		}
	}
	if name != "" {
		w.b = append(append(append(w.b, '"'), name...), '"', ':')
	}
}

func (w *writer) object(name string) { w.name(name); w.b = append(w.b, '{') }
func (w *writer) array(name string)  { w.name(name); w.b = append(w.b, '[') }
func (w *writer) end()               { w.b = append(w.b, '}') }
func (w *writer) endArray()          { w.b = append(w.b, ']') }

func (w *writer) text(name, value string) { w.name(name); w.b = fhir.AppendQuoted(w.b, value) }

// plain writes text that needs no escaping: codes, ids, canonicals.
func (w *writer) plain(name, value string) {
	w.name(name)
	w.b = append(append(append(w.b, '"'), value...), '"')
}

// raw writes JSON as it is.
func (w *writer) raw(name, json string) { w.name(name); w.b = append(w.b, json...) }

func (w *writer) integer(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) date(name string, m moment) {
	w.name(name)
	w.b = append(m.append(append(w.b, '"')), '"')
}

func (w *writer) instant(name string, unix int64) {
	w.name(name)
	w.b = append(instant(append(w.b, '"'), unix), '"')
}

// period writes a Period; an open one has no end.
func (w *writer) period(name string, d when) {
	w.object(name)
	w.date("start", d.start)
	if d.kind == period {
		w.date("end", d.end)
	}
	w.end()
}

// dated writes element[x] as dateTime or Period, or nothing.
func (w *writer) dated(element string, d when) {
	switch d.kind {
	case point:
		w.date(element+"DateTime", d.start)
	case period, openPeriod:
		w.period(element+"Period", d)
	}
}

// coding is a code of a code system.
type coding struct{ system, code, display string }

func (w *writer) coding(name string, c coding) {
	w.object(name)
	w.codingParts(c)
	w.end()
}

func (w *writer) codingParts(c coding) {
	if c.system != "" {
		w.plain("system", c.system)
	}
	w.text("code", c.code)
	if c.display != "" {
		w.text("display", c.display)
	}
}

func (w *writer) concept(name string, codings ...coding) {
	w.object(name)
	w.array("coding")
	for _, c := range codings {
		w.coding("", c)
	}
	w.endArray()
	w.end()
}

func (w *writer) reference(name, typ, id string) {
	w.object(name)
	w.name("reference")
	w.b = append(append(append(append(append(w.b, '"'), typ...), '/'), id...), '"')
	w.end()
}

func (w *writer) references(name, typ, id string) {
	w.array(name)
	w.reference("", typ, id)
	w.endArray()
}

// typed begins an identifier with a type of v2-0203.
func (w *writer) identifier(kind, system, value string) {
	w.object("")
	if kind != "" {
		w.concept("type", coding{sysV2, kind, ""})
	}
	if system != "" {
		w.plain("system", system)
	}
	w.text("value", value)
	w.end()
}
