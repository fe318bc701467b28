package viewdef

import (
	"errors"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/finding"
)

// Each mistake is one finding; the caret stands where ^ is in the text.
func TestAMistakeIsOneFindingWithItsPlace(t *testing.T) {
	for _, c := range []struct{ view, want string }{
		{`^[]`, "a ViewDefinition must be an object, this is an array"},
		{`{"resource":"Patient"} ^{}`, "something follows"},
		{`{"resource":^'Patient'}`, "not JSON"},
		{`{"resource":"Patient",^"resource":"Patient"}`, "occurs twice"},
		{`{"resource":"Patient"^`, "cut off"},
		{`{"resource":"Patient","select":^[]}`, "there must be a select"},
		{`^{"resource":"Patient"}`, "a ViewDefinition needs select"},
		{`^{"select":[]}`, "a ViewDefinition needs resource"},
		{`{"resource":^"Patientt","select":[]}`, "FHIR R4 has no resource Patientt (did you mean Patient?)"},
		{`{"resource":^"DomainResource","select":[]}`, "FHIR R4 has no resource DomainResource"},
		{`{"resource":^"HumanName","select":[]}`, "FHIR R4 has no resource HumanName"},
		{`{"resourceType":^"Patient","resource":"Patient","select":[]}`, "this is a Patient, not a ViewDefinition"},
		{`{"resource":"Patient","name":^"my view","select":[{"column":[<id>]}]}`, "cannot be the name of a view"},
		{`{"resource":"Patient","select":[^{}]}`, "the select has no columns"},
		{`{"resource":"Patient","select":[{"unionAll":^[]}]}`, "unionAll needs a select"},
		{`{"resource":"Patient","select":[{"forEach":^1,"column":[<id>]}]}`, "forEach must be a string"},
		{`{"resource":"Patient","select":[{"forEach":^"","column":[<id>]}]}`, "forEach must be a string that is not empty"},
		{`{"resource":"Patient","select":[{"forEach":"name","repeat":^["name"],"column":[<id>]}]}`, "a select has either forEach or repeat"},
		{`{"resource":"Patient","select":[{^"forEech":"name","column":[<id>]}]}`, `a select has no member forEech (did you mean "forEach"?)`},
		{`{"resource":"Patient","select":[{"repeat":^[],"column":[<id>]}]}`, "repeat needs a path"},
		{`{"resource":"Patient","select":[{"repeat":[^1],"column":[<id>]}]}`, "a path of repeat must be a string"},
		{`{"resource":"Patient","select":[{"repeat":["^@@"],"column":[<id>]}]}`, ""},
		{`{"resource":"Patient","select":[{"column":[{"name":^"ä","path":"id"}]}]}`, "the name of a column"},
		{`{"resource":"Patient","select":[{"column":[^{"name":"a"}]}]}`, "a column needs path"},
		{`{"resource":"Patient","select":[{"column":[^{"path":"id"}]}]}`, "a column needs name"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","collection":^"yes"}]}]}`, "collection must be true or false"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"'\ud83d\ude00\u00e4\"\n' & ^famly"}]}]}`, "Patient has no element famly"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":^"birthDate","type":"boolean"}]}]}`, "the path gives date, which is no boolean"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":^"name","type":"string"}]}]}`, "the path gives HumanName, which is no string"},
		{`{"resource":"Patient","constant":[^{"name":"a"}],"select":[{"column":[<id>]}]}`, "a constant needs one value, this has 0"},
		{`{"resource":"Patient","constant":[^{"name":"a","valueCode":"a","valueString":"b"}],"select":[{"column":[<id>]}]}`, "this has 2"},
		{`{"resource":"Patient","constant":[{"name":"a",^"valueStrin":"a"}],"select":[{"column":[<id>]}]}`, `did you mean "valueString"?`},
		{`{"resource":"Patient","constant":[{"name":"a","valueInteger":^"1"}],"select":[{"column":[<id>]}]}`, "valueInteger must be a number, this is a string"},
		{`{"resource":"Patient","constant":[{"name":"a","valueInteger":^1.5}],"select":[{"column":[<id>]}]}`, "not a whole number"},
		{`{"resource":"Patient","constant":[{"name":"a","valueInteger":^1e999999999}],"select":[{"column":[<id>]}]}`, "not a whole number"},
		{`{"resource":"Patient","constant":[{"name":"a","valueDecimal":^1e999999999}],"select":[{"column":[<id>]}]}`, "FHIRPath can hold"},
		{`{"resource":"Patient","constant":[{"name":"a","valuePositiveInt":^0}],"select":[{"column":[<id>]}]}`, "too small"},
		{`{"resource":"Patient","constant":[{"name":"a","valueDate":^"2026-13-01"}],"select":[{"column":[<id>]}]}`, "not a Date"},
		{`{"resource":"Patient","constant":[{"name":^"rowIndex","valueInteger":1}],"select":[{"column":[<id>]}]}`, "%rowIndex has a meaning of its own"},
		{`{"resource":"Patient","constant":[{"name":"a","valueInteger":1},{"name":^"a","valueInteger":1}],"select":[{"column":[<id>]}]}`, "two constants"},
		{`{"resource":"Patient","select":[{"column":[<id>]},{"unionAll":[{"column":[{"name":^"id","path":"id"}]}]}]}`, "there are two columns named id"},
		{`{"resource":"Patient","select":[{"unionAll":[{"column":[<id>]},^{"column":[{"name":"id","path":"active"}]}]}]}`, "column id of select 2 of unionAll is Boolean, in the first one it is text"},
	} {
		marked := strings.ReplaceAll(c.view, "<id>", `{"name":"id","path":"id"}`)
		before, after, _ := strings.Cut(marked, "^")
		_, err := Compile("v", before+after)
		var list finding.List
		if !errors.As(err, &list) || len(list) != 1 || !strings.Contains(list[0].String(), c.want) {
			t.Errorf("%s: %v, want %s", c.view, err, c.want)
			continue
		}
		if line, col := place(before, len(before)); list[0].Line != line || list[0].Col != col {
			t.Errorf("%s: at %d:%d, want %d:%d", c.view, list[0].Line, list[0].Col, line, col)
		}
	}
}

func FuzzCompileNeverPanics(f *testing.F) {
	for _, s := range []string{
		`{"resource":"Patient","select":[{"repeat":["contact","$this | name"],"column":[{"name":"a","path":"%rowIndex + 1","type":"integer"}]}]}`,
		`{"resource":"Observation","constant":[{"name":"a","valueDecimal":1e999}],"where":[{"path":"value > %a"}],"select":[{"unionAll":[{"forEachOrNull":"code.coding","select":[{"column":[{"name":"a","path":"\ud83d\ude00"}]}]}]}]}`,
		`{"resource":"Patient","select":[{"column":[{"name":"a","path":"\"`, `{"a":[[[`, "\xff", `"\ud800`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		view, err := Compile("v", source)
		var list finding.List
		switch {
		case err == nil && len(view.Columns()) == 0:
			t.Error("a view without columns is accepted")
		case err != nil && !errors.As(err, &list):
			t.Errorf("no findings: %v", err)
		}
		for _, f := range list {
			if f.Line < 1 || f.Col < 1 || f.Line > strings.Count(source, "\n")+1 {
				t.Errorf("%s is no place in the text", f)
			}
		}
	})
}
