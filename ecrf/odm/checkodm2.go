package odm

// audit checks the place of an AuditRecord: first in its parent, and in version 2.0 behind the data.
func (c *checker) audit() {
	p := c.parent()
	switch {
	case p.name == "AuditRecords":
	case c.two && !p.first("audited"):
		c.problem(RuleOrder, "%s has a second AuditRecord", p.name)
	case c.two && p.seen["annotated"]:
		c.problem(RuleOrder, "an AuditRecord comes after the annotations or queries of %s", p.name)
	case !c.two && p.children > 0:
		c.problem(RuleOrder, "an AuditRecord comes after other parts of %s", p.name)
	}
}

// followsAudit notes, in version 2.0, what comes behind an AuditRecord, and finds what must not.
func (c *checker) followsAudit(e *element) {
	if !c.two {
		return
	}
	p := c.parent()
	switch e.name {
	case "Signature", "Annotation", "Query":
		p.first("annotated")
	case "SubjectData", "StudyEventData", "ItemGroupData", "ItemData", "Value":
		if p.seen["audited"] {
			c.problem(RuleOrder, "%s comes after the AuditRecord of %s", e.name, p.name)
		}
	}
}

// query checks a query of version 2.0.
func (c *checker) query(e *element) {
	oid := e.attributes["OID"]
	if c.queries[oid] {
		c.problem(RuleDuplicate, "two queries have one OID")
	}
	c.queries[oid] = true
	at, err := parseInstant(e.attributes["LastUpdateDatetime"])
	switch {
	case err != nil:
		c.problem(RuleAudit, "the LastUpdateDatetime of a query is not a date and time")
	case !c.created.IsZero() && at.After(c.created):
		c.problem(RuleAudit, "the LastUpdateDatetime of a query is after the file's CreationDateTime")
	}
}

// childValue is the end of a Value of version 2.0.
func (c *checker) childValue(e *element) {
	in := c.parent()
	if in.name != "ItemData" {
		return // of a query
	}
	in.first("value")
	if in.item != nil {
		c.value(in.item, e.text.String())
	}
}

// itemEnds checks, in version 2.0, that an item has either values or IsNull.
func (c *checker) itemEnds(e *element) {
	null := e.attributes["IsNull"] == "Yes"
	switch {
	case !c.two:
	case e.seen["value"] && null:
		c.problem(RuleNull, "item %q has a value and IsNull", e.attributes["ItemOID"])
	case !e.seen["value"] && !null && !c.valueless():
		c.problem(RuleNull, "item %q has neither a value nor IsNull", e.attributes["ItemOID"])
	}
}
