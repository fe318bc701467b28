package fhirpath_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir/fhirpath"
)

func TestAConditionThatNothingMeetsIsKnown(t *testing.T) {
	for expression, at := range map[string]string{
		"false":              "false",
		"{}":                 "{}",
		"id = 'a' and false": "false",
		"status = 'a' and code.exists() and status = 'b'":                                    "status = 'b'",
		"code.coding.exists(system = 'a' and code = 'x' and system = 'b')":                   "system = 'b'",
		"code.coding.where(system = 'a').where(code in ('b' | 'c') and code = 'd').exists()": "code = 'd'",
		"false or 'a' = 'b'":                "false",
		"code.coding.where(false).exists()": "false",
	} {
		x := compileFor(t, expression)
		offset, never := x.Never()
		if want := strings.LastIndex(expression, at); !never || offset != want {
			t.Errorf("%s: never %v at %d, want %d", expression, never, offset, want)
		}
	}
}

func TestAConditionThatSomethingMayMeetIsNotSaidToMeetNothing(t *testing.T) {
	for _, expression := range []string{
		"true", "status = 'a' or status = 'b'", "status = 'a' and status = 'a'", "status in ('a' | 'b') and status = 'b'",
		"code.coding.exists(system = 'a') and code.coding.exists(system = 'b')", "status != 'a' and status != 'b'",
		"code.coding.where(false).empty()", "(status = 'a' and status = 'b').not()", "code.coding.all(false)", "status = 'a' and id = 'b'",
	} {
		if offset, never := compileFor(t, expression).Never(); never {
			t.Errorf("%s: said to be never true at %d", expression, offset)
		}
	}
}

func TestComparisonsWithFixedTextsAreListed(t *testing.T) {
	x := compileFor(t, "status in ('a' | 'b') and 'c' = code.coding.code and id != 'd' and value.ofType(Quantity).unit = 'g'")
	var got []string
	for _, c := range x.Comparisons() {
		for _, p := range c.Paths {
			got = append(got, p.String()+" "+strings.Join(c.Texts, ","))
		}
	}
	if want := "Observation.status a,b; Observation.code.coding.code c; Observation.value[x].unit g"; strings.Join(got, "; ") != want {
		t.Errorf("got %q", got)
	}
}

func compileFor(t *testing.T, expression string) *fhirpath.Expr {
	t.Helper()
	x, err := fhirpath.Compile(expression, fhirpath.Options{Type: "Observation", CodeLists: func(string) (func(string, string) bool, bool) {
		return func(string, string) bool { return true }, true
	}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// written is what a requirement asks for.
func written(r fhirpath.Requirement) string {
	if r.List != "" {
		return "in " + r.List
	}
	texts := slices.Clone(r.Texts)
	for i := range r.Systems {
		texts[i] = r.Systems[i] + "|" + texts[i]
	}
	return strings.Join(texts, ",")
}

func TestWhatAConditionRequiresIsKnown(t *testing.T) {
	for expression, want := range map[string]string{
		"status = 'final'": "status final",
		"'final' = status": "status final",
		"code.coding.exists(system = 's' and code in ('a' | 'b'))":                                                               "code.coding.system s; code.coding.code s|a,s|b",
		"code.coding.where(system = 's').code.exists($this = 'a')":                                                               "code.coding.code a; code.coding.system s",
		"code.coding.where(system = 's').where(code = 'a').exists()":                                                             "code.coding.code s|a; code.coding.system s",
		"code.coding.exists(system = 's' and code = 'a') or code.coding.exists(code = 'b')":                                      "code.coding.code s|a,|b",
		"code.coding.exists(system = 's' and code = 'a') or code.coding.exists(system = 't' and code = 'b')":                     "code.coding.system s,t; code.coding.code s|a,t|b",
		"code.coding.exists(system = 's') and code.coding.exists(code = 'a')":                                                    "code.coding.system s; code.coding.code a",
		"code.coding.exists((system = 's' and code = 'a') or (system = 't' and code = 'b'))":                                     "code.coding.system s,t; code.coding.code s|a,t|b",
		"code.memberOf('l') and code.coding.exists(memberOf('l'))":                                                               "code in l; code.coding in l",
		"code.coding.where(memberOf('l')).exists(system = 's' and code in ('a' | 'b')) and (code.memberOf('l') or status = 'x')": "code.coding.system s; code.coding.code s|a,s|b; code.coding in l",
		"status = 'a' or (status = 'b' and code.exists())":                                                                       "status a,b",
		"code.coding.where(code = 'a').first().exists(display = 'x')":                                                            "code.coding.display x; code.coding.code a",
		"status = 'a' or code.coding.exists(code = 'x')":                                                                         "",
		"status != 'a'":                                   "",
		"(status = 'a').not()":                            "",
		"code.coding.all(code = 'x')":                     "",
		"value.ofType(Quantity).unit = 'g'":               "",
		"value.exists($this = 'g')":                       "",
		"Observation.status = 'final'":                    "",
		"code.coding.where(code = 'x').empty()":           "",
		"code.coding.exists(code = 'x') implies false":    "",
		"iif(true, status = 'a', status = 'b')":           "",
		"code.coding.select(code).exists($this = 'x')":    "",
		"extension('u').exists(url = 'v')":                "",
		"code.coding.exists(code = 'x' or display = 'y')": "",
		"status in ('a' | code.text)":                     "",
	} {
		var got []string
		for _, r := range compileFor(t, expression).Requires() {
			got = append(got, strings.Join(r.Path, ".")+" "+written(r))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: got %q, want %q", expression, strings.Join(got, "; "), want)
		}
	}
}
