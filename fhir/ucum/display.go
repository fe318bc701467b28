package ucum

import (
	"strconv"
	"strings"
)

// DisplayName spells a unit out for a reader, in the manner of the UCUM
// functional tests: "mm/s2" is "(millimeter) / (second ^ 2)". The empty code
// and "1" are "(unity)". Annotations are kept, since they tell a reader what
// was counted. The name is for display and is not parsed back.
func DisplayName(code string) (string, error) {
	if code == "" {
		return "(unity)", nil
	}
	u, err := cachedUnit(code)
	if err != nil {
		return "", err
	}
	return u.DisplayName(), nil
}

// DisplayName spells the unit out; see the function DisplayName.
func (u Unit) DisplayName() string {
	if u.expression == nil {
		return ""
	}
	if e := u.expression; len(e.terms) == 1 && !e.inverted && e.terms[0].number == "1" && !e.terms[0].annotated {
		return "(unity)"
	}
	return u.expression.name()
}

func (e *expression) name() string {
	var b strings.Builder
	if e.inverted {
		b.WriteString("1 / ")
	}
	for i := range e.terms {
		if i > 0 && e.terms[i].divide {
			b.WriteString(" / ")
		} else if i > 0 {
			b.WriteString(" * ")
		}
		b.WriteString(e.terms[i].component.name())
	}
	return b.String()
}

func (c *component) name() string {
	var parts []string
	switch {
	case c.group != nil:
		parts = append(parts, "("+c.group.name()+")")
	case c.atom != nil:
		parts = append(parts, "("+c.symbolName()+")")
	case c.number != "":
		parts = append(parts, c.number)
	}
	if c.annotated {
		parts = append(parts, "{"+c.annotation+"}")
	}
	return strings.Join(parts, " ")
}

func (c *component) symbolName() string {
	name := c.atom.name
	if c.prefix != nil {
		name = c.prefix.name + name
	}
	if c.exponent != 1 {
		name += " ^ " + strconv.Itoa(c.exponent)
	}
	return name
}
