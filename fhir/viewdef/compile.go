package viewdef

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/finding"
)

// Compile reads and checks a ViewDefinition in JSON. file is its name in findings. The error is a finding.List with
// every finding; what is only odd is among the view's warnings.
func Compile(file, source string) (*View, error) {
	c := &compiler{file: file, src: source, variables: map[string]fhirpath.Type{rowIndex: {Names: []string{"System.Integer"}}}}
	root, err := parseJSON(source)
	if err != nil {
		var syntax *syntaxError
		errors.As(err, &syntax)
		c.report(syntax.pos, "", "%s", syntax.problem)
		return nil, c.found
	}
	v := &View{vars: map[string][]fhirpath.Value{}}
	c.view(v, root)
	c.found.Sort()
	if c.found.HasErrors() {
		return nil, c.found
	}
	v.warnings = c.found
	return v, nil
}

// rowIndex is the variable that counts the items of the innermost forEach, forEachOrNull or repeat from 0.
const rowIndex = "rowIndex"

// compiler reads a definition and collects what is wrong with it.
type compiler struct {
	file, src string
	found     finding.List
	variables map[string]fhirpath.Type
	names     map[string]bool // of the columns so far
}

func (c *compiler) report(pos int, hint, format string, args ...any) {
	line, col := place(c.src, pos)
	c.found.Add(c.file, line, col, hint, format, args...)
}

// Members by the object that has them. What a definition only says about itself is not read.
var (
	described = strings.Fields("resourceType id meta implicitRules language text contained extension url identifier version versionAlgorithmString " +
		"versionAlgorithmCoding name title status experimental date publisher contact description useContext jurisdiction purpose copyright " +
		"copyrightLabel author editor reviewer endorser relatedArtifact topic approvalDate lastReviewDate effectivePeriod fhirVersion profile")
	viewMembers     = append(slices.Clip(described), "resource", "constant", "select", "where")
	selectMembers   = strings.Fields("id extension column select forEach forEachOrNull repeat unionAll")
	columnMembers   = strings.Fields("id extension name path type collection description tag")
	whereMembers    = strings.Fields("id extension path description")
	constantMembers = strings.Fields("id extension name")
)

// members reports members that an object may not have, and reports whether it is an object.
func (c *compiler) members(v *value, what string, known []string, also func(name string) bool) bool {
	if v.form != object {
		c.report(v.pos, "", "%s must be an object, this is %s", what, v.form)
		return false
	}
	for _, m := range v.members {
		name := strings.TrimPrefix(m.name, "_")
		if !slices.Contains(known, name) && (also == nil || !also(name)) {
			c.report(m.pos, finding.DidYouMean(m.name, known), "%s has no member %s", what, m.name)
		}
	}
	return true
}

// of returns a member of the form, or nil; one of another form is reported.
func (c *compiler) of(v *value, name string, want form) *value {
	m := v.get(name)
	if m == nil {
		return nil
	}
	if m.form != want || want == text && m.text == "" {
		c.report(m.pos, "", "%s must be %s that is not empty, this is %s", name, want, m.form)
		return nil
	}
	return m
}

// required is of, and reports a member that is missing.
func (c *compiler) required(v *value, what, name string, want form) *value {
	if v.get(name) == nil {
		c.report(v.pos, "", "%s needs %s", what, name)
		return nil
	}
	return c.of(v, name, want)
}

var identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// identifier checks a name by the invariant sql-name.
func (c *compiler) identifier(v *value, what string) {
	if !identifier.MatchString(v.text) {
		c.report(v.pos, "use letters, digits and underscores, a letter first", "%q cannot be the name of a %s", v.text, what)
	}
}

func (c *compiler) view(v *View, root *value) {
	if !c.members(root, "a ViewDefinition", viewMembers, nil) {
		return
	}
	if t := c.of(root, "resourceType", text); t != nil && t.text != "ViewDefinition" {
		c.report(t.pos, "", "this is a %s, not a ViewDefinition", t.text)
		return
	}
	if name := c.of(root, "name", text); name != nil {
		c.identifier(name, "view")
		v.name = name.text
	}
	c.constants(v, root)
	v.resource = c.resource(root)
	if v.resource == "" {
		return // nothing can be checked without it
	}
	focus := []string{v.resource}
	c.wheres(v, root, focus)
	selects := c.required(root, "a ViewDefinition", "select", array)
	if selects == nil {
		return
	}
	c.names = map[string]bool{}
	v.plan = &group{}
	v.columns = c.selects(v.plan, selects, focus, 0)
}

// resource returns the type that the view is about, "" when that is not known.
func (c *compiler) resource(root *value) string {
	v := c.required(root, "a ViewDefinition", "resource", text)
	if v == nil {
		return ""
	}
	t := model.Lookup(v.text)
	if t != nil && t.Kind == model.Resource && !t.Abstract {
		return t.Name
	}
	var names []string
	for _, t := range model.All() {
		if t.Kind == model.Resource && !t.Abstract {
			names = append(names, t.Name)
		}
	}
	hint := ""
	if near := finding.Nearest(v.text, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.report(v.pos, hint, "FHIR R4 has no resource %s", v.text)
	return ""
}

// wheres compiles the conditions.
func (c *compiler) wheres(v *View, root *value, focus []string) {
	list := c.of(root, "where", array)
	if list == nil {
		return
	}
	for _, w := range list.items {
		if !c.members(w, "a where", whereMembers, nil) {
			continue
		}
		path := c.required(w, "a where", "path", text)
		x, _ := c.expression(path, focus)
		if x == nil {
			continue
		}
		if t := typeOfAll(x.Type().Names); t != Boolean && len(x.Type().Names) > 0 && !slices.Contains(x.Type().Names, "boolean") {
			c.report(path.pos, "compare it, or use exists()", "a where must be a Boolean, this is %s", strings.Join(x.Type().Names, " or "))
		}
		v.where = append(v.where, x)
	}
}

// expression compiles a FHIRPath expression for a focus of any of the types; without types the focus may be anything.
// It also tells whether the expression reads %rowIndex. The result is nil when something was reported.
func (c *compiler) expression(v *value, focus []string) (x *fhirpath.Expr, index bool) {
	if v == nil {
		return nil, false
	}
	x, err := fhirpath.Compile(v.text, c.options(focus))
	if err != nil {
		c.misspelt(v, err)
		return nil, false
	}
	if strings.Contains(v.text, rowIndex) {
		without := c.options(focus)
		without.Variables = maps.Clone(c.variables)
		delete(without.Variables, rowIndex)
		_, err = fhirpath.Compile(v.text, without)
		index = err != nil
	}
	return x, index
}

func (c *compiler) options(focus []string) fhirpath.Options {
	return fhirpath.Options{Types: focus, Variables: c.variables, JoinNothing: true}
}

// misspelt reports what is wrong with an expression, where it is wrong.
func (c *compiler) misspelt(v *value, err error) {
	var bad *fhirpath.CompileError
	if !errors.As(err, &bad) {
		c.report(v.pos, "", "%v", err)
		return
	}
	for _, f := range bad.All {
		c.report(within(c.src, v.pos, f.Line, f.Col), f.Hint, "%s", f.Problem)
	}
}
