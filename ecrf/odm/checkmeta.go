package odm

import (
	"fmt"
	"maps"
	"strconv"
)

// studyDef is what a Study element defines.
type studyDef struct {
	units    map[string]bool
	versions map[string]*versionDef
}

// versionDef is what a MetaDataVersion element defines.
type versionDef struct {
	events, forms, groups map[string]*containerDef
	items                 map[string]*itemDef
	lists                 map[string]*listDef
	methods, conditions   map[string]bool
	pending               []pendingReference
	open                  bool // includes a version that the document does not have
}

// containerDef is a StudyEventDef, FormDef or ItemGroupDef: what it repeats and holds.
type containerDef struct {
	oid       string
	repeating bool
	children  map[string]bool
}

type itemDef struct {
	oid, dataType  string
	length, digits int // -1 when not given
	list           string
}

type listDef struct {
	dataType string
	codes    map[string]bool
	external bool
}

// pendingReference is a reference that is looked up at the end of its MetaDataVersion.
type pendingReference struct {
	problem Problem
	found   func(*versionDef) bool
}

func newVersion() *versionDef {
	return &versionDef{
		events: map[string]*containerDef{}, forms: map[string]*containerDef{}, groups: map[string]*containerDef{},
		items: map[string]*itemDef{}, lists: map[string]*listDef{}, methods: map[string]bool{}, conditions: map[string]bool{},
	}
}

func (c *checker) startMetadata(e *element) {
	oid := e.attributes["OID"]
	switch e.name {
	case "Study":
		c.study = &studyDef{units: map[string]bool{}, versions: map[string]*versionDef{}}
		c.studies[oid] = c.study
	case "MetaDataVersion":
		c.version = newVersion()
		c.study.add(oid, c.version)
	}
	if c.study == nil {
		return
	}
	switch e.name {
	case "MeasurementUnit":
		c.unique(e, c.study.units[oid])
		c.study.units[oid] = true
	case "MeasurementUnitRef":
		c.unitRef(e)
	}
	if c.version != nil {
		c.startVersion(e, oid)
	}
}

func (s *studyDef) add(oid string, v *versionDef) {
	if s != nil {
		s.versions[oid] = v
	}
}

func (c *checker) startVersion(e *element, oid string) {
	v := c.version
	switch e.name {
	case "Include":
		c.include(e)
	case "MethodDef":
		c.unique(e, v.methods[oid])
		v.methods[oid] = true
	case "ConditionDef":
		c.unique(e, v.conditions[oid])
		v.conditions[oid] = true
	case "StudyEventDef":
		c.container(e, oid, v.events)
	case "FormDef":
		c.container(e, oid, v.forms)
	case "ItemGroupDef":
		c.container(e, oid, v.groups)
	case "StudyEventRef":
		c.ref(e, "StudyEventOID", func(v *versionDef, oid string) bool { return v.events[oid] != nil })
	case "FormRef":
		c.ref(e, "FormOID", func(v *versionDef, oid string) bool { return v.forms[oid] != nil })
	case "ItemGroupRef":
		c.ref(e, "ItemGroupOID", func(v *versionDef, oid string) bool { return v.groups[oid] != nil })
	case "ItemRef":
		c.ref(e, "ItemOID", func(v *versionDef, oid string) bool { return v.items[oid] != nil })
	case "CodeListRef":
		c.ref(e, "CodeListOID", func(v *versionDef, oid string) bool { return v.lists[oid] != nil })
		c.listOfItem(e)
	case "ItemDef":
		c.itemDef(e, oid)
	case "CodeList":
		c.unique(e, v.lists[oid] != nil)
		e.list = &listDef{dataType: e.attributes["DataType"], codes: map[string]bool{}}
		v.lists[oid] = e.list
	case "CodeListItem", "EnumeratedItem":
		c.code(e)
	case "ExternalCodeList":
		if list := c.parent().list; list != nil {
			list.external = true
		}
	}
}

func (c *checker) unique(e *element, taken bool) {
	if taken {
		c.problem(RuleDuplicate, "%s %q is defined twice", e.name, e.attributes["OID"])
	}
}

func (c *checker) container(e *element, oid string, defs map[string]*containerDef) {
	c.unique(e, defs[oid] != nil)
	e.container = &containerDef{oid: oid, repeating: repeatingDef(e.attributes["Repeating"]), children: map[string]bool{}}
	defs[oid] = e.container
}

// repeatingDef: version 2.0 says how item groups repeat, where 1.3 says Yes.
func repeatingDef(s string) bool { return s != "" && s != "No" }

// ref notes a reference inside the MetaDataVersion, whose target may be defined later.
func (c *checker) ref(e *element, attribute string, found func(*versionDef, string) bool) {
	oid := e.attributes[attribute]
	if parent := c.parent(); e.name != "CodeListRef" {
		if !parent.first(e.name + "\x00" + oid) {
			c.problem(RuleDuplicate, "%s %q comes twice in %s", e.name, oid, parent.name)
		}
		if n := e.attributes["OrderNumber"]; n != "" && !parent.first(e.name+" number\x00"+n) {
			c.problem(RuleDuplicate, "OrderNumber %s comes twice in %s %q", n, parent.name, parent.attributes["OID"])
		}
		if parent.container != nil {
			parent.container.children[oid] = true
		}
	}
	c.later(RuleReference, fmt.Sprintf("%s refers to %q, which is not defined", e.name, oid), func(v *versionDef) bool { return found(v, oid) })
	c.furtherRefs(e)
}

