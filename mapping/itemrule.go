package mapping

import (
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ucum"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// rule compiles the rule of an item. The items of a repeating form read the resource of its repeat rule.
func (c *compiler) rule(f *ecrf.Form, s ruleSpec, repeats *repeat) *rule {
	item := f.Item(s.name)
	if item == nil {
		c.atKey(s.at, finding.DidYouMean(s.name, f.ItemNames()), "form %q has no item %q", f.Name, s.name)
		return nil
	}
	r := &rule{id: f.Name + "." + s.name, at: s.place(), item: item, optional: s.optional.Bool()}
	c.unit(s, item)
	if s.derive.Exists() {
		s.only("a derived item is computed from events and items", "derive")
		c.deriving = s.name
		r.derive = c.derivation(s.derive, f)
		c.derivedItem(s, r)
		return r
	}
	types := c.source(s, r, repeats)
	if types == nil {
		return r // the resource is wrong, and that has been said
	}
	r.days = c.daysRule(s.days, types)
	r.value = c.expression(s.value, types)
	c.checkSource(s, r)
	c.conversion(s, r)
	c.fits(s.value, r)
	c.unitsFit(s.value, r)
	return r
}

// source reads where the rule's values come from and returns the resource types.
func (c *compiler) source(s ruleSpec, r *rule, repeats *repeat) []string {
	if s.imaging.Exists() {
		s.imaging.OneOf("study-uid")
		r.studyUID = true
	}
	if repeats != nil {
		s.only("an item of a repeating form sees the resource of its instance only",
			"value", "map", "molar-mass", "factor", "activity", "comparator", "qualifier", "days", "imaging", "optional")
		r.choose.kind = chooseOnly
		return repeats.types
	}
	r.selector = c.selector(s)
	r.choose = c.choice(s.choose, s.ties)
	c.choosable(s, r)
	if k := r.choose.kind; (k == chooseMean || k == chooseList) && (s.days.Exists() || r.studyUID) {
		s.choose.Errorf("choose first, last or nearest", "%s is made of values", k)
	}
	return r.types
}

// only reports the parts of a rule that would have no effect.
func (s ruleSpec) only(why string, allowed ...string) {
	for _, name := range rulePartNames {
		if v, ok := s.parts[name]; ok && !slices.Contains(allowed, name) {
			v.Errorf("leave it out", "%s has no effect here: %s", name, why)
		}
	}
}

// checkSource reports a rule that says not, or twice, what the value is.
func (c *compiler) checkSource(s ruleSpec, r *rule) {
	counts := r.choose.kind == chooseExists || r.choose.kind == chooseCount
	given := 0
	for _, is := range []bool{s.value.Exists(), s.days.Exists(), r.studyUID, counts} {
		if is {
			given++
		}
	}
	const hint = "one of value, days, imaging, derive, or choose: exists or count"
	switch {
	case given == 0:
		c.atKey(s.at, hint, "the rule does not say what the item's value is")
	case given > 1:
		c.atKey(s.at, hint, "the rule says %d times what the item's value is", given)
	}
}

// choosable checks that the choice can be made of the item's values.
func (c *compiler) choosable(s ruleSpec, r *rule) {
	list := c.dictionary.CodeList(r.item.CodeList)
	switch t := r.item.Type; r.choose.kind {
	case chooseMin, chooseMax:
		if !numeric(t) && !dated(t) {
			s.choose.Errorf("choose first, last or nearest", "values of type %s have no %s", t, r.choose.kind)
		}
	case chooseExists:
		if t != ecrf.Boolean && t != ecrf.Integer && (list == nil || !slices.Contains(list.Values(), "0") || !slices.Contains(list.Values(), "1")) {
			s.choose.Errorf("give the item type boolean, or a code list with 0 and 1", "exists gives 0 or 1, which the item cannot hold")
		}
	case chooseMean:
		if !numeric(t) || s.codes.Exists() {
			s.choose.Errorf("give the item type decimal, and no map", "mean gives a number, which the item cannot hold")
		}
	case chooseList:
		if t != ecrf.Text {
			s.choose.Errorf("give the item type text", "list gives a text, which the item cannot hold")
		}
	case chooseCount:
		if t != ecrf.Integer {
			s.choose.Errorf("give the item type integer", "count gives a whole number, which the item cannot hold")
		}
	}
}

func numeric(t ecrf.Type) bool { return t == ecrf.Integer || t == ecrf.Decimal }

func dated(t ecrf.Type) bool { return t == ecrf.Date || t == ecrf.PartialDate || t == ecrf.DateTime }

// unit checks the unit that the dictionary gives the item.
func (c *compiler) unit(s ruleSpec, item *ecrf.Item) {
	if item.Unit == "" {
		return
	}
	if err := ucum.Validate(item.Unit); err != nil {
		c.atKey(s.at, "mend the unit in the dictionary", "the unit of item %s: %v", item.Name, err)
	}
}

// counted checks an item that holds a number of days or years.
func (c *compiler) counted(at yamldoc.Value, item *ecrf.Item, unit string) {
	switch {
	case item.Type != ecrf.Integer:
		at.Errorf("give the item type integer", "the rule gives a whole number, which item %s of type %s cannot hold", item.Name, item.Type)
	case item.Unit != "" && item.Unit != unit:
		at.Errorf("give the item the unit "+unit, "the rule counts in %s, item %s in %s", unit, item.Name, item.Unit)
	}
}

// conversion checks how the source's value becomes the item's.
func (c *compiler) conversion(s ruleSpec, r *rule) {
	if counts := r.choose.kind == chooseExists || r.choose.kind == chooseCount; counts || r.days != nil || r.studyUID {
		s.only("the rule takes no value of the source that could be converted",
			"resource", "where", "value", "date", "window", "choose", "ties", "days", "imaging", "include", "optional")
		if r.days != nil {
			c.counted(s.days, r.item, "d")
		}
		return
	}
	if s.codes.Exists() {
		r.codes = c.codeMap(s.codes, r.item)
	}
	if !numeric(r.item.Type) {
		s.only("the item is no number", "resource", "where", "value", "date", "map", "window", "choose", "ties", "include", "optional")
		return
	}
	policy := s.compare.OneOf(comparatorPolicies...)
	r.number = &numberRule{
		unit: r.item.Unit, decimals: r.item.Decimals, limits: policy != "missing", keeps: policy == "keep", spellings: c.units,
	}
	if r.number.keeps && r.choose.kind == chooseMean {
		s.compare.Errorf("write limit or missing", "a mean has no comparator that could be kept")
	}
	if s.factor.Exists() {
		r.number.factors = c.factors(s.factor, r.item)
		for _, other := range []yamldoc.Value{s.molarMass, s.activity} {
			if other.Exists() {
				other.Errorf("leave it out", "%s has no effect beside factor", other.Key())
			}
		}
	}
	if s.activity.Exists() {
		s.activity.OneOf("pet")
		r.number.petActivity = true
		if !ucum.Commensurable(r.item.Unit, "MBq") {
			s.activity.Errorf("give the item a unit such as MBq", "an activity does not convert into the item's unit %q", r.item.Unit)
		}
	}
	if s.molarMass.Exists() {
		r.number.molarMass = c.molarMass(s.molarMass, r.item)
	}
}

// comparatorPolicies say what a value such as <5 is.
var comparatorPolicies = []string{"missing", "limit", "keep"}

func (c *compiler) codeMap(v yamldoc.Value, item *ecrf.Item) *codeMap {
	name := v.Text()
	m, ok := c.maps[name]
	if !ok {
		v.Errorf(finding.DidYouMean(name, slices.Collect(maps.Keys(c.maps))), "unknown code map %q", name)
		return nil
	}
	c.used["map "+name] = true
	if list := c.dictionary.CodeList(item.CodeList); list != nil {
		m.checkAgainst(v, name, list.Values(), c.warn)
	}
	return m
}

func (c *compiler) molarMass(v yamldoc.Value, item *ecrf.Item) *apd.Decimal {
	d, _, err := apd.NewFromString(v.Text())
	if err != nil || d.Form != apd.Finite || d.Sign() <= 0 {
		v.Errorf("the molar mass in g/mol, for example 113.12 for creatinine", "not a molar mass")
		return nil
	}
	if !ucum.Commensurable(item.Unit, "g/L") && !ucum.Commensurable(item.Unit, "mol/L") {
		v.Errorf("give the item a unit such as mg/dL or umol/L, or leave molar-mass out",
			"neither a mass nor a substance concentration converts into the item's unit %q", item.Unit)
	}
	return d
}
