package odm

import (
	"strings"
	"unicode/utf8"
)

func (c *checker) startAdmin(e *element) {
	oid := e.attributes["OID"]
	switch e.name {
	case "User":
		c.unique(e, c.users[oid])
		c.users[oid] = true
	case "Location":
		c.unique(e, c.locations[oid])
		c.locations[oid] = true
	case "SignatureDef":
		c.unique(e, c.signatures[oid])
		c.signatures[oid] = true
	case "MetaDataVersionRef":
		study := c.studies[e.attributes["StudyOID"]]
		if study == nil || study.versions[e.attributes["MetaDataVersionOID"]] == nil {
			c.problem(RuleReference, "a Location refers to a MetaDataVersion that is not defined")
		}
	}
}

func (c *checker) startData(e *element) {
	c.transaction(e)
	c.followsAudit(e)
	switch e.name {
	case "ClinicalData", "ReferenceData":
		c.choose(e)
	case "SubjectData":
		if !c.parent().first(e.attributes["SubjectKey"]) && c.fileType == "Snapshot" {
			c.problem(RuleDuplicate, "a SubjectKey comes twice in ClinicalData of a snapshot")
		}
	case "StudyEventData":
		c.instance(e, "StudyEvent", c.defs(func(v *versionDef) map[string]*containerDef { return v.events }))
	case "FormData":
		c.instance(e, "Form", c.defs(func(v *versionDef) map[string]*containerDef { return v.forms }))
	case "ItemGroupData":
		c.instance(e, "ItemGroup", c.defs(func(v *versionDef) map[string]*containerDef { return v.groups }))
	case "AuditRecord":
		c.audit()
	case "UserRef", "InvestigatorRef":
		c.adminRef(e, "UserOID", c.users)
	case "SignatureRef":
		c.adminRef(e, "SignatureOID", c.signatures)
	case "Query":
		c.query(e)
	case "LocationRef", "SiteRef":
		c.adminRef(e, "LocationOID", c.locations)
	case "MeasurementUnitRef":
		c.unitRef(e)
	case "Annotation":
		if !c.parent().first("annotation\x00" + e.attributes["SeqNum"]) {
			c.problem(RuleDuplicate, "an annotation's SeqNum comes twice in %s", c.parent().name)
		}
	default:
		if e.name == "ItemData" || typedItem(e.name) {
			c.itemData(e)
		}
	}
}

// choose finds the metadata that the data belong to. Without it, only what needs none is checked.
func (c *checker) choose(e *element) {
	c.study, c.version = c.studies[e.attributes["StudyOID"]], nil
	if c.study != nil {
		c.version = c.study.versions[e.attributes["MetaDataVersionOID"]]
	}
	if c.version == nil {
		c.problem(RuleReference, "%s refers to MetaDataVersion %q of study %q, which the document does not define", e.name, e.attributes["MetaDataVersionOID"], e.attributes["StudyOID"])
	}
}

func (c *checker) defs(of func(*versionDef) map[string]*containerDef) map[string]*containerDef {
	if c.version == nil {
		return nil
	}
	return of(c.version)
}

// instance checks a StudyEventData, FormData or ItemGroupData against its definition and its parent's.
func (c *checker) instance(e *element, kind string, defs map[string]*containerDef) {
	oid, key := e.attributes[kind+"OID"], e.attributes[kind+"RepeatKey"]
	if !c.parent().first(kind + "\x00" + oid + "\x00" + key) {
		c.problem(RuleRepeatKey, "%s %q comes twice with the same repeat key", e.name, oid)
	}
	if c.version == nil {
		return
	}
	e.container = defs[oid]
	if e.container == nil {
		if !c.version.open {
			c.problem(RuleReference, "%s refers to %q, which is not defined", e.name, oid)
		}
		return
	}
	c.allowed(e.name, oid)
	_, has := e.attributes[kind+"RepeatKey"]
	switch {
	case e.container.repeating && key == "":
		c.problem(RuleRepeatKey, "%s %q repeats and has no repeat key", e.name, oid)
	case !e.container.repeating && has:
		c.problem(RuleRepeatKey, "%s %q does not repeat and has a repeat key", e.name, oid)
	}
}

// allowed checks that the parent's definition refers to what stands in it.
func (c *checker) allowed(name, oid string) {
	if in := c.parent().container; in != nil && !in.children[oid] {
		c.problem(RuleReference, "%s %q is not allowed in %q", name, oid, in.oid)
	}
}

