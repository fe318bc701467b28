package synth

import (
	"net/http"
	"slices"
	"strings"
)

func (c *call) capabilities() answer {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	w := writer{[]byte{'{'}}
	w.plain("resourceType", "CapabilityStatement")
	w.plain("status", "active")
	w.plain("date", "2026-09-01")
	w.plain("kind", "instance")
	w.plain("fhirVersion", "4.0.1")
	w.raw("format", `["application/fhir+json","json"]`)
	w.raw("software", `{"name":"crflink synth"}`)
	w.array("rest")
	w.object("")
	w.plain("mode", "server")
	w.array("resource")
	types := make([]string, 0, len(c.s.types))
	for typ := range c.s.types {
		types = append(types, typ)
	}
	slices.Sort(types)
	for _, typ := range types {
		c.capability(&w, typ)
	}
	w.endArray()
	w.end()
	w.endArray()
	w.end()
	return answer{status: http.StatusOK, body: w.b}
}

func (c *call) capability(w *writer, typ string) {
	w.object("")
	w.plain("type", typ)
	w.array("interaction")
	for _, code := range []string{"read", "search-type", "update", "delete", "history-type", "history-instance"} {
		if strings.HasPrefix(code, "history") && c.s.faults.script.HistoryOff {
			continue
		}
		w.object("")
		w.plain("code", code)
		w.end()
	}
	w.endArray()
	if strings.HasPrefix(typ, "Medication") && typ != "Medication" {
		w.raw("searchInclude", `["`+typ+`:medication"]`)
	}
	w.array("searchParam")
	for _, name := range append([]string{"_id", "_lastUpdated"}, paramsOf(typ)...) {
		w.object("")
		w.plain("name", name)
		w.plain("type", paramType(name))
		w.end()
	}
	w.endArray()
	w.end()
}

func paramType(name string) string {
	switch name {
	case "patient", "subject", "individual":
		return "reference"
	case "_lastUpdated", "date", "recorded-date", "effective", "authoredon", "effective-time", "authored", "started":
		return "date"
	}
	return "token"
}
