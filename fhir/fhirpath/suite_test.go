package fhirpath_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/shared"
)

var verbose = flag.Bool("suite.verbose", false, "log every failing test of the R4 suite")

// suiteTest is one test of FHIR's R4 suite.
type suiteTest struct {
	Group, Name, Input, Expression string
	Invalid                        string
	Predicate                      bool
	Ordered                        *string
	ExprAttrs                      map[string]string
	CheckOrderedFunctions          *string
	Outputs                        []struct{ Type, Value *string }
}

func (s suiteTest) id() string { return s.Group + "/" + s.Name }

// TestTheOfficialSuitePasses holds the engine against FHIR's R4 suite. testdata/suite-failures.txt lists the tests
// that fail, with the reason; the list can only shrink, because a listed test that passes fails this one.
func TestTheOfficialSuitePasses(t *testing.T) {
	dir := shared.Dir(t, "data", "fhirpath-tests")
	text, err := os.ReadFile(filepath.Join(dir, "tests-fhir-r4.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []suiteTest
	if err := json.Unmarshal(text, &tests); err != nil {
		t.Fatal(err)
	}
	listed := failures(t)
	inputs := map[string]fhir.Node{}
	passed := 0
	for i, test := range tests {
		id := fmt.Sprintf("%s#%d", test.id(), slices.IndexFunc(tests[i:], func(o suiteTest) bool { return o.id() == test.id() })+nth(tests[:i], test.id()))
		id = strings.TrimSuffix(id, "#0")
		problem := test.run(t, dir, inputs)
		reason, isListed := listed[id]
		delete(listed, id)
		if problem == "" {
			passed++
		}
		switch {
		case problem == "" && isListed:
			t.Errorf("%s passes and is listed as failing (%s): strike it off", id, reason)
		case problem != "" && !isListed:
			t.Errorf("%s: %s\n\t%s", id, problem, test.Expression)
		case problem != "" && *verbose:
			t.Logf("%s: %s\n\t%s", id, problem, test.Expression)
		}
	}
	for id := range listed {
		t.Errorf("%s is listed as failing and is no test of the suite", id)
	}
	t.Logf("%d of %d pass", passed, len(tests))
	if passed < 925 {
		t.Errorf("%d of %d pass, the goal is 925", passed, len(tests))
	}
}

func nth(before []suiteTest, id string) int {
	n := 0
	for _, o := range before {
		if o.id() == id {
			n++
		}
	}
	return n
}

// failures reads lines "id: reason".
func failures(t *testing.T) map[string]string {
	text, err := os.ReadFile("testdata/suite-failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, reason, ok := strings.Cut(line, ": ")
		if !ok || reason == "" {
			t.Fatalf("suite-failures.txt: no reason in %q", line)
		}
		all[id] = reason
	}
	return all
}

// run returns what is wrong with the engine's answer, "" when nothing is. A panic is never a pass.
func (s suiteTest) run(t *testing.T, dir string, inputs map[string]fhir.Node) (problem string) {
	defer func() {
		if r := recover(); r != nil {
			problem = fmt.Sprintf("panic: %v", r)
		}
	}()
	input := s.Input
	if input == "" {
		input = "patient-example"
	}
	if _, ok := inputs[input]; !ok {
		inputs[input] = readInput(t, filepath.Join(dir, "input-json", input+".json"))
	}
	focus := inputs[input]
	values, err := s.evaluate(focus)
	if s.Invalid != "" {
		if err == nil {
			return fmt.Sprintf("must fail (%s), gave %s", s.Invalid, show(values))
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	return s.judge(values)
}

func readInput(t *testing.T, path string) fhir.Node {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var table fhir.Table
	if err := table.Parse(string(text)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return table.Root()
}

func (s suiteTest) evaluate(focus fhir.Node) ([]fhirpath.Value, error) {
	x, err := fhirpath.Compile(s.Expression, fhirpath.Options{
		Type: focus.Get("resourceType").Text(), Ordered: s.ExprAttrs["checkOrderedFunctions"] == "true" || s.CheckOrderedFunctions != nil,
	})
	if err != nil {
		return nil, err
	}
	if again, err := fhirpath.Compile(x.String(), fhirpath.Options{}); err != nil || again.String() != x.String() {
		panic(fmt.Sprintf("prints as %s, which reads as another expression: %v", x, err))
	}
	env := &fhirpath.Env{AsOf: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), Resolver: nil}
	return x.Eval(env, focus, nil)
}

func show(values []fhirpath.Value) string {
	var b []byte
	for _, v := range values {
		b = append(v.AppendJSON(b), ' ')
	}
	return "[" + strings.TrimSpace(string(b)) + "]"
}

// judge compares the result with what the suite expects. It reads the expected values by itself, not with the engine.
func (s suiteTest) judge(values []fhirpath.Value) string {
	if s.Predicate {
		want := s.Outputs[0].Value != nil && *s.Outputs[0].Value == "true"
		if (len(values) > 0) != want {
			return "as a predicate: " + show(values)
		}
		return ""
	}
	var got, want []string
	for _, v := range values {
		got = append(got, canonicalResult(v))
	}
	for _, o := range s.Outputs {
		want = append(want, canonicalExpected(o.Type, o.Value))
	}
	if s.ExprAttrs["ordered"] == "false" || s.Ordered != nil && *s.Ordered == "false" {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		return fmt.Sprintf("gave %v, expected %v", got, want)
	}
	return ""
}

var (
	numberForm   = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	quantityForm = regexp.MustCompile(`^(-?\d+(?:\.\d+)?) '([^']*)'$`)
	instantForm  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T`)
)

// canonical writes values that are the same in the same way: numbers by value, moments with a zone in UTC.
func canonical(s string) string {
	if numberForm.MatchString(s) {
		r, _ := new(big.Rat).SetString(s)
		return r.RatString()
	}
	if m := quantityForm.FindStringSubmatch(s); m != nil {
		r, _ := new(big.Rat).SetString(m[1])
		return r.RatString() + " '" + m[2] + "'"
	}
	if instantForm.MatchString(s) {
		if t, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", s); err == nil {
			return t.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	return s
}

func canonicalExpected(typ, value *string) string {
	if value == nil {
		return ""
	}
	s := *value
	if typ != nil && (*typ == "string" || *typ == "code" || *typ == "id") {
		return s
	}
	return canonical(strings.TrimPrefix(strings.TrimPrefix(s, "@"), "T"))
}

func canonicalResult(v fhirpath.Value) string {
	if v.Kind() == fhirpath.String || v.Kind() == fhirpath.Element && v.Node().Kind() == fhir.String && !strings.HasPrefix(v.TypeName(), "date") {
		return v.Text()
	}
	return canonical(v.Text())
}
