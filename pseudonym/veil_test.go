package pseudonym

import (
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

func TestTheOfficialTestDataPassTheVeil(t *testing.T) {
	from := withPatient(t, texts(t, shared.Dir(t, "data", "mii-kds-testdata", "resources")))
	rec, report, err := testVeil(t, Shift).apply(from, false, testSubject(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report.Resources, report.Kept, len(written(rec)))
	for _, d := range report.Dropped {
		if d.Reason != ByProfile {
			t.Log(d.Path, d.Reason, d.Count)
		}
	}
}

func TestTheBuiltInProfileIsSmall(t *testing.T) {
	if n := len(builtIn(t).paths); n > 60_000 {
		t.Errorf("%d rules", n)
	} else {
		t.Log(n)
	}
}
