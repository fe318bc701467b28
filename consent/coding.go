package consent

import "github.com/crflink/crflink/fhir"

// permittedCodes returns the codes that matter; readable is false when some coding lacks its system or code.
func (e *evaluation) permittedCodes(n fhir.Node) (codes uint64, readable bool) {
	readable = n.Kind() == fhir.Array || n.Kind() == fhir.Object
	var named codings
	for concepts := each(n); concepts.Exists(); concepts.step() {
		concept := concepts.Node
		list := concept.Get("coding")
		readable = readable && list.First().Exists()
		for codings := each(list); codings.Exists(); codings.step() {
			coding := codings.Node
			c := readCoding(coding)
			named.note(c)
			mask, known := e.policy.permits[c]
			codes |= mask
			if !known && (c.System == "" || c.Code == "") {
				readable = false
			}
		}
	}
	e.warnUnmapped(named, codes)
	return codes, readable
}

// codings remembers which systems a provision's codes are of.
type codings struct{ mii, local bool }

func (s *codings) note(c Code) {
	s.mii = s.mii || c.System == SystemMII
	s.local = s.local || c.System != SystemMII && c.System != ""
}

// warnUnmapped remarks on a provision that only a local system names and that no site code maps.
func (e *evaluation) warnUnmapped(s codings, codes uint64) {
	if codes == 0 && s.local && !s.mii {
		e.warn |= UnmappedCode
	}
}

// readCoding reads system and code; what is not text counts as missing.
func readCoding(n fhir.Node) Code {
	var c Code
	if system := n.Get("system"); system.Kind() == fhir.String {
		c.System = system.Text()
	}
	if code := n.Get("code"); code.Kind() == fhir.String {
		c.Code = code.Text()
	}
	return c
}

// deniedCodes returns what a deny denies. A code that cannot be read may be any: then it denies everything, in doubt.
// MII codes are OIDs and mean the same under any system.
func (e *evaluation) deniedCodes(n fhir.Node) (codes uint64, doubt bool) {
	doubt = n.Kind() != fhir.Array && n.Kind() != fhir.Object || !n.First().Exists()
	var named codings
	for concepts := each(n); concepts.Exists(); concepts.step() {
		concept := concepts.Node
		list := concept.Get("coding")
		doubt = doubt || !list.First().Exists()
		for codings := each(list); codings.Exists(); codings.step() {
			coding := codings.Node
			c := readCoding(coding)
			mask := e.policy.denies[c] | e.policy.byOID[c.Code]
			named.note(c)
			codes |= mask
			if mask == 0 && (c.System == "" || c.Code == "") {
				doubt = true
			}
		}
	}
	e.warnUnmapped(named, codes)
	if doubt {
		codes = e.policy.all
	}
	return codes, doubt
}

// elements walks an array, or the one element that is not in an array, without allocating.
type elements struct {
	fhir.Node
	list bool
}

func each(n fhir.Node) elements {
	if n.Kind() == fhir.Array {
		return elements{n.First(), true}
	}
	return elements{n, false}
}

func (e *elements) step() {
	if e.list {
		e.Node = e.Next()
	} else {
		e.Node = fhir.Node{}
	}
}
