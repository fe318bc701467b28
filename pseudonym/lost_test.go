package pseudonym

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
)

const lostFile = "testdata/lost.golden"

// TestWhatTheModulesLoseIsReviewed lists the elements of the official test data of the MII modules that do not come through, and
// why. The list is reviewed by people: nothing that a study needs is lost unseen, and a change of the profile shows here.
func TestWhatTheModulesLoseIsReviewed(t *testing.T) {
	v := testVeil(t, None)
	lost, read := map[string]bool{}, 0
	for _, text := range texts(t, shared.Dir(t, "data", "mii-kds-testdata", "resources")) {
		_, report, err := v.apply(withPatient(t, []string{text}), false, testSubject(), nil)
		if err != nil {
			t.Fatal(err)
		}
		read++
		for _, d := range report.Dropped {
			lost[fmt.Sprintf("%s: %s", d.Path, d.Reason)] = true
		}
	}
	if read < 200 {
		t.Fatalf("only %d resources were read", read)
	}
	got := strings.Join(slices.Sorted(maps.Keys(lost)), "\n") + "\n"
	golden.Equal(t, lostFile, got)
}
