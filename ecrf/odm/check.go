package odm

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Rule names what a problem is about.
type Rule string

// The rules that Check knows. All are of the text of the ODM specification; the schema checks none of them, or only a part.
const (
	RuleReference   Rule = "reference"   // an OID that nothing has, or that is not allowed at this place
	RuleDuplicate   Rule = "duplicate"   // an OID, key, code or number that comes twice
	RuleRepeatKey   Rule = "repeat-key"  // missing on what repeats, present on what does not, or not unique
	RuleType        Rule = "type"        // a text that is not of its data type, or longer than its length
	RuleCode        Rule = "code"        // a value that is not in its code list
	RuleDefinition  Rule = "definition"  // an item without the length or digits that its type needs
	RuleNull        Rule = "null"        // a value together with IsNull, or neither
	RuleTransaction Rule = "transaction" // a transaction that the kind of file cannot have
	RuleAudit       Rule = "audit"       // an audit time after the file's creation, or an unreadable one
	RuleOrder       Rule = "order"       // an element after those that it must precede
)

// Problem is one violation. Line and Col are where the element ends its start tag or its text. The message names OIDs and
// element names of the metadata, never a value, key or text of the data.
type Problem struct {
	Line, Col int
	Rule      Rule
	Message   string
}

func (p Problem) String() string {
	return fmt.Sprintf("%d:%d: %s: %s", p.Line, p.Col, p.Rule, p.Message)
}

// MaxProblems bounds the list of Check: a document with more is not worth more lines.
const MaxProblems = 1000

// Check reads a document of ODM 1.3 or 2.0 and returns what is wrong with it beyond its XML schema, at most 1000 problems in
// document order. The error says that it could not be read to its end: it is not well-formed XML, or not ODM. Memory is
// bounded by the metadata and one subject, but for the set of subject keys.
func Check(r io.Reader) ([]Problem, error) {
	c := &checker{
		decoder: xml.NewDecoder(r), studies: map[string]*studyDef{}, users: map[string]bool{}, locations: map[string]bool{}, signatures: map[string]bool{}, queries: map[string]bool{},
	}
	c.decoder.CharsetReader = charset
	for {
		token, err := c.decoder.Token()
		if errors.Is(err, io.EOF) {
			return c.problems, c.ended()
		}
		if err != nil {
			return c.problems, fmt.Errorf("read the document: %w", err)
		}
		if err := c.token(token); err != nil {
			return c.problems, err
		}
	}
}

// Namespaces of the versions. What stands in another one is an extension, and is passed over.
const (
	namespace1 = "http://www.cdisc.org/ns/odm/v1."
	namespace2 = "http://www.cdisc.org/ns/odm/v2."
)

// element is an open element of the document.
type element struct {
	name       string
	attributes map[string]string
	children   int
	count      int             // of the values of a RangeCheck
	seen       map[string]bool // keys of children, by kind
	text       strings.Builder
	foreign    bool

	container *containerDef // of StudyEventDef … and StudyEventData …
	item      *itemDef
	list      *listDef
}

// first reports whether the key has not been seen among the element's children.
func (e *element) first(key string) bool {
	if e.seen == nil {
		e.seen = map[string]bool{}
	}
	if e.seen[key] {
		return false
	}
	e.seen[key] = true
	return true
}

type checker struct {
	decoder  *xml.Decoder
	problems []Problem
	stack    []*element
	root     bool
	two      bool // of version 2.0

	fileType string
	archival bool
	created  time.Time

	studies          map[string]*studyDef
	study            *studyDef
	version          *versionDef
	users, locations map[string]bool
	signatures       map[string]bool
	queries          map[string]bool
}

