package mapping_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
)

// demanded writes what a mapping with the rules asks for, type by type.
func demanded(t *testing.T, rules string, s mapping.Surroundings) string {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(`
study: s
version: "1"
events: [{name: e, label: E, forms: [f]}]
forms: [{name: f, label: F, items: [{name: i, label: I, type: text, length: 100}, {name: j, label: J, type: text, length: 100}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	lists := "lists: {psa: [2857-1, 35741-8], cancers: {prefixes: [C]}}\n"
	m, findings := mapping.Load(fstest.MapFS{"m.yaml": {Data: []byte("study: s\nversion: \"1\"\n" + lists + "forms:\n  f:\n" + rules)}}, "m.yaml", d)
	if m == nil {
		t.Fatalf("%v", findings)
	}
	var all []string
	for _, d := range m.Demands(s) {
		if d.Type == "Patient" {
			continue
		}
		text := d.Type
		for _, c := range d.Any {
			var codes []string
			for _, k := range c.Codes {
				codes = append(codes, k.System+"|"+k.Code)
			}
			text += " " + c.Parameter + "=" + strings.Join(codes, ",")
		}
		if d.Why != "" {
			text += ": " + d.Why
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestAMappingAsksForTheCodesOfItsRulesOrSaysWhyForAll(t *testing.T) {
	as := mapping.Surroundings{Unchanged: func(string) bool { return true }, ByReference: func(typ string) bool { return typ == "Medication" }}
	const psa = `code.coding.exists(system = 'l' and code = 'a')`
	rule := func(name, typ, where, value string) string {
		return fmt.Sprintf("    %s: {resource: %s, where: %q, value: %q, choose: first}\n", name, typ, where, value)
	}
	for name, c := range map[string]struct{ rules, want string }{
		"one rule":                      {rule("i", "Observation", psa, "id"), "Observation code=l|a"},
		"two rules":                     {rule("i", "Observation", psa, "id") + rule("j", "Observation", "code.coding.exists(code in ('a' | 'b'))", "id"), "Observation code=|a,|b"},
		"a code list":                   {rule("i", "Observation", "code.coding.exists(code.memberOf('psa'))", "id"), "Observation code=|2857-1,|35741-8"},
		"a list of beginnings":          {rule("i", "Observation", "code.coding.exists(code.memberOf('cancers'))", "id"), "Observation: a rule asks for no code of it"},
		"two elements":                  {rule("i", "Observation", psa, "id") + rule("j", "Observation", "category.coding.exists(code = 'x')", "id"), "Observation category=|x code=l|a"},
		"code before category":          {rule("i", "Observation", "category.coding.exists(code = 'x') and "+psa, "id"), "Observation code=l|a"},
		"one rule asks for no code":     {rule("i", "Observation", psa, "id") + rule("j", "Observation", "status = 'final'", "id"), "Observation: a rule asks for no code of it"},
		"another type is not concerned": {rule("i", "Observation", psa, "id") + rule("j", "Condition", "id = 'x'", "id"), "Condition: a rule asks for no code of it; Observation code=l|a"},
		"references lead to it":         {rule("i", "Observation", psa, "hasMember.resolve().ofType(Observation).id.first()"), "Observation: an expression follows references to it"},
		"references lead anywhere":      {rule("i", "Observation", psa, "focus.resolve().id.first()"), "Observation: an expression follows references to resources of any type"},
		"by reference only":             {rule("i", "Observation", psa, "id") + rule("j", "Medication", psa, "id"), "Medication: a rule reads Medication, which is there only where another resource refers to it; Observation: a rule reads Medication, which is there only where another resource refers to it"},
		"no parameter finds it":         {rule("i", "Observation", "bodySite.coding.exists(code = 'x')", "id"), "Observation: a rule asks for no code of it"},
	} {
		if got := demanded(t, c.rules, as); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
	as.Unchanged = func(path string) bool { return !strings.HasSuffix(path, ".system") }
	if got := demanded(t, rule("i", "Observation", psa, "id"), as); got != "Observation code=|a" {
		t.Errorf("where systems are changed: %s", got)
	}
	as.Unchanged = func(string) bool { return false }
	if got := demanded(t, rule("i", "Observation", psa, "id"), as); !strings.Contains(got, "de-identification changes") {
		t.Errorf("where codes are changed: %s", got)
	}
}
