package pseudonym

import (
	"fmt"
	"testing"

	"github.com/crflink/crflink/fhir"
)

func traitsOf(t *testing.T, text string) Traits {
	t.Helper()
	res, err := fhir.ReadResource(text, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return TraitsOf(res)
}

func TestTraitsDifferOnlyWhereBothSaySomething(t *testing.T) {
	codes := map[string]string{"male": "1", "female": "2", "unknown": "9"}
	for _, c := range []struct {
		patient, year, sex string
		born, ofSex        bool
	}{
		{`"birthDate":"1950-12-31","gender":"male"`, "1950", "1", true, true},
		{`"birthDate":"1950","gender":"female"`, "1951", "1", false, false},
		{`"birthDate":"1950-01","gender":"male"`, "", "", true, true},
		{`"active":true`, "1950", "1", true, true},
		{`"birthDate":"50-01-01","gender":"unknown"`, "1950", "2", false, true},
		{`"birthDate":"1950-01-01","gender":"male"`, "195", "9", false, true},
		{`"birthDate":"1950-01-01","gender":"other"`, "1950", "2", true, true},
		{`"birthDate":"1950-01-01","gender":"male"`, "1950", "M", true, false},
	} {
		tr := traitsOf(t, `{"resourceType":"Patient","id":"p",`+c.patient+`}`)
		if tr.BornIn(c.year) != c.born || tr.OfSex(c.sex, codes) != c.ofSex {
			t.Errorf("%s, entered %q and %q: born %v, sex %v", c.patient, c.year, c.sex, tr.BornIn(c.year), tr.OfSex(c.sex, codes))
		}
	}
}

func TestTraitsPrintAsDots(t *testing.T) {
	tr := traitsOf(t, `{"resourceType":"Patient","id":"p","birthDate":"1950-12-31","gender":"male"}`)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, tr); got != dots {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
