package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// itemExpression is a FHIRPath expression over the items of the form instance, as %item.
type itemExpression struct {
	expr  *fhirpath.Expr
	items []string
}

// deriveParts are the keys of derive.
var deriveParts = []string{"days", "age", "expression"}

func (c *compiler) derivation(v yamldoc.Value, f *ecrf.Form) derivation {
	parts := v.Fields(deriveParts...)
	if len(parts) != 1 {
		v.Errorf("one of days, age, expression", "a derived item has exactly one rule")
		return derivation{}
	}
	var d derivation
	if p := parts["days"]; p.Exists() {
		d.days = c.itemDays(p, f)
	}
	if p := parts["age"]; p.Exists() {
		c.authorised(p, "Patient.birthDate")
		d.age = &ageRule{}
		if at, ok := need(p, p.Fields("at"), "at", "age: {at: EVENT}"); ok {
			d.age.at = c.eventName(at)
		}
	}
	if p := parts["expression"]; p.Exists() {
		d.expr = c.itemExpression(p, f)
	}
	return d
}

func (c *compiler) eventName(v yamldoc.Value) string {
	name := v.Text()
	if !slices.Contains(c.events, name) {
		v.Errorf(finding.DidYouMean(name, c.events), "unknown event %q", name)
	}
	return name
}

// itemDays reads days between two moments, each an event or a date item of the form.
func (c *compiler) itemDays(v yamldoc.Value, f *ecrf.Form) *daysRule {
	parts := v.Fields("from", "to")
	return &daysRule{from: c.moment(v, parts, "from", f), to: c.moment(v, parts, "to", f)}
}

func (c *compiler) moment(at yamldoc.Value, parts map[string]yamldoc.Value, end string, f *ecrf.Form) string {
	v, ok := need(at, parts, end, "days: {from: EVENT_OR_ITEM, to: EVENT_OR_ITEM}")
	if !ok {
		return ""
	}
	name := v.Text()
	if slices.Contains(c.events, name) {
		return name
	}
	if item := f.Item(name); item != nil && item.Type == ecrf.Date {
		return name
	}
	if strings.Contains(name, ".") {
		c.otherDate(v, name, f)
		return name
	}
	possible := slices.Clone(c.events)
	for _, item := range f.Items {
		if item.Type == ecrf.Date {
			possible = append(possible, item.Name)
		}
	}
	v.Errorf(finding.DidYouMean(name, possible), "%q is neither an event nor a date item of the form", name)
	return name
}

// otherDate checks a date item of another form.
func (c *compiler) otherDate(v yamldoc.Value, name string, f *ecrf.Form) {
	item, why, hint := c.otherItem(name)
	switch {
	case why != "":
		v.Errorf(hint, "%s", why)
	case item.Type != ecrf.Date:
		v.Errorf("", "item %s is no date", name)
	default:
		c.crossing = append(c.crossing, crossing{at: v, to: name, user: f.Name + "." + c.deriving})
	}
}

// daysRule reads days from an event to a date of the candidate.
func (c *compiler) daysRule(v yamldoc.Value, types []string) *daysRule {
	if !v.Exists() {
		return nil
	}
	const hint = "days: {from: EVENT, to: EXPRESSION}"
	parts := v.Fields("from", "to")
	d := &daysRule{}
	if from, ok := need(v, parts, "from", hint); ok {
		d.from = c.eventName(from)
	}
	if to, ok := need(v, parts, "to", hint); ok {
		d.toDate = c.date(to, types)
	}
	return d
}

// focusType is the type of the focus of expressions over items. They have no need of one, but then a forgotten % would
// be an element that is never there.
const focusType = "Patient"

// itemExpression compiles an expression over items. Every %name in it that is an item of the form, and every %`form.item`
// of a single form, becomes a variable of the item's type.
func (c *compiler) itemExpression(v yamldoc.Value, f *ecrf.Form) *itemExpression {
	if name := c.twofold(v.Text(), f); name != "" {
		v.Errorf("rename the name, parameter or expression at the top of the file",
			"%%%s is an item of the form and also a name, parameter or expression of the file", name)
		return nil
	}
	expanded, origins := c.file.expand(v, c.used)
	c.calendarDay(expanded, origins)
	c.movedDays(expanded, origins)
	c.knownUnits(expanded, origins)
	e := &itemExpression{}
	types, bad := maps.Clone(c.variables), false
	for _, w := range words(expanded) {
		name, ok := w.variable()
		if !ok || slices.Contains(e.items, name) {
			continue
		}
		item := f.Item(name)
		if strings.Contains(name, ".") {
			if item = c.crossed(w, name, origins, f); item == nil {
				bad = true
			}
		}
		if item != nil {
			e.items = append(e.items, name)
			types[name] = fhirpath.Type{Names: []string{"System." + variableKind(item).String()}}
		}
	}
	if bad {
		return nil
	}
	compiled, err := fhirpath.Compile(expanded, fhirpath.Options{Type: focusType, Variables: types, CodeLists: c.codeList})
	if err != nil {
		c.report(expanded, origins, err)
		return nil
	}
	e.expr = compiled
	c.usesAsOf = c.usesAsOf || usesAsOf(compiled.String())
	c.seen(&expression{byType: map[string]*fhirpath.Expr{focusType: compiled}}, expanded, origins)
	return e
}

