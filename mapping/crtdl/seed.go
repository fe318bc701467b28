package crtdl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// Seeds are what a request gives a mapping file. Their texts are YAML.
type Seeds struct {
	Parameters, Lists, Expressions []string // entries of these words of the file: "name: …"
	Seeds                          []Seed
}

// Seed is what an attribute group gives.
type Seed struct {
	Title   string   // name, profile and type, on one line
	Remarks []string // what a person must know, such as filters and attributes that were not taken over
	Rules   []Rule
}

// Rule takes an attribute. It fits items of these types, and with "choice" those with a code list, if it gets a map.
type Rule struct {
	Attribute string
	MustHave  bool
	Note      string
	Text      string // {resource: …, value: …}
	Fits      []string
}

// Names are the short names that the mapping file has for code systems and other URLs: name to text.
type Names map[string]string

// Seeds turns a request into pieces of a mapping file that has these names. The same request gives the same pieces, and
// a mapping with any of their rules for an item of a type that it fits has no error.
func (r *Request) Seeds(names Names) (*Seeds, error) {
	b := &builder{names: names, taken: map[string]bool{}, out: &Seeds{}}
	for name := range names {
		b.taken[name] = true
	}
	for i := range r.Groups {
		b.out.Seeds = append(b.out.Seeds, b.group(&r.Groups[i]))
	}
	return b.out, b.check()
}

// builder collects the pieces.
type builder struct {
	names Names
	taken map[string]bool // names of all kinds
	out   *Seeds
	where []int // the seed of each expression
}

func (b *builder) group(g *Group) Seed {
	profile := g.Profile[strings.LastIndexByte(g.Profile, '/')+1:]
	label := oneLine(cmp.Or(g.Name, profile, g.ID, g.Type))
	s := Seed{Title: fmt.Sprintf("%s: %s", label, g.Type)}
	if p := oneLine(g.Profile); p != "" {
		s.Title += ", profile " + p
	}
	if g.ReferenceOnly {
		s.remark("Only resources to which others refer are asked for: a rule may reach them with resolve().")
	}
	name := b.name(label)
	var conditions []string
	for _, f := range g.Filters {
		condition, why := b.filter(g, name, f)
		if why != "" {
			s.remark("Not taken over: " + oneLine(why) + ".")
			continue
		}
		conditions = append(conditions, condition)
		if f.Type == "token" {
			s.remark("Codes of " + oneLine(f.Name) + ": " + displays(f.Codes) + below(f.Codes))
		}
	}
	where := ""
	if len(conditions) > 0 {
		b.out.Expressions = append(b.out.Expressions, name+": "+quoted(strings.Join(conditions, " and ")))
		b.where = append(b.where, len(b.out.Seeds))
		where = `, where: "%` + name + `"`
	}
	for _, a := range g.Attributes {
		s.attribute(b, g, a, where)
	}
	return s
}

func (s *Seed) attribute(b *builder, g *Group, a Attribute, where string) {
	value, note, why := b.value(g, a)
	if why != "" {
		s.remark(fmt.Sprintf("Not taken over: %s: %s.", oneLine(a.Ref), oneLine(why)))
		return
	}
	choose := ", choose: last"
	if g.Type == "Patient" {
		choose = ""
	}
	s.Rules = append(s.Rules, Rule{
		Attribute: oneLine(a.Ref), MustHave: a.MustHave, Note: note,
		Text: "{resource: " + g.Type + where + ", value: " + quoted(value) + choose + "}",
	})
}

func (s *Seed) remark(text string) { s.Remarks = append(s.Remarks, text) }

// displays lists the first codes of a filter with what they mean.
func displays(codes []Code) string {
	const shown = 5
	var all []string
	for i, c := range codes {
		if i == shown {
			all = append(all, fmt.Sprintf("and %d more", len(codes)-shown))
			break
		}
		all = append(all, strings.TrimSpace(oneLine(c.Code)+" "+oneLine(c.Display)))
	}
	return strings.Join(all, ", ")
}

// name makes a name of the mapping language that is not taken.
func (b *builder) name(label string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss").Replace(strings.ToLower(label))), "_")
	for strings.Contains(name, "__") {
		name = strings.ReplaceAll(name, "__", "_")
	}
	const longest = 40
	name = strings.TrimRight(name[:min(len(name), longest)], "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = strings.TrimRight("group_"+name, "_")
	}
	return b.unused(name)
}

func (b *builder) unused(name string) string {
	free := name
	for n := 2; b.taken[free]; n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	b.taken[free] = true
	return free
}

// system writes the URL of a code system, by its short name where the mapping file has one.
func (b *builder) system(url string) string {
	for _, name := range slices.Sorted(maps.Keys(b.names)) {
		if b.names[name] == url {
			return "%" + name
		}
	}
	return literal(url)
}

// list adds a code list and returns its name.
func (b *builder) list(name, system string, codes []string) string {
	name = b.unused(name + "_codes")
	text := name + ": {"
	if system != "" {
		text += "system: " + quoted(system) + ", "
	}
	all := make([]string, len(codes))
	for i, c := range codes {
		all[i] = quoted(c)
	}
	b.out.Lists = append(b.out.Lists, text+"codes: ["+strings.Join(all, ", ")+"]}")
	return name
}

// day adds a parameter and returns its name.
func (b *builder) day(name string, d fhir.Day) string {
	name = b.unused(name)
	b.out.Parameters = append(b.out.Parameters, name+": {type: date, value: "+d.String()+"}")
	return name
}

// quoted writes a text as a double-quoted scalar of YAML.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(s)) + `"`
}

// below says that a condition does not look for narrower concepts, where codes have a system and may have some.
func below(codes []Code) string {
	if slices.ContainsFunc(codes, func(c Code) bool { return c.System != "" }) {
		return "; codes below them in their system are not looked for."
	}
	return "."
}
