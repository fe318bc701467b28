package fhirpath_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir/fhirpath"
)

func TestDefectsAreFoundWhenCompiling(t *testing.T) {
	for _, c := range []struct{ typ, expression, want string }{
		{"Patient", "name.givn", "1:6: HumanName has no element givn (did you mean given?)"},
		{"Patient", "birthdate", "1:1: Patient has no element birthdate (did you mean birthDate?)"},
		{"Observation", "valueQuantity.unit", "1:1: Observation has no element valueQuantity (write value.ofType(Quantity))"},
		{"Observation", "value.ofType(Quantity).units", "1:24: Quantity has no element units (did you mean unit?)"},
		{"Observation", "value.ofType(Quantiy)", "1:14: unknown type Quantiy (did you mean Quantity?)"},
		{"Observation", "value.ofType(Address)", "1:7: Quantity or CodeableConcept or string or boolean or … is never a Address"},
		{"Patient", "name.given.ofType(String)", "1:12: string is never a System.String (FHIR's own type is written string)"},
		{"Observation", "code = '1'", "1:6: = compares CodeableConcept with System.String, which are never equal (use coding.code, coding.display or text)"},
		{"Observation", "code in ('1' | '2')", "1:6: in compares CodeableConcept with System.String, which are never equal (use coding.code, coding.display or text)"},
		{"Patient", "birthDate = '1970-01-01'", "1:11: = compares date with System.String, which are never equal (write a date as @1970-01-01)"},
		{"Patient", "birthDate > 5", "1:11: > cannot order date and System.Integer"},
		{"Patient", "active > birthDate", "1:1: > takes Integer, Long, Decimal, String, Date, DateTime, Time, Quantity, this is boolean"},
		{"Patient", "birthDate + 7", "1:11: + is not defined for date and System.Integer (give the number a unit, as 7 days)"},
		{"Patient", "name.where(given)", "1:12: where() takes a Boolean, this is string (compare it, or use exists())"},
		{"Patient", "name.startsWith('A')", "1:6: startsWith() takes String, Date, DateTime, Time, this is HumanName (use family or given)"},
		{"Patient", "Observation.status", "1:1: the focus is Patient, not Observation (begin with Patient, or without a type)"},
		{"Patient", "name.fist()", "1:6: unknown function fist() (did you mean first()?)"},
		{"Patient", "name.first(1)", "1:6: first() takes no argument, 1 given"},
		{"Patient", "%limit", "1:1: unknown variable %limit"},
		{"Patient", "gender.memberOf('x')", `1:17: memberOf() does not know the code list "x" (declare it among the study's code lists)`},
		{"Patient", "'a'.matches('(?=b)')", "1:13: not a regular expression that RE2 can run (RE2 knows neither look-around nor back-references)"},
		{"Patient", "'a'.encode('rot13')", `1:12: encode() does not know the format "rot13"`},
		{"Patient", "conformsTo('http://example.org/p')", `1:12: conformsTo() does not know "http://example.org/p" (only the types of R4 itself can be asked for)`},
		{"Patient", "$total", "1:1: $total has no meaning here (use it within aggregate)"},
		{"Patient", "-name", "1:2: a sign takes Integer, Long, Decimal, Quantity, this is HumanName"},
		{"Patient", "2147483648", "1:1: the Integer is larger than 2147483647 (write it as a Decimal (2147483648.0) or as a Long (2147483648L))"},
		{"Patient", "name.", `1:6: unexpected end of the expression (a name is expected here)`},
		{"Patient", "(1", `1:3: unexpected end of the expression (expected ))`},
		{"Patient", "name\n  .where(use = \"x\")", `2:16: a string is written between single quotes (replace " by ')`},
		{"Patient", "@2024-13-01", `1:1: not a date or time: "@2024-13-01" (write @2024-05-17, @2024-05-17T10:30:00+02:00 or @T10:30)`},
		{"Patient", "name 'x'", `1:6: unexpected "'x'" (an operator or the end is expected here)`},
		{"Patient", "birthDate.extensoin('u').value", "1:11: unknown function extensoin() (did you mean extension()?)"},
		{"Patient", "generalPractitioner.resolve().birthDat", "1:31: Organization or Practitioner or PractitionerRole has no element birthDat (did you mean birthDate?)"},
		{"Patinet", "name", "1:1: unknown type Patinet of the focus (did you mean Patient?)"},
		{"Patient", "ñame", "1:1: unexpected character 'ñ'"},
	} {
		_, err := fhirpath.Compile(c.expression, fhirpath.Options{Type: c.typ})
		if err == nil {
			t.Errorf("%s compiles, want %s", c.expression, c.want)
			continue
		}
		if got := err.Error(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expression, got, c.want)
		}
	}
}

func TestAllDefectsAreReportedAtOnce(t *testing.T) {
	_, err := fhirpath.Compile("name.givn | name.famly |\n contact.nam.foo(1)", fhirpath.Options{Type: "Patient"})
	var bad *fhirpath.CompileError
	if !errors.As(err, &bad) || len(bad.All) != 4 || bad.Line != 1 || bad.Col != 6 || bad.All[3].Line != 2 {
		t.Fatalf("%v", err)
	}
}

