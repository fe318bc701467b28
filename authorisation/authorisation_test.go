package authorisation_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/yamldoc"
)

const whole = `
approvals: [{body: use-and-access, number: UAC-1}, {body: ethics, number: EK 2}]
recipients:
  - {name: office, contact: office@example.org, outputs: [tables, imaging]}
  - {name: sponsor, outputs: tables}
modules: [Diagnose]
elements: [Patient.gender, Patient.address.country, Observation.code, Observation.valueQuantity, "Procedure.performed[x]", Encounter]
valid-until: 2027-12-31
erase-by: 2028-06-30
`

func read(t *testing.T, text string) (*authorisation.Authorisation, *yamldoc.Doc) {
	t.Helper()
	doc := yamldoc.Parse("study.yaml", []byte(text))
	a, _ := authorisation.Read(doc.Root())
	return a, doc
}

func must(t *testing.T, text string) *authorisation.Authorisation {
	t.Helper()
	a, doc := read(t, text)
	if err := doc.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return a
}

func day(t *testing.T, text string) fhir.Day {
	t.Helper()
	d, err := fhir.ParseDay(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDataMayBeUsedUntilTheLastDay(t *testing.T) {
	a := must(t, whole)
	for on, want := range map[string]string{
		"2027-12-31": "", "2028-01-01": "it ended on 2027-12-31", "2028-06-30": "it ended", "2028-07-01": "had to be erased by 2028-06-30",
	} {
		err := a.On(day(t, on))
		if want == "" && err != nil || want != "" && (!errors.Is(err, authorisation.ErrRefused) || !strings.Contains(err.Error(), want)) {
			t.Errorf("on %s: %v, want %q", on, err, want)
		}
	}
}

func TestOnlyNamedRecipientsReceive(t *testing.T) {
	a := must(t, whole)
	if err := a.To("tables"); err != nil {
		t.Error(err)
	}
	if err := a.To("odm"); !errors.Is(err, authorisation.ErrRefused) {
		t.Errorf("an output that nobody receives: %v", err)
	}
	var names []string
	for _, r := range a.RecipientsOf("tables") {
		names = append(names, r.Name+" "+r.Contact)
	}
	if got := strings.Join(names, ";"); got != "office office@example.org;sponsor " {
		t.Errorf("the tables go to %q", got)
	}
	if got := strings.Join(a.Numbers(), ";"); got != "use-and-access UAC-1;ethics EK 2" {
		t.Errorf("approved by %q", got)
	}
}

func TestNoAuthorisationRefusesNothingAndNamesNobody(t *testing.T) {
	var none *authorisation.Authorisation
	if none.On(fhir.LastDay) != nil || none.To("tables") != nil || none.RecipientsOf("tables") != nil || none.Numbers() != nil {
		t.Error("an authorisation that was never given says something")
	}
}

func TestAnElementIsPermittedWithAllThatIsInIt(t *testing.T) {
	s := must(t, whole).Scope
	for path, want := range map[string]authorisation.Part{
		"Condition": authorisation.Whole, "Condition.code.coding.code": authorisation.Whole, "Encounter.period": authorisation.Whole,
		"Observation": authorisation.Some, "Observation.code.coding.system": authorisation.Whole, "Observation.valueQuantity.unit": authorisation.Whole,
		"Observation.valueString": authorisation.Nothing, "Observation.note": authorisation.Nothing, "Observation.status": authorisation.Whole,
		"Observation.effectiveDateTime": authorisation.Nothing, "Procedure.performedPeriod.start": authorisation.Whole, "Procedure.performedString": authorisation.Whole,
		"Procedure.code": authorisation.Nothing, "Patient.gender": authorisation.Whole, "Patient.genderIdentity": authorisation.Nothing,
		"Patient.address": authorisation.Some, "Patient.address.country": authorisation.Whole, "Patient.address.city": authorisation.Nothing,
		"Patient.birthDate": authorisation.Nothing, "Specimen": authorisation.Nothing, "Specimen.type": authorisation.Nothing,
	} {
		if got := s.Element(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
		if s.Reads(path) != (want != authorisation.Nothing) {
			t.Errorf("%s: a rule may read it: %t", path, s.Reads(path))
		}
	}
}

func TestDatesStayForTheWindowsButNoRuleReadsThem(t *testing.T) {
	s := must(t, whole).Scope
	for path, want := range map[string][2]bool{
		"Observation.effectiveDateTime": {true, true}, "Observation.effectivePeriod.start": {true, true}, "Observation.note": {false, false},
		"Patient.address": {false, true}, "Specimen.collection": {false, false}, "Observation.valueQuantity": {true, true},
	} {
		if whole, some := s.Keeps(path); [2]bool{whole, some} != want {
			t.Errorf("%s: %t %t, want %v", path, whole, some, want)
		}
	}
	var every *authorisation.Scope
	if whole, _ := every.Keeps("Specimen.note"); !whole || !every.Reads("Patient.name") {
		t.Error("no scope does not permit everything")
	}
}

func TestTheScopeHasAHash(t *testing.T) {
	one, again, other := must(t, whole).Scope.Hash(), must(t, whole).Scope.Hash(), must(t, strings.Replace(whole, "Patient.gender, ", "", 1)).Scope.Hash()
	if one != again || one == other {
		t.Errorf("%s %s %s", one, again, other)
	}
	if must(t, strings.Replace(whole, "UAC-1", "UAC-2", 1)).Scope.Hash() != one {
		t.Error("the number of an approval changes what is computed")
	}
}

func TestEveryModuleNamesResourceTypes(t *testing.T) {
	if len(authorisation.Modules()) < 14 {
		t.Errorf("only %v", authorisation.Modules())
	}
	for _, m := range authorisation.Modules() {
		for _, typ := range authorisation.TypesOf(m) {
			if x := model.Lookup(typ); x == nil || x.Kind != model.Resource {
				t.Errorf("module %s permits %s, which is no resource type", m, typ)
			}
		}
	}
}

func TestEveryMistakeOfAnAuthorisationIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"modules: [diagnose]":                           "the authorisation names no approval",
		"modules: [diagnosis]":                          `"diagnosis" is no module of the MII core data set`,
		"approvals: [{number: 1}]":                      "does not say who gave it",
		"approvals: [{body: ethics}]":                   "the approval has no number",
		"approvals: [{body: etics}]":                    `"etics" is not possible here`,
		"recipients: []":                                "names no recipient",
		"recipients: [{name: x}]":                       "nothing says what the recipient receives",
		"recipients: [{outputs: [tables]}]":             "the recipient has no name",
		"valid-until: soon":                             `"soon" is not a date`,
		"valid-until: 2027-01-01":                       "erase-by is missing",
		"valid-until: 2027-01-01\nerase-by: 2026-01-01": "erase-by lies before valid-until",
		"elements: [Observatoin]":                       `"Observatoin" is no resource type`,
		"elements: [Observation.valu]":                  "Observation has no element valu",
		"elements: [Observation.gender.code]":           "Observation has no element gender.code",
		"elements: [Condition.code.coding.code]":        "read with its certainty",
		"erase-by: 2026-01-01":                          "nothing says which data",
		"until: 2026-01-01":                             `unknown key "until"`,
	} {
		_, doc := read(t, text)
		if !strings.Contains(doc.Findings.Error(), want) {
			t.Errorf("%s\ngives %s\nwithout %q", text, doc.Findings.Error(), want)
		}
	}
}