// crossed notes the use of an item of another form; nil and a finding when there is none such.
func (c *compiler) crossed(w word, name string, origins []origin, f *ecrf.Form) *ecrf.Item {
	from := origins[w.at]
	item, why, hint := c.otherItem(name)
	if why != "" {
		c.at(from, hint, "%s", why)
		return nil
	}
	c.crossing = append(c.crossing, crossing{at: from.scalar, to: name, user: f.Name + "." + c.deriving})
	return item
}

// twofold returns a %name in the text that is an item and would be replaced by something else.
func (c *compiler) twofold(text string, f *ecrf.Form) string {
	for _, w := range words(text) {
		name, ok := w.variable()
		if !ok || f.Item(name) == nil {
			continue
		}
		_, named := c.file.names[name]
		_, expressed := c.file.expressions[name]
		if named || expressed || c.file.parameters[name] != nil {
			return name
		}
	}
	return ""
}

// order puts derived rules behind the rules whose items they use, and reports those that use each other.
func (c *compiler) order(s formSpec, rules []*rule) {
	c.filledBefore(s, rules)
	placed := map[string]bool{}
	pending := slices.Clone(rules)
	sorted := rules[:0]
	for len(pending) > 0 {
		i := slices.IndexFunc(pending, func(r *rule) bool {
			return !slices.ContainsFunc(r.uses(), func(name string) bool {
				return !placed[name] && slices.ContainsFunc(pending, func(p *rule) bool { return p.item.Name == name })
			})
		})
		if i < 0 {
			c.atKey(s.item(pending[0].item.Name).at, "", "the derived items %s use each other in a circle", names(pending))
			return
		}
		placed[pending[i].item.Name] = true
		sorted = append(sorted, pending[i])
		pending = slices.Delete(pending, i, i+1)
	}
}

// filledBefore reports derived items that use an item without a rule: they would always be empty.
func (c *compiler) filledBefore(s formSpec, rules []*rule) {
	for _, r := range rules {
		for _, name := range r.derive.uses() {
			if name != "" && !strings.Contains(name, ".") && !slices.Contains(c.events, name) && !s.fills(name) && c.dictionary.Form(s.name).Item(name) != nil {
				c.atKey(s.item(r.item.Name).at, "write a rule for "+name, "no rule fills item %s, which %s is derived from", name, r.item.Name)
			}
		}
	}
}

// uses returns the names of items, and of events, that a derivation needs.
func (d derivation) uses() []string {
	switch {
	case d.days != nil:
		return []string{d.days.from, d.days.to}
	case d.expr != nil:
		return d.expr.items
	}
	return nil
}

// derivedItem checks that the item can hold what is derived, and that what is used has a rule.
func (c *compiler) derivedItem(s ruleSpec, r *rule) {
	switch {
	case r.derive.days != nil:
		c.counted(s.derive, r.item, "d")
	case r.derive.age != nil:
		c.counted(s.derive, r.item, "a")
	case r.derive.expr != nil:
		c.typeFits(s.derive, r, r.derive.expr.expr.Type().Names)
		if numeric(r.item.Type) {
			r.number = &numberRule{decimals: r.item.Decimals}
		}
	}
}

// names lists the items of rules.
func names(rules []*rule) string {
	var all []string
	for _, r := range rules {
		all = append(all, r.item.Name)
	}
	return strings.Join(all, ", ")
}

func (s formSpec) item(name string) ruleSpec {
	return s.items[slices.IndexFunc(s.items, func(r ruleSpec) bool { return r.name == name })]
}

// names returns the types that the expression may give, for any of its resource types; none when that is unknown.
func (e *expression) names() []string {
	if e == nil {
		return nil
	}
	var all []string
	for _, x := range e.byType {
		t := x.Type().Names
		if len(t) == 0 {
			return nil
		}
		all = append(all, t...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// variableKind is the FHIRPath type of an item's value.
func variableKind(item *ecrf.Item) fhirpath.Kind {
	switch item.Type {
	case ecrf.Integer:
		return fhirpath.Integer
	case ecrf.Decimal:
		return fhirpath.Decimal
	case ecrf.Date, ecrf.PartialDate:
		return fhirpath.Date
	case ecrf.DateTime:
		return fhirpath.DateTime
	case ecrf.Boolean:
		return fhirpath.Boolean
	case ecrf.Text, ecrf.Choice:
	}
	return fhirpath.String
}