// furtherRefs notes what a reference names beside its target.
func (c *checker) furtherRefs(e *element) {
	for _, r := range []struct {
		attribute string
		found     func(*versionDef, string) bool
	}{
		{"MethodOID", func(v *versionDef, oid string) bool { return v.methods[oid] }},
		{"CollectionExceptionConditionOID", func(v *versionDef, oid string) bool { return v.conditions[oid] }},
		{"RoleCodeListOID", func(v *versionDef, oid string) bool { return v.lists[oid] != nil }},
		{"UnitsItemOID", func(v *versionDef, oid string) bool { return v.items[oid] != nil }},
	} {
		if oid := e.attributes[r.attribute]; oid != "" {
			c.later(RuleReference, fmt.Sprintf("%s of a %s is %q, which is not defined", r.attribute, e.name, oid), func(v *versionDef) bool { return r.found(v, oid) })
		}
	}
}

// later notes a problem that there is unless the whole MetaDataVersion says otherwise.
func (c *checker) later(rule Rule, message string, fine func(*versionDef) bool) {
	line, col := c.decoder.InputPos()
	c.version.pending = append(c.version.pending, pendingReference{Problem{line, col, rule, message}, fine})
}

// listOfItem notes the code list of an item, whose type must be the item's.
func (c *checker) listOfItem(e *element) {
	item := c.parent().item
	if item == nil {
		return
	}
	item.list = e.attributes["CodeListOID"]
	c.later(RuleDefinition, fmt.Sprintf("item %q is of type %s, and its code list %q of another", item.oid, item.dataType, item.list), func(v *versionDef) bool {
		list := v.lists[item.list]
		return list == nil || list.dataType == item.dataType || isText(list.dataType) && isText(item.dataType)
	})
}

func isText(dataType string) bool { return dataType == "text" || dataType == "string" }

func (c *checker) resolve() {
	for _, p := range c.version.pending {
		if !c.version.open && !p.found(c.version) && len(c.problems) < MaxProblems {
			c.problems = append(c.problems, p.problem)
		}
	}
	c.version.pending = nil
	c.version = nil
}

// include takes over what an earlier MetaDataVersion defines.
func (c *checker) include(e *element) {
	study := c.studies[e.attributes["StudyOID"]]
	if study == nil || study.versions[e.attributes["MetaDataVersionOID"]] == nil {
		c.version.open = true
		return
	}
	from := study.versions[e.attributes["MetaDataVersionOID"]]
	maps.Copy(c.version.events, from.events)
	maps.Copy(c.version.forms, from.forms)
	maps.Copy(c.version.groups, from.groups)
	maps.Copy(c.version.items, from.items)
	maps.Copy(c.version.lists, from.lists)
}

func (c *checker) itemDef(e *element, oid string) {
	c.unique(e, c.version.items[oid] != nil)
	item := &itemDef{oid: oid, dataType: e.attributes["DataType"], length: number(e.attributes["Length"]), digits: number(e.attributes["SignificantDigits"])}
	e.item = item
	c.version.items[oid] = item
	switch {
	case c.two: // no type needs a length
	case isText(item.dataType) && item.length < 0:
		c.problem(RuleDefinition, "item %q is a %s and has no Length", oid, item.dataType)
	case item.dataType == "float" && (item.length < 0 || item.digits < 0):
		c.problem(RuleDefinition, "item %q is a float and needs both Length and SignificantDigits", oid)
	case item.dataType != "float" && item.digits >= 0:
		c.problem(RuleDefinition, "item %q has SignificantDigits and is no float", oid)
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func (c *checker) code(e *element) {
	list := c.parent().list
	if list == nil {
		return
	}
	code := e.attributes["CodedValue"]
	if list.codes[code] {
		c.problem(RuleDuplicate, "a code comes twice in code list %q", c.parent().attributes["OID"])
	}
	list.codes[code] = true
	if !lexical(list.dataType, code) {
		c.problem(RuleType, "a code of code list %q is no %s", c.parent().attributes["OID"], list.dataType)
	}
	if n := e.attributes["OrderNumber"]; n != "" && !c.parent().first("number\x00"+n) {
		c.problem(RuleDuplicate, "OrderNumber %s comes twice in code list %q", n, c.parent().attributes["OID"])
	}
}

func (c *checker) unitRef(e *element) {
	if c.study != nil && !c.study.units[e.attributes["MeasurementUnitOID"]] {
		c.problem(RuleReference, "MeasurementUnitRef refers to %q, which is not defined", e.attributes["MeasurementUnitOID"])
	}
}

// rangeCheck is the end of a RangeCheck: only a list of values may have more than one.
func (c *checker) rangeCheck(e *element) {
	if comparator := e.attributes["Comparator"]; e.count > 1 && comparator != "IN" && comparator != "NOTIN" {
		c.problem(RuleDefinition, "a RangeCheck with comparator %s has %d values to compare with", comparator, e.count)
	}
}

// checkValue is the end of a range check's bound.
func (c *checker) checkValue(e *element) {
	c.parent().count++
	def := c.within("ItemDef")
	if def == nil || def.item == nil {
		return
	}
	if !lexical(def.item.dataType, e.text.String()) {
		c.problem(RuleType, "a CheckValue of item %q is no %s", def.item.oid, def.item.dataType)
	}
}
