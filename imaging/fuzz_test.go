package imaging

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

// Whatever a resource says: no crash, no ImagingStudy is lost, no link without a pseudonym, and no text of the source
// reaches the tables unless it is a modality.
func FuzzLocateLosesNothing(f *testing.F) {
	for _, c := range forms {
		f.Add(strings.ReplaceAll(strings.Join(c.resources, "\n"), "@", `"`))
	}
	subject := subjectOf(f, "S-1")
	candidates := list(f, "study_uid,accession,patient,date,series_uid\n"+uidA+",A100,4711,20230210,"+serA+"\n", miracum)
	f.Fuzz(func(t *testing.T, text string) {
		var all record
		for line := range strings.Lines(text) {
			if res, err := fhir.ReadResource(line, fhir.Origin{}); err == nil {
				all = append(all, res)
			}
		}
		for _, rules := range []*Rules{{}, {Modalities: []string{"PT"}, PatientSystems: []string{pid}, Candidates: candidates}} {
			found, err := locate(all, subject, rules, shiftBy(-7, "2023-02-08"))
			if err != nil {
				t.Fatal("a resource stopped the patient")
			}
			lawful(t, found)
		}
	})
}

func lawful(t *testing.T, found Found) {
	t.Helper()
	c := found.Counts
	unlinked, sources := 0, 0
	for _, n := range c.Unlinked {
		unlinked += n
	}
	for i, l := range found.Links {
		sources += len(l.Resources)
		if l.Session != i+1 || l.Candidates != 1 || (l.StudyUID == "") != (l.Method == ByNumber) || l.Method == ByNumber && l.Accession == "" {
			t.Errorf("link %d by %s is not lawful", i, l.Method)
		}
		if l.StudyUID != "" && !strings.HasPrefix(l.StudyUID, "2.25.") {
			t.Error("a study UID is not pseudonymous")
		}
	}
	if c.Linked != sources || unlinked != len(found.Unlinked) || c.Linked+unlinked+c.OutOfScope != c.Resources {
		t.Errorf("lost: %+v with %d links of %d sources, %d unlinked", c, len(found.Links), sources, len(found.Unlinked))
	}
	var out bytes.Buffer
	if err := WriteSessions(&out, &out, only(found)); err != nil {
		t.Error(err)
	}
	if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) || strings.Contains(out.String(), fmt.Sprint(uidA)) {
		t.Error("text of the source is in a table")
	}
}
