package pseudonym_test

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

// allowed is a scope of paths with all that is in them.
type allowed []string

func (a allowed) Keeps(path string) (whole, some bool) {
	for _, p := range a {
		whole = whole || path == p || strings.HasPrefix(path, p+".")
		some = some || whole || strings.HasPrefix(p, path+".")
	}
	return whole, some
}

func (a allowed) Hash() string { return strings.Join(a, ",") }

func TestAProfileIsNarrowedToWhatIsAuthorised(t *testing.T) {
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	narrow := profile.Within(allowed{"Observation.valueQuantity", "Observation.code.coding", "Condition"})
	for path, want := range map[string]string{
		"Observation.valueQuantity.unit": profile.Action("Observation.valueQuantity.unit"), "Observation.valueString": "drop",
		"Observation.code.coding.code": "keep code", "Observation.code.text": "drop", "Condition.recordedDate": profile.Action("Condition.recordedDate"),
		"Patient.gender": "drop", "Patient": "drop", "Observation": "keep",
	} {
		if got := narrow.Action(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if profile.Action("Patient.gender") == "drop" || profile.Hash() == narrow.Hash() {
		t.Error("the profile itself was changed, or the narrowed one is taken for it")
	}
	if profile.Within(allowed{"Condition"}).Hash() == narrow.Hash() {
		t.Error("two scopes have one hash")
	}
}
