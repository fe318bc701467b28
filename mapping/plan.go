package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// Demand is what a mapping needs of one resource type. A source may leave out what it does not ask for.
type Demand struct {
	Type string
	// Any lists elements with codes: a resource is needed only if it meets one of them. It is empty where every resource of
	// the type may be needed.
	Any []fhir.Criterion
	// Why says, where Any is empty, why every resource may be needed.
	Why string
}

// demands is what the compiler notes of the mapping's needs, by type.
type demands struct {
	asked     map[string][][]fhir.Criterion // of each selector: the criteria of which its resources meet each one
	followed  map[string]bool               // references lead there
	anywhere  bool                          // references lead to what is not known
	unlimited map[string]bool               // selected without a code
}

func newDemands() demands {
	return demands{asked: map[string][][]fhir.Criterion{}, followed: map[string]bool{}, unlimited: map[string]bool{}}
}

// ask notes a selector of the type with its condition, which may be nil.
func (c *compiler) ask(typ string, where *expression) {
	var criteria []fhir.Criterion
	if where != nil && where.byType[typ] != nil {
		criteria = c.criteria(typ, where.byType[typ])
	}
	if len(criteria) == 0 {
		c.demands.unlimited[typ] = true
		return
	}
	c.demands.asked[typ] = append(c.demands.asked[typ], criteria)
}

// follow notes where the references that an expression resolves may lead.
func (c *compiler) follow(x *fhirpath.Expr) {
	for _, typ := range x.Resolved() {
		c.demands.followed[typ] = true
		c.demands.anywhere = c.demands.anywhere || !isResourceType(typ)
	}
}

// criteria returns those of a condition's requirements that a search can ask for. Each of them holds for every resource that
// meets the condition.
func (c *compiler) criteria(typ string, x *fhirpath.Expr) []fhir.Criterion {
	var all []fhir.Criterion
	for _, r := range x.Requires() {
		element := r.Path[0]
		codes, ok := c.requiredCodes(r)
		if parameter := fhir.CodeParameter(typ, element); ok && parameter != "" {
			all = append(all, fhir.Criterion{Parameter: parameter, Element: element, Codes: codes})
		}
	}
	return all
}

// requiredCodes returns the codes of which a requirement wants one; ok is false where it is about something else.
func (c *compiler) requiredCodes(r fhirpath.Requirement) (codes []fhir.Coding, ok bool) {
	below := strings.Join(r.Path[1:], ".")
	if r.List != "" {
		if below != "" && below != "coding" && below != "coding.code" || c.lists[r.List] == nil {
			return nil, false
		}
		return c.lists[r.List].all()
	}
	if below != "coding.code" {
		return nil, false
	}
	for i, text := range r.Texts {
		coding := fhir.Coding{Code: text}
		if r.Systems != nil {
			coding.System = r.Systems[i]
		}
		codes = append(codes, coding)
	}
	return codes, true
}

// all lists the codes whatever their system, because a code without a system is in the list, too; ok is false where the list
// has codes that it does not name.
func (s *codeSet) all() (codes []fhir.Coding, ok bool) {
	for code := range s.anywhere {
		codes = append(codes, fhir.Coding{Code: code})
	}
	for code := range s.bare {
		codes = append(codes, fhir.Coding{Code: code})
	}
	return codes, len(s.prefixes) == 0
}

// Surroundings say what happens to resources between the source and the mapping, as far as it bears on what has to be asked for.
type Surroundings struct {
	// Unchanged reports whether the text at a path, such as Observation.code.coding.code, reaches the mapping as it is
	// written, or not at all.
	Unchanged func(path string) bool
	// ByReference reports whether a resource of the type is there only because another one refers to it.
	ByReference func(typ string) bool
}