func TestAnEvaluationThatFailsSaysWhereAndNotWhat(t *testing.T) {
	focus := parseText(t, `{"resourceType":"Patient","active":true,"name":[{"family":"Geheim"},{"family":"Geheimer"}]}`)
	for _, c := range []struct{ expression, want string }{
		{"name.single()", "1:6: single() is given several items"},
		{"name.family.length()", "1:13: length() is given several items where one is needed"},
		{"active and\nname.family", "2:1: a Boolean is needed here, and the collection has more than one item"},
		{"today()", "1:1: today() needs an as-of, and none is given"},
		{"%v + 1", "1:4: + is not defined for String and Integer"},
	} {
		x, err := fhirpath.Compile(c.expression, fhirpath.Options{Type: "Patient", Variables: map[string]fhirpath.Type{"v": {}}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := x.Eval(&fhirpath.Env{Vars: map[string][]fhirpath.Value{"v": {fhirpath.NewString("Geheim")}}}, focus, nil)
		var bad *fhirpath.EvalError
		if !errors.As(err, &bad) || len(out) != 0 || !strings.HasSuffix(err.Error(), c.want) || strings.Contains(err.Error(), "Geheim") {
			t.Errorf("%s: %v, want %s", c.expression, err, c.want)
		}
	}
}

func TestTheFocusMustBeOfTheTypeCompiledFor(t *testing.T) {
	x, err := fhirpath.Compile("birthDate", fhirpath.Options{Type: "Patient"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Eval(&fhirpath.Env{}, parseText(t, observation), nil); err == nil {
		t.Error("a Patient's expression was evaluated on an Observation")
	}
	if _, err := x.Eval(&fhirpath.Env{}, parseText(t, `{"resourceType":"Patent"}`), nil); err == nil {
		t.Error("an unknown resource was accepted")
	}
}

func TestTheTypeOfTheResultIsKnown(t *testing.T) {
	for _, c := range []struct {
		expression string
		names      []string
		many       bool
	}{
		{"birthDate", []string{"date"}, false},
		{"name.given", []string{"string"}, true},
		{"name.given.first()", []string{"string"}, false},
		{"name.given.join(' ')", []string{"System.String"}, false},
		{"deceased", []string{"boolean", "dateTime"}, false},
		{"deceased.ofType(dateTime)", []string{"dateTime"}, false},
		{"name.count() + 1", []string{"System.Integer"}, false},
		{"name.count() / 2", []string{"System.Decimal"}, false},
		{"birthDate + 1 day", []string{"System.Date"}, false},
		{"iif(active, 'a', 1)", []string{"System.String", "System.Integer"}, false},
		{"name.exists()", []string{"System.Boolean"}, false},
		{"generalPractitioner.resolve()", []string{"Organization", "Practitioner", "PractitionerRole"}, true},
		{"(1 | 2).aggregate($this + $total, 0)", []string{"System.Integer"}, false},
		{"contained", []string{"Resource"}, true},
		{"contained.name", nil, true},
	} {
		x, err := fhirpath.Compile(c.expression, fhirpath.Options{Type: "Patient"})
		if err != nil {
			t.Fatalf("%s: %v", c.expression, err)
		}
		if got := x.Type(); !slices.Equal(got.Names, c.names) || got.Many != c.many {
			t.Errorf("%s is %+v, want %v, many %v", c.expression, got, c.names, c.many)
		}
	}
}

func TestThePathsThatAreReadAreKnown(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"name.where(use = 'official').family", "Patient.name.family Patient.name.use"},
		{"birthDate.extension('u').value.ofType(Coding).code", "Patient.birthDate.extension('u').value[x].code"},
		{"deceased.ofType(dateTime) | active", "Patient.active Patient.deceased[x]"},
		{"name | name.family", "Patient.name Patient.name.family"},
		{"managingOrganization.resolve().name", "Organization.name Patient.managingOrganization"},
		{"Patient.contact.telecom.value", "Patient.contact.telecom.value"},
		{"descendants()", "Patient.*"},
	} {
		x, err := fhirpath.Compile(c.expression, fhirpath.Options{Type: "Patient"})
		if err != nil {
			t.Fatalf("%s: %v", c.expression, err)
		}
		var got []string
		for _, p := range x.Paths() {
			got = append(got, p.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s reads %s, want %s", c.expression, s, c.want)
		}
	}
}

func TestTraceGoesToItsHookAlone(t *testing.T) {
	x, err := fhirpath.Compile("name.trace('names', family).given.count()", fhirpath.Options{Type: "Patient"})
	if err != nil {
		t.Fatal(err)
	}
	var traced string
	env := &fhirpath.Env{Trace: func(name string, values []fhirpath.Value) { traced = name + " " + texts(values) }}
	out, err := x.Eval(env, parseText(t, patient), nil)
	if err != nil || texts(out) != "3" || traced != `names "Ω"` {
		t.Errorf("%v %s, traced %s", err, texts(out), traced)
	}
}

func TestAnExpressionCannotTakeAllMemory(t *testing.T) {
	focus := parseText(t, patient)
	numbers := "(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30|31|32)"
	for _, expression := range []string{
		numbers + ".aggregate($total & $total, 'aa')",
		numbers + ".aggregate($total + $total, 'aa')",
		numbers + ".aggregate($total.replace('a', 'aaaa'), 'a')",
		numbers + ".aggregate($total.replaceMatches('a', 'aaaa'), 'a')",
		numbers + ".aggregate($total.combine($total), 1 )",
		"1.repeat($this + 1)",
		"%n.select(%n.select(%n.select(%n.select(%n.select(%n)))))",
	} {
		x, err := fhirpath.Compile(strings.ReplaceAll(expression, "%n", numbers), fhirpath.Options{Type: "Patient"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Eval(&fhirpath.Env{}, focus, nil); err == nil {
			t.Errorf("%s came to an end", expression)
		}
	}
}
