package fhirpath

// Of makes a value of one of FHIRPath's own types from its text, for the variables of an Env: "true", "42", "1.50",
// "2024-05", "2024-05-01T10:00:00Z", or any String. ok is false when the text is not of the kind, and for kinds that a
// text alone does not make.
func Of(kind Kind, text string) (v Value, ok bool) {
	switch kind {
	case Boolean:
		return booleanValue(text == "true"), text == "true" || text == "false"
	case Integer, Long, Decimal:
		return numberOf(text, kind)
	case String, Date, DateTime, Time:
		v, _ = textOf(text, kind)
		return v, v.kind == kind
	}
	return Value{}, false
}