func (c *checker) itemData(e *element) {
	parent, oid := c.parent(), e.attributes["ItemOID"]
	if !parent.first("item\x00" + oid) {
		c.problem(RuleDuplicate, "item %q comes twice in an item group", oid)
	}
	parent.first("kind\x00" + map[bool]string{true: "typed", false: "untyped"}[typedItem(e.name)])
	if parent.seen["kind\x00typed"] && parent.seen["kind\x00untyped"] && parent.first("mixed") {
		c.problem(RuleDefinition, "an item group mixes typed and untyped item data")
	}
	value, has := e.attributes["Value"]
	null := e.attributes["IsNull"] == "Yes"
	switch {
	case has && null:
		c.problem(RuleNull, "item %q has a value and IsNull", oid)
	case e.name == "ItemData" && !c.two && !has && !null && !c.valueless():
		c.problem(RuleNull, "item %q has neither a value nor IsNull", oid)
	}
	if c.version == nil {
		return
	}
	e.item = c.version.items[oid]
	if e.item == nil {
		if !c.version.open {
			c.problem(RuleReference, "%s refers to item %q, which is not defined", e.name, oid)
		}
		return
	}
	c.allowed(e.name, oid)
	if has {
		c.value(e.item, value)
	}
	if null && typedItem(e.name) {
		e.item = nil // its text is no value
	}
}

// valueless reports whether a transaction of the item needs no value: the data are removed, or only named.
func (c *checker) valueless() bool {
	for i := len(c.stack) - 1; i >= 0; i-- {
		if t := c.stack[i].attributes["TransactionType"]; t != "" {
			return t == "Remove" || t == "Context"
		}
	}
	return false
}

func (c *checker) value(item *itemDef, value string) {
	if !lexical(item.dataType, value) {
		c.problem(RuleType, "a value of item %q is no %s", item.oid, item.dataType)
		return
	}
	if isText(item.dataType) && item.length >= 0 && utf8.RuneCountInString(value) > item.length {
		c.problem(RuleType, "a value of item %q is longer than its Length", item.oid)
	}
	if _, fraction, _ := strings.Cut(value, "."); item.dataType == "float" && item.digits >= 0 && len(fraction) > item.digits {
		c.problem(RuleType, "a value of item %q has more digits behind the point than its SignificantDigits", item.oid)
	}
	if list := c.version.lists[item.list]; list != nil && !list.external && !list.codes[value] {
		c.problem(RuleCode, "a value of item %q is not in code list %q", item.oid, item.list)
	}
}

func (c *checker) transaction(e *element) {
	t := e.attributes["TransactionType"]
	switch {
	case t == "" || t == "Insert":
	case c.fileType == "Snapshot":
		c.problem(RuleTransaction, "%s has transaction %s in a snapshot, which can only insert", e.name, t)
	case c.archival && t == "Upsert":
		c.problem(RuleTransaction, "%s has transaction Upsert in an archival file", e.name)
	}
	if t == "" || e.name == "ItemData" {
		return
	}
	// A removed parent leaves nothing to insert into.
	for i := len(c.stack) - 2; i >= 0; i-- {
		if c.stack[i].attributes["TransactionType"] == "Remove" && t != "Remove" {
			c.problem(RuleTransaction, "%s has transaction %s inside data that are removed", e.name, t)
			return
		}
	}
}

func (c *checker) adminRef(e *element, attribute string, known map[string]bool) {
	if !known[e.attributes[attribute]] {
		c.problem(RuleReference, "%s refers to %q, which AdminData does not have", e.name, e.attributes[attribute])
	}
}

// stamp is the end of a DateTimeStamp.
func (c *checker) stamp(e *element) {
	at, err := parseInstant(e.text.String())
	switch {
	case err != nil:
		c.problem(RuleAudit, "a DateTimeStamp is not a date and time")
	case !c.created.IsZero() && at.After(c.created):
		c.problem(RuleAudit, "a DateTimeStamp is after the file's CreationDateTime")
	}
}

// flag is the end of a FlagValue or FlagType.
func (c *checker) flag(e *element) {
	if c.version == nil {
		return
	}
	oid := e.attributes["CodeListOID"]
	list := c.version.lists[oid]
	switch {
	case list == nil && !c.version.open:
		c.problem(RuleReference, "%s refers to code list %q, which is not defined", e.name, oid)
	case list != nil && !list.external && !list.codes[e.text.String()]:
		c.problem(RuleCode, "a %s is not in code list %q", e.name, oid)
	}
}
