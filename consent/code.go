package consent

import (
	"strconv"
	"strings"
)

// Systems and prefixes of the MII consent module (kerndatensatzmodul-consent, 2026.0.0) and of the HL7 Germany
// consent management guide.
const (
	SystemMII      = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3" // policy codes
	systemResult   = "http://fhir.de/ConsentManagement/CodeSystem/ResultType"
	systemLOINC    = "http://loinc.org"
	prefixPolicy   = "2.16.840.1.113883.3.1937.777.24.5.3."
	prefixDocument = "2.16.840.1.113883.3.1937.777.24.2."
)

// Code is a policy code: what a provision permits or denies.
type Code struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// MII returns the policy code of the MII code system with the number, for example MII(6) for MDAT erheben.
func MII(number int) Code { return Code{SystemMII, prefixPolicy + strconv.Itoa(number)} }

// number returns the last arc of a code of the MII code system, 0 for any other code.
func (c Code) number() int { return arc(c.Code, prefixPolicy) }

// arc returns the one arc behind the prefix, 0 when there is none.
func arc(oid, prefix string) int {
	rest, ok := strings.CutPrefix(oid, prefix)
	if !ok || rest == "" || len(rest) > 6 {
		return 0
	}
	n := 0
	for _, c := range []byte(rest) {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// role is what the document OID of a Consent says about it (code system mii-cs-consent-version-modules).
type role uint8

const (
	roleConsent           role = 1 << iota // any MII document
	roleCompleteWithdrawn                  // Komplettwiderruf: denies everything from its date on
	rolePartialWithdrawn                   // Teilwiderruf
	roleRefusal                            // Ablehnung
	roleMinor                              // parents, guardians, minors
)

// documentRole returns the role that a policy URI or a category code names; `urn:oid:` in front is optional.
func documentRole(uri string) role {
	switch n := arc(strings.TrimPrefix(uri, "urn:oid:"), prefixDocument); n {
	case 0:
		return 0
	case 2718, 2720, 2722:
		return roleConsent | roleCompleteWithdrawn
	case 2719, 2721, 2723:
		return roleConsent | rolePartialWithdrawn
	case 4053, 4054:
		return roleConsent | roleRefusal
	case 3542, 3543, 3544:
		return roleConsent | roleMinor
	}
	return roleConsent
}

// modules lists the codes that a module code stands for: first and last number of each run. A module is never
// permitted as a whole, but denying it denies its codes.
var modules = map[int][][2]int{
	1: {{2, 9}, {37, 37}}, 44: {{45, 47}}, 48: {{49, 49}}, 10: {{11, 13}, {38, 38}}, 14: {{15, 17}, {39, 39}},
	18: {{19, 23}}, 24: {{25, 25}}, 50: {{51, 53}}, 54: {{55, 55}}, 26: {{27, 29}}, 30: {{31, 31}},
	32: {{33, 34}, {40, 43}, {56, 56}}, 35: {{36, 36}}, 57: {{58, 58}}, 59: {{60, 60}}, 61: {{62, 62}}, 63: {{64, 66}},
	67: {{68, 77}}, 78: {{79, 81}}, 82: {{83, 84}}, 85: {{86, 87}}, 88: {{89, 90}}, 91: {{92, 93}}, 94: {{95, 95}},
	96: {{97, 98}}, 99: {{100, 101}}, 102: {{103, 110}}, 111: {{112, 119}}, 120: {{121, 124}},
}

// fiveYears and once list the codes whose period-of-validity in the code system is not P30Y.
var fiveYears = map[int]bool{
	6: true, 15: true, 39: true, 19: true, 21: true, 25: true, 58: true, 60: true, 62: true, 64: true, 71: true, 79: true,
	80: true, 89: true, 90: true, 103: true, 107: true, 112: true, 116: true, 121: true,
}

var once = map[int]bool{11: true, 38: true, 40: true, 33: true, 86: true, 87: true}

// validity returns the years that the MII code system gives a policy code; 0 where it gives none.
func (c Code) validity() int {
	n := c.number()
	switch _, module := modules[n]; {
	case n == 0, n > 124, module, once[n]:
		return 0
	case fiveYears[n]:
		return 5
	}
	return 30
}