// Demands returns what the mapping needs, by type in order. It is never narrower than what the mapping can read: a type that
// references lead to, or of which a rule needs no code, is needed whole; and where a rule selects resources that are there only by reference,
// every type is, because anything may refer to them.
func (m *Mapping) Demands(s Surroundings) []Demand {
	why := ""
	if m.demands.anywhere {
		why = "an expression follows references to resources of any type"
	}
	for _, typ := range slices.Sorted(maps.Keys(m.demands.selected())) {
		if why == "" && s.ByReference(typ) {
			why = "a rule reads " + typ + ", which is there only where another resource refers to it"
		}
	}
	all := make([]Demand, 0, len(m.types))
	for _, typ := range m.types {
		all = append(all, m.demand(typ, why, s))
	}
	return all
}

func (d *demands) selected() map[string]bool {
	all := maps.Clone(d.unlimited)
	for typ := range d.asked {
		all[typ] = true
	}
	return all
}

func (m *Mapping) demand(typ, why string, s Surroundings) Demand {
	d := Demand{Type: typ, Why: why}
	switch {
	case why != "":
	case fhir.IsFact(typ):
		d.Why = "it is read before the decision about consent"
	case fhir.BelongsToPatients(typ) == fhir.Shared:
		d.Why = "it is read where another resource refers to it"
	case m.demands.followed[typ]:
		d.Why = "an expression follows references to it"
	case m.demands.unlimited[typ]:
		d.Why = "a rule asks for no code of it"
	default:
		d.Any = m.united(typ, s)
		if d.Any == nil {
			d.Why = "de-identification changes the codes that rules ask for"
		}
	}
	return d
}

// united joins what the selectors of a type ask for; nil where one of them asks for nothing that is left as it is.
func (m *Mapping) united(typ string, s Surroundings) []fhir.Criterion {
	var all []fhir.Criterion
	for _, criteria := range m.demands.asked[typ] {
		c, ok := best(typ, criteria, s)
		if !ok {
			return nil
		}
		i := slices.IndexFunc(all, func(o fhir.Criterion) bool { return o.Parameter == c.Parameter })
		if i < 0 {
			all = append(all, c)
			continue
		}
		all[i].Codes = append(slices.Clip(all[i].Codes), c.Codes...)
	}
	for i := range all {
		all[i].Codes = sortedCodes(all[i].Codes)
	}
	slices.SortFunc(all, func(a, b fhir.Criterion) int { return strings.Compare(a.Parameter, b.Parameter) })
	return all
}

// best chooses one of the criteria that each hold: code before category, and few codes before many.
func best(typ string, criteria []fhir.Criterion, s Surroundings) (fhir.Criterion, bool) {
	var usable []fhir.Criterion
	for _, c := range criteria {
		path := typ + "." + c.Element + ".coding."
		if !s.Unchanged(path + "code") {
			continue
		}
		if !s.Unchanged(path + "system") {
			c.Codes = withoutSystems(c.Codes)
		}
		usable = append(usable, c)
	}
	if len(usable) == 0 {
		return fhir.Criterion{}, false
	}
	return slices.MinFunc(usable, func(a, b fhir.Criterion) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a.Codes), len(b.Codes)))
	}), true
}

func rank(c fhir.Criterion) int {
	if c.Parameter == "category" {
		return 1
	}
	return 0
}

func withoutSystems(codes []fhir.Coding) []fhir.Coding {
	all := slices.Clone(codes)
	for i := range all {
		all[i].System = ""
	}
	return all
}

// sortedCodes orders codes, and leaves out those of a system that are there for any system, too.
func sortedCodes(codes []fhir.Coding) []fhir.Coding {
	anywhere := map[string]bool{}
	for _, c := range codes {
		anywhere[c.Code] = anywhere[c.Code] || c.System == ""
	}
	all := slices.DeleteFunc(slices.Clone(codes), func(c fhir.Coding) bool { return c.System != "" && anywhere[c.Code] })
	slices.SortFunc(all, func(a, b fhir.Coding) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Code, b.Code))
	})
	return slices.Compact(all)
}
