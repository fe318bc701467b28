package fhirpath_test

import (
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

func parseText(t testing.TB, text string) fhir.Node {
	t.Helper()
	var table fhir.Table
	if err := table.Parse(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return table.Root()
}

const patient = `{"resourceType":"Patient","id":"p","active":true,"gender":"other",
"_gender":{"extension":[{"url":"http://fhir.de/StructureDefinition/gender-amtlich-de","valueCoding":{"code":"D"}}]},
"_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]},
"name":[{"given":["A",null,"C"],"_given":[null,{"extension":[{"url":"u","valueString":"x"}]},null],"family":"Ω"}],
"contact":[{"name":{"family":"K"}}],"multipleBirthInteger":2,
"managingOrganization":{"reference":"#o"},"generalPractitioner":[{"reference":"Practitioner/1"}],
"contained":[{"resourceType":"Organization","id":"o","name":"Klinik"}],
"extension":[{"url":"age","valueAge":{"value":18,"unit":"Jahre","system":"http://unitsofmeasure.org","code":"a"}},{"url":"n","valueDecimal":1.50}]}`

const observation = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]},
"effectiveDateTime":"2024-03-05T23:30:00+01:00","issued":"2024-03-05T22:30:00.123456Z",
"valueQuantity":{"value":5.50,"unit":"Milligramm","system":"http://unitsofmeasure.org","code":"mg"},
"component":[{"code":{"text":"<"},"valueQuantity":{"value":5,"comparator":"<","unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}},
{"code":{"text":"shown"},"valueQuantity":{"value":5,"unit":"mg"}},
{"code":{"text":"date"},"valueDateTime":"2024-03"},
{"code":{"text":"precise"},"valueDateTime":"2024-03-05"}]}`

// answers are expressions with their results as JSON values, joined by a space; "" is the empty collection.
var answers = []struct{ name, on, expression, want string }{
	// primitives with extensions
	{"an extension of a primitive is found", patient, "gender.extension('http://fhir.de/StructureDefinition/gender-amtlich-de').value.code", `"D"`},
	{"a primitive with extensions only exists", patient, "birthDate.exists()", "true"},
	{"a primitive with extensions only has no value", patient, "birthDate.hasValue()", "false"},
	{"a missing value answers no comparison", patient, "birthDate = @2020-01-01", ""},
	{"a missing value is not earlier", patient, "birthDate < @2020-01-01", ""},
	{"a missing value is no text", patient, "birthDate.substring(0, 4)", ""},
	{"its extensions are reached through the element", patient, "birthDate.extension.value", `"masked"`},
	{"an element of an array with extensions only is an item", patient, "name.given.count()", "3"},
	{"join leaves out what has no value", patient, "name.given.join(' ')", `"A C"`},
	{"the extension hangs on its own item", patient, "name.given[1].extension('u').value", `"x"`},
	// precision
	{"a decimal keeps its zeros", observation, "value.value", "5.50"},
	{"also as text", observation, "value.value.toString()", `"5.50"`},
	{"zeros do not change equality", observation, "value.value = 5.5", "true"},
	{"sums are exact", observation, "0.1 + 0.2 = 0.3", "true"},
	{"sums keep places", observation, "1.10 + 2.20", "3.30"},
	{"products are exact", observation, "1.00000000000000000001 * 3", "3.00000000000000000003"},
	{"quotients have 34 digits", observation, "1 / 3", "0.3333333333333333333333333333333333"},
	{"a whole quotient is a Decimal without places", observation, "10 / 5", "2"},
	{"Integer overflow is empty", observation, "2147483647 + 1", ""},
	{"a division by zero is empty", observation, "1 div 0", ""},
	{"round half away from zero", observation, "(-2.5).round()", "-3"},
	// dates
	{"a month does not decide about its day", observation, "component.where(code.text = 'date').value = @2024-03-05", ""},
	{"a month decides about another month", observation, "component.where(code.text = 'date').value.ofType(dateTime) < @2024-04-01", "true"},
	{"a day against a dateTime of that day is undecided", observation, "effective.ofType(dateTime) > @2024-03-05", ""},
	{"a day against a dateTime two days off is decided", observation, "effective.ofType(dateTime) > @2024-03-03", "true"},
	{"a day against a dateTime of the next day is undecided without a zone", observation, "effective.ofType(dateTime) < @2024-03-06", ""},
	{"instants are compared, not clocks", observation, "effective.ofType(dateTime) = @2024-03-05T22:30:00Z", "true"},
	{"fractions of seconds count", observation, "issued > effective.ofType(dateTime)", "true"},
	{"fractions beyond milliseconds count", observation, "issued > @2024-03-05T22:30:00.123Z", "true"},
	{"a written offset stays", observation, "effective", `"2024-03-05T23:30:00+01:00"`},
	{"a shifted dateTime keeps its offset", observation, "effective.ofType(dateTime) + 1 hour", `"2024-03-06T00:30:00+01:00"`},
	{"months end where they end", observation, "@2024-01-31 + 1 month", `"2024-02-29"`},
	{"also backwards", observation, "@2024-03-31 - 1 month", `"2024-02-29"`},
	{"leap days fall back", observation, "@2024-02-29 + 1 year", `"2025-02-28"`},
	{"hours do not move a date", observation, "@2024-03-05 + 23 hours", `"2024-03-05"`},
	{"24 hours do", observation, "@2024-03-05 + 24 hours", `"2024-03-06"`},
	{"months move a year", observation, "@2024 + 24 months", `"2026"`},
	{"eleven months do not", observation, "@2024 + 11 months", `"2024"`},
	{"the day of an instant is the one that was written", observation, "effective.ofType(dateTime).toDate()", `"2024-03-05"`},
	{"beyond the year 9999 is empty", observation, "@9999-12-31 + 1 day", ""},
	{"a time wraps at midnight", observation, "@T23:30 + 1 hour", `"00:30"`},
	{"the first moment of a month", observation, "@2024-02.lowBoundary()", `"2024-02-01"`},
	{"the last moment of a month", observation, "@2024-02.highBoundary()", `"2024-02-29"`},
	{"the last moment of an hour", observation, "@2024-01-01T08+01:00.highBoundary()", `"2024-01-01T08:59:59.999+01:00"`},
	{"now is the as-of", observation, "now()", `"2024-03-31T00:30:00.000Z"`},
	{"and so is today", observation, "today() - 1 day", `"2024-03-30"`},
	// quantities
	{"a quantity is compared in its code, not in its display unit", observation, "value = 5.5 'mg'", "true"},
	{"and converted exactly", observation, "value = 0.0055 'g'", "true"},
	{"other dimensions are not equal", observation, "value = 5.5 'mL'", "false"},
	{"and have no order", observation, "value.ofType(Quantity) < 5.5 'mL'", ""},
	{"a bound is no value", observation, "component.where(code.text = '<').value = 5 'mg'", ""},
	{"nor in an order", observation, "component.where(code.text = '<').value.ofType(Quantity) <= 5 'mg'", ""},
	{"a display unit alone is no unit", observation, "component.where(code.text = 'shown').value = 5 'mg'", ""},
	{"special units convert", observation, "37 'Cel' = 310.15 'K'", "true"},
	{"arbitrary units do not", observation, "1 '[IU]' = 1 'mg'", "false"},
	{"a calendar year is no Julian year", observation, "1 year = 1 'a'", ""},
	{"but equivalent to one", observation, "(1 year ~ 1 'a') and (1 'mo' ~ 1 month) and (1 year ~ 12 'mo')", "true"},
	{"and to no other", observation, "(1 'd' ~ 1 month) or (1 month ~ 1 'a')", "false"},
	{"and twelve months", observation, "12 months = 1 year", "true"},
	{"an Age element is a number of years", patient, "extension('age').value.ofType(Age) >= 18 years", "true"},
	{"in either notation", patient, "extension('age').value.ofType(Age) >= 18 'a'", "true"},
	{"a computed quantity has a value and a unit", observation, "(5.50 'mg').value | (5.50 'mg').unit", `5.50 "mg"`},
	{"a resource and a reference to it have the same key", patient, "getResourceKey() | generalPractitioner.getReferenceKey(Practitioner)", `"Patient/p" "Practitioner/1"`},
	{"a reference to another type has no key", patient, "generalPractitioner.getReferenceKey(Patient)", ""},
	{"weeks are days", observation, "2 weeks = 14 days", "true"},
	// the rest
	{"a contained resource is found", patient, "managingOrganization.resolve().name", `"Klinik"`},
	{"another is asked of the resolver", patient, "generalPractitioner.resolve().ofType(Practitioner).id", `"1"`},
	{"a choice is found by its name", patient, "multipleBirth", "2"},
	{"and has its type", patient, "multipleBirth is integer", "true"},
	{"subtypes count", patient, "gender is string", "true"},
	{"letters beyond ASCII are one character", patient, "name.family.length()", "1"},
	{"memberOf asks the code list", observation, "code.memberOf('labs')", "true"},
	{"memberOf a bare code", observation, "status.memberOf('labs')", "false"},
	{"variables hold what is given", observation, "%limit > value.value", "true"},
	{"an item that is no Boolean counts as true", patient, "name.exists() and gender", "true"},
	{"regular expressions find parts", patient, "'ICD C61.9'.matches('[A-Z]\\\\d\\\\d')", "true"},
	{"groups are replaced", patient, "'2024-03'.replaceMatches('(\\\\d+)-(\\\\d+)', '$2/$1')", `"03/2024"`},
	{"repeat takes each once", patient, "(1 | 2).repeat(iif($this < 5, $this + 1, {}))", "2 3 4 5"},
	{"index counts within where", patient, "name.given.where($index > 0).count()", "2"},
	{"%resource is the resource", patient, "contact.select(%resource.id)", `"p"`},
}

type onePractitioner struct{ node fhir.Node }

func (p onePractitioner) Resolve(ref string, _ fhir.Node) (fhir.Node, bool) {
	return p.node, ref == "Practitioner/1"
}

func caseOptions(typ string) fhirpath.Options {
	return fhirpath.Options{
		Type:      typ,
		Variables: map[string]fhirpath.Type{"limit": {Names: []string{"System.Decimal"}}},
		CodeLists: func(name string) (func(system, code string) bool, bool) {
			return func(system, code string) bool { return system == "http://loinc.org" && code == "1" }, name == "labs"
		},
	}
}

func caseEnv(t testing.TB) *fhirpath.Env {
	limit, err := fhirpath.Compile("10.0", fhirpath.Options{})
	if err != nil {
		t.Fatal(err)
	}
	values, err := limit.Eval(&fhirpath.Env{}, parseText(t, patient), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &fhirpath.Env{
		AsOf:     time.Date(2024, 3, 31, 0, 30, 0, 0, time.UTC),
		Vars:     map[string][]fhirpath.Value{"limit": values},
		Resolver: onePractitioner{parseText(t, `{"resourceType":"Practitioner","id":"1"}`)},
	}
}

func texts(values []fhirpath.Value) string {
	var all []string
	for _, v := range values {
		all = append(all, string(v.AppendJSON(nil)))
	}
	return strings.Join(all, " ")
}

func TestAnswersAreTheOnesAStudyCanRelyOn(t *testing.T) {
	env := caseEnv(t)
	for _, c := range answers {
		t.Run(c.name, func(t *testing.T) {
			focus := parseText(t, c.on)
			x, err := fhirpath.Compile(c.expression, caseOptions(focus.Get("resourceType").Text()))
			if err != nil {
				t.Fatalf("%s: %v", c.expression, err)
			}
			values, err := x.Eval(env, focus, nil)
			if err != nil {
				t.Fatalf("%s: %v", c.expression, err)
			}
			if got := texts(values); got != c.want {
				t.Errorf("%s gave %s, want %s", c.expression, got, c.want)
			}
		})
	}
}

func TestAZoneDecidesBetweenDatesWithAndWithoutOne(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	focus := parseText(t, observation)
	for _, c := range []struct{ expression, utc, berlin string }{
		{"effective.ofType(dateTime) < @2024-03-06", "true", "true"},
		{"issued < @2024-03-06", "true", "true"},
		{"@2024-03-05T23:30:00Z < @2024-03-06", "true", ""}, // half past midnight of the 6th in Berlin
		{"@2024-03-05T23:00:00Z = @2024-03-06T00:00:00", "false", "true"},
		{"@2024-07-01T22:00:00Z >= @2024-07-02T00:00:00", "false", "true"}, // summer time
		{"now()", `"2024-03-31T00:30:00.000Z"`, `"2024-03-31T01:30:00.000+01:00"`},
		{"timeOfDay()", `"00:30:00.000"`, `"01:30:00.000"`},
	} {
		x, err := fhirpath.Compile(c.expression, fhirpath.Options{Type: "Observation"})
		if err != nil {
			t.Fatalf("%s: %v", c.expression, err)
		}
		for zone, want := range map[*time.Location]string{time.UTC: c.utc, berlin: c.berlin} {
			env := caseEnv(t)
			env.Zone = zone
			values, err := x.Eval(env, focus, nil)
			if err != nil {
				t.Fatalf("%s: %v", c.expression, err)
			}
			if got := texts(values); got != want {
				t.Errorf("%s in %s gave %s, want %s", c.expression, zone, got, want)
			}
		}
	}
}
