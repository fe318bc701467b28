package mapping_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// TestAFormUsesOfOthersOnlyWhatIsPermittedForBoth gives each form the whole record, and takes away what is permitted for
// several together.
func TestAFormUsesOfOthersOnlyWhatIsPermittedForBoth(t *testing.T) {
	s := study(t, "testdata/language")
	record, err := admit(t)(t.Context(), time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), results(t))
	if err != nil {
		t.Fatal(err)
	}
	fill := func(of func(forms ...string) *pseudonym.Record) map[string]ecrf.Cell {
		book, err := s.Mapping.Fill(mapping.Input{Record: record, Zone: s.Zone, Of: of})
		if err != nil {
			t.Fatal(err)
		}
		cells := map[string]ecrf.Cell{}
		for _, in := range book.Instances() {
			for _, c := range in.Cells {
				cells[in.Form+"."+c.Item+in.Key] = c
			}
		}
		return cells
	}
	asked := map[string]bool{}
	all := fill(func(forms ...string) *pseudonym.Record {
		asked[together(forms)] = true
		return record
	})
	one := fill(nil)
	for name, c := range one {
		if all[name] != c {
			t.Errorf("%s: %+v where every form has the whole record, %+v where there is one for all", name, all[name], c)
		}
	}
	known := map[string]bool{}
	for _, forms := range s.Mapping.Crossings() {
		known[together(forms)] = true
	}
	for forms := range asked {
		if !known[forms] {
			t.Errorf("%s are asked for together and not announced", forms)
		}
	}
	if !asked["cross days units"] {
		t.Errorf("what days uses of units through cross is not asked for: %v", asked)
	}
	for _, chain := range []string{"cross units", "days cross", "units"} {
		left := fill(func(forms ...string) *pseudonym.Record {
			if strings.Join(forms, " ") == chain {
				return nil
			}
			return record
		})
		for name, c := range left {
			form, _, _ := strings.Cut(name, ".")
			switch first, _, several := strings.Cut(chain, " "); {
			case !several && form == first:
				if c.Missing != ecrf.NoConsent || c.Value != "" {
					t.Errorf("without %s: %s is %+v", chain, name, c)
				}
			case form != first && c != all[name]:
				t.Errorf("without %s: %s is %+v", chain, name, c)
			}
		}
	}
}

func together(forms []string) string {
	return strings.Join(slices.Sorted(slices.Values(forms)), " ")
}

func TestTheTypesOfSomeFormsAreFewer(t *testing.T) {
	s := study(t, exampleStudy)
	labs := s.Mapping.TypesOf(func(form string) bool { return form == "labs" })
	if !slices.Equal(labs, []string{"ImagingStudy", "Observation", "Patient"}) {
		t.Errorf("labs reads %v", labs)
	}
	if all := s.Mapping.TypesOf(func(string) bool { return true }); !slices.Equal(all, s.Mapping.Types()) {
		t.Errorf("all forms read %v, the mapping %v", all, s.Mapping.Types())
	}
}