func (c *checker) problem(rule Rule, format string, args ...any) {
	if len(c.problems) < MaxProblems {
		line, col := c.decoder.InputPos()
		c.problems = append(c.problems, Problem{line, col, rule, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) ended() error {
	if !c.root {
		return errors.New("read the document: it has no ODM element")
	}
	return nil
}

// parent returns the element that holds the current one; the document itself is an element without name.
func (c *checker) parent() *element {
	if len(c.stack) < 2 {
		return &element{}
	}
	return c.stack[len(c.stack)-2]
}

// within returns the nearest open element of that name, or nil.
func (c *checker) within(name string) *element {
	for i := len(c.stack) - 1; i >= 0; i-- {
		if c.stack[i].name == name {
			return c.stack[i]
		}
	}
	return nil
}

func (c *checker) token(token xml.Token) error {
	switch x := token.(type) {
	case xml.StartElement:
		return c.open(x)
	case xml.CharData:
		if n := len(c.stack); n > 0 && textual(c.stack[n-1]) {
			c.stack[n-1].text.Write(x)
		}
	case xml.EndElement:
		e := c.stack[len(c.stack)-1]
		if !e.foreign {
			c.end(e)
		}
		c.stack = c.stack[:len(c.stack)-1]
	}
	return nil
}

// textual elements hold a text that is checked; all other text is passed over.
func textual(e *element) bool {
	switch e.name {
	case "CheckValue", "FlagValue", "FlagType", "DateTimeStamp", "Value":
		return true
	}
	return typedItem(e.name)
}

func typedItem(name string) bool { return strings.HasPrefix(name, "ItemData") && name != "ItemData" }

func (c *checker) open(x xml.StartElement) error {
	e := &element{name: x.Name.Local, attributes: make(map[string]string, len(x.Attr))}
	if !c.root {
		c.root, c.two = true, strings.HasPrefix(x.Name.Space, namespace2)
		if x.Name.Local != "ODM" || !c.ours(x.Name.Space) {
			return fmt.Errorf("read the document: its first element is not ODM of a namespace %s… or %s…", namespace1, namespace2)
		}
	}
	for _, a := range x.Attr {
		if a.Name.Space == "" {
			e.attributes[a.Name.Local] = a.Value
		}
	}
	e.foreign = !c.ours(x.Name.Space)
	if e.foreign {
		e.name = ""
	}
	c.stack = append(c.stack, e)
	if !e.foreign {
		c.start(e)
		c.parent().children++
	}
	return nil
}

// ours reports whether an element of the namespace is of the version of ODM that the document is written in.
func (c *checker) ours(space string) bool {
	if c.two {
		return strings.HasPrefix(space, namespace2)
	}
	return strings.HasPrefix(space, namespace1)
}

func (c *checker) start(e *element) {
	switch {
	case e.name == "ODM":
		c.file(e)
	case c.within("ClinicalData") != nil || c.within("ReferenceData") != nil:
		c.startData(e)
	case c.within("AdminData") != nil:
		c.startAdmin(e)
	default:
		c.startMetadata(e)
	}
}

func (c *checker) end(e *element) {
	switch e.name {
	case "CheckValue":
		c.checkValue(e)
	case "FlagValue", "FlagType":
		c.flag(e)
	case "DateTimeStamp":
		c.stamp(e)
	case "Value":
		c.childValue(e)
	case "ItemData":
		c.itemEnds(e)
	case "RangeCheck":
		c.rangeCheck(e)
	case "MetaDataVersion":
		if c.version != nil {
			c.resolve()
		}
	}
	if typedItem(e.name) && e.item != nil {
		c.value(e.item, e.text.String())
	}
}

func (c *checker) file(e *element) {
	c.fileType, c.archival = e.attributes["FileType"], e.attributes["Archival"] == "Yes" || e.attributes["Context"] == "Archive"
	if prior := e.attributes["PriorFileOID"]; prior != "" && prior == e.attributes["FileOID"] {
		c.problem(RuleReference, "the file names itself as the one before it")
	}
	created, err := parseInstant(e.attributes["CreationDateTime"])
	if err != nil {
		c.problem(RuleAudit, "CreationDateTime is not a date and time")
	}
	c.created = created
	if c.archival && c.fileType == "Snapshot" {
		c.problem(RuleTransaction, "an archival file is Transactional")
	}
}

// parseInstant reads an xs:dateTime. Without a zone it counts as UTC.
func parseInstant(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Parse("2006-01-02T15:04:05", s)
}
