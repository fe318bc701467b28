package synth

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
)

// call is one request on its way through the server.
type call struct {
	s     *Server
	r     *http.Request
	path  string // below the base
	base  string
	query string
	fault *Fault // what goes wrong with it, nil is nothing
}

// searchParams lists by type what can be searched besides _id and _lastUpdated. Patients are found by `patient` at ImagingStudy and by
// `subject` at Encounter only, as the MII's CapabilityStatements promise.
var searchParams = map[string][]string{
	"Patient":                  {"identifier"},
	"Encounter":                {"subject", "date", "class", "type", "status", "identifier"},
	"Condition":                {"patient", "subject", "code", "recorded-date", "category"},
	"Observation":              {"patient", "subject", "code", "date", "category", "status", "identifier"},
	"Procedure":                {"patient", "subject", "code", "date", "category", "status", "identifier"},
	"MedicationStatement":      {"patient", "subject", "code", "effective", "status"},
	"MedicationRequest":        {"patient", "subject", "code", "authoredon", "status"},
	"MedicationAdministration": {"patient", "subject", "code", "effective-time", "status"},
	"Medication":               {"code", "identifier"},
	"Consent":                  {"patient", "status", "date", "category"},
	"ResearchSubject":          {"individual", "patient", "identifier", "status"},
	"ServiceRequest":           {"patient", "subject", "code", "authored", "status", "identifier"},
	"DiagnosticReport":         {"patient", "subject", "code", "date", "category", "status"},
	"ImagingStudy":             {"patient", "started", "modality", "status", "identifier"},
	"Organization":             {"identifier"},
	"ResearchStudy":            {"identifier", "status"},
}

// otherParams are those of types that are loaded but not generated.
var otherParams = []string{"patient", "subject", "code", "identifier", "status", "date"}

func paramsOf(typ string) []string {
	if list, ok := searchParams[typ]; ok {
		return list
	}
	return otherParams
}

// resultParams are understood everywhere and do not filter.
var resultParams = []string{"_count", "_summary", "_include", "_sort", "_total", "_format", "_pretty"}

// query is a search as understood.
type search struct {
	typ     string
	filters []func(*entry) bool
	from    []*entry // where to look; nil is everything of the type
	indexed bool
	count   int
	summary bool
	include bool
	self    url.Values // what was understood
}

// parseSearch reads the parameters. Unknown ones are left out, as servers do, or refused with `Prefer: handling=strict`.
func (c *call) parseSearch(typ string, values url.Values) (*search, error) {
	q := &search{typ: typ, count: c.s.config.PageSize, self: url.Values{}}
	strict := strings.Contains(c.r.Header.Get("Prefer"), "handling=strict")
	for _, name := range sortedKeys(values) {
		for _, value := range values[name] {
			known, err := c.parseParam(q, name, value)
			if err != nil {
				return nil, err
			}
			if !known && strict {
				return nil, fmt.Errorf("unknown search parameter %q for %s", name, typ)
			}
			if known {
				q.self.Add(name, value)
			}
		}
	}
	return q, nil
}

func sortedKeys(values url.Values) []string {
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (c *call) parseParam(q *search, name, value string) (known bool, err error) {
	name, modifier, _ := strings.Cut(name, ":")
	switch {
	case modifier != "" && modifier != "Patient" || value == "":
		return false, nil
	case name == "_id":
		q.narrow(c.byIDs(q.typ, value))
	case name == "_lastUpdated":
		return true, q.filterUpdated(value)
	case name == "_count":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return false, fmt.Errorf("_count is not a number")
		}
		q.count, q.summary = n, q.summary || n == 0
	case name == "_summary":
		q.summary = q.summary || value == "count"
	case name == "_include":
		q.include = q.include || strings.HasSuffix(value, ":medication") || value == "*"
	case slices.Contains(resultParams, name):
	case !slices.Contains(paramsOf(q.typ), name):
		return false, nil
	default:
		return true, c.filter(q, name, value)
	}
	return true, nil
}

func (q *search) narrow(list []*entry) {
	if q.indexed {
		q.filters = append(q.filters, func(e *entry) bool { return slices.Contains(list, e) })
		return
	}
	q.from, q.indexed = list, true
}

