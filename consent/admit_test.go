package consent

import (
	"testing"

	"github.com/crflink/crflink/fhir"
)

// verdictOn returns the gate's verdict on one resource of the record.
func verdictOn(t *testing.T, rec *fhir.Record, p *Policy, o obj) DropReason {
	t.Helper()
	d := Evaluate(FactsOf(rec), p, asOf(t, today))
	kept, verdicts := admit(rec, d, p)
	i := 0
	for r := range rec.Resources() {
		if r.Type == o["resourceType"] && r.ID == o["id"] {
			if found := kept.Find(r.Key()) != nil; found != verdicts[i].keeps() {
				t.Errorf("verdict %s, but Find says %v", verdicts[i], found)
			}
			return verdicts[i]
		}
		i++
	}
	t.Fatal("the resource is not in the record")
	return ""
}