func (c *call) byIDs(typ, value string) (list []*entry) {
	for id := range strings.SplitSeq(value, ",") {
		if e := c.s.find(fhir.Key{Type: typ, ID: id}); e != nil && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list
}

// filter adds the condition of one parameter; values separated by commas are alternatives.
func (c *call) filter(q *search, name, value string) error {
	switch name {
	case "patient", "subject", "individual":
		q.narrow(c.byPatients(q.typ, value))
	case "identifier":
		want := tokens(value)
		q.filters = append(q.filters, func(e *entry) bool { return anyToken(e.index.identifiers, want) })
	case "date", "recorded-date", "effective", "authoredon", "effective-time", "authored", "started":
		holds, err := dateTest(value)
		if err != nil {
			return err
		}
		q.filters = append(q.filters, func(e *entry) bool { return e.index.first != 0 && holds(e.index.first, e.index.last) })
	default:
		want := tokens(value)
		q.filters = append(q.filters, func(e *entry) bool { return anyToken(e.index.tokens[name], want) })
	}
	return nil
}

func (c *call) byPatients(typ, value string) (list []*entry) {
	all := c.s.types[typ]
	if all == nil {
		return nil
	}
	for ref := range strings.SplitSeq(value, ",") {
		if key, ok := fhir.ParseReference(ref).Key(); ok {
			ref = key.String()
		} else {
			ref = "Patient/" + ref
		}
		list = append(list, all.patient[ref]...)
	}
	return list
}

// tokens reads system|code, |code and code alternatives; a system of * stands for any.
func tokens(value string) (list []tokenPair) {
	for v := range strings.SplitSeq(value, ",") {
		if system, code, ok := strings.Cut(v, "|"); ok {
			list = append(list, tokenPair{system, code})
		} else {
			list = append(list, tokenPair{"*", v})
		}
	}
	return list
}

func anyToken(have, want []tokenPair) bool {
	for _, w := range want {
		for _, h := range have {
			if (w.system == "*" || w.system == h.system) && (w.code == "" || w.code == h.code) {
				return true
			}
		}
	}
	return false
}

// dateTest reads a date with a prefix; without one the resource's date must lie within it.
func dateTest(value string) (func(first, last int64) bool, error) {
	prefix, text := "eq", value
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		prefix, text = value[:2], value[2:]
	}
	low, high := instants(text)
	if low == 0 && high == 0 {
		return nil, fmt.Errorf("a date parameter is no date")
	}
	switch prefix {
	case "eq":
		return func(f, l int64) bool { return f >= low && l <= high }, nil
	case "ne":
		return func(f, l int64) bool { return f < low || l > high }, nil
	case "ge":
		return func(_, l int64) bool { return l >= low }, nil
	case "gt", "sa":
		return func(f, l int64) bool { return prefix == "gt" && l > high || f > high }, nil
	case "le":
		return func(f, _ int64) bool { return f <= high }, nil
	case "lt", "eb":
		return func(f, l int64) bool { return prefix == "lt" && f < low || l < low }, nil
	}
	return nil, fmt.Errorf("the prefix of a date parameter is not known")
}

// filterUpdated compares meta.lastUpdated to the millisecond.
func (q *search) filterUpdated(value string) error {
	prefix, text := "eq", value
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		prefix, text = value[:2], value[2:]
	}
	low, high, err := milliseconds(text)
	if err != nil {
		return err
	}
	tests := map[string]func(int64) bool{
		"eq": func(t int64) bool { return t >= low && t <= high }, "ne": func(t int64) bool { return t < low || t > high },
		"ge": func(t int64) bool { return t >= low }, "gt": func(t int64) bool { return t > high }, "sa": func(t int64) bool { return t > high },
		"le": func(t int64) bool { return t <= high }, "lt": func(t int64) bool { return t < low }, "eb": func(t int64) bool { return t < low },
	}
	test := tests[prefix]
	if test == nil {
		return fmt.Errorf("the prefix of _lastUpdated is not known")
	}
	q.filters = append(q.filters, func(e *entry) bool { return test(e.updated) })
	return nil
}

func milliseconds(text string) (low, high int64, err error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		if strings.Contains(text, ".") {
			return t.UnixMilli(), t.UnixMilli(), nil
		}
		return t.UnixMilli(), t.UnixMilli() + 999, nil
	}
	first, last := instants(text)
	if first == 0 && last == 0 {
		return 0, 0, fmt.Errorf("_lastUpdated is no date")
	}
	return first * 1000, last*1000 + 999, nil
}

// run returns the matches; the read lock is held.
func (c *call) run(q *search) []*entry {
	all := c.s.types[q.typ]
	if all == nil {
		return nil
	}
	from := q.from
	if !q.indexed {
		from = all.list
	}
	var found []*entry
	for _, e := range from {
		if !e.deleted && !slices.ContainsFunc(q.filters, func(f func(*entry) bool) bool { return !f(e) }) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, compareEntries)
	return slices.CompactFunc(found, func(a, b *entry) bool { return a == b })
}

// included returns the Medications that matches refer to, each once.
func (c *call) included(found []*entry) (list []*entry) {
	seen := map[string]bool{}
	for _, e := range found {
		for _, id := range e.index.medications {
			if m := c.s.find(fhir.Key{Type: "Medication", ID: id}); m != nil && !m.deleted && !seen[id] {
				seen[id] = true
				list = append(list, m)
			}
		}
	}
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(a.key.ID, b.key.ID) })
	return list
}
