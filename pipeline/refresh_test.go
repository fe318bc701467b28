package pipeline_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// nights are runs of a study on one day after the other, each by a program that remembers nothing of the last.
type nights struct {
	site
	study  *pipeline.Study
	pacs   *fakepacs.Server
	url    string
	folder string
	asked  int // requests that the PACS had before
}

func newNights(t *testing.T, patients, refresh int) *nights {
	t.Helper()
	config := synth.Config{Seed: 3, Patients: patients}
	n := &nights{site: newSite(t, config.Seed, config.Patients), study: exampleStudy(t)}
	n.pacs, n.url = pacsOf(t, config)
	n.folder = filepath.Join(t.TempDir(), "imaging")
	n.study.Imaging.Folder = n.folder
	n.setRefresh(t, refresh)
	return n
}

func (n *nights) setRefresh(t *testing.T, refresh int) {
	t.Helper()
	parts := openParts(t, n.study, n.site.folder)
	withPACS(t, &parts, n.url)
	n.study.Imaging.PACS.Refresh, n.study.Imaging.Folder = refresh, n.folder
}

// run runs the study so many days behind the day of the truth. It returns the PatientIDs that the PACS was asked for, how many
// requests it got, and the sessions.
func (n *nights) run(t *testing.T, day int, full bool) (patients map[string]bool, requests int, sessions map[string]map[string]string) {
	t.Helper()
	parts := openParts(t, n.study, n.site.folder)
	refresh := n.study.Imaging.PACS.Refresh
	withPACS(t, &parts, n.url)
	n.study.Imaging.PACS.Refresh, n.study.Imaging.Folder = refresh, n.folder
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(n.study.Zone).AddDate(0, 0, day), Workers: 2, Full: full})
	if err != nil || len(outcome.Tally.Failed) > 0 {
		t.Fatal(err, outcome)
	}
	queries := n.pacs.Queries()
	patients = map[string]bool{}
	for _, q := range queries[n.asked:] {
		if _, id, ok := strings.Cut(q, "00100020="); ok {
			id, _, _ = strings.Cut(id, "&")
			patients[id] = true
		}
	}
	requests, n.asked = len(queries)-n.asked, len(queries)
	return patients, requests, sessionsOf(t, n.folder)
}

// A PACS is not asked for everybody each night: of whom nothing has changed, once in so many days, each on a day of their own. What
// it said last is delivered meanwhile.
func TestAPACSIsAskedAgainInTurn(t *testing.T) {
	n := newNights(t, 60, 5)
	all, _, first := n.run(t, 1, false)
	if len(all) < 40 || len(first) < 40 {
		t.Fatalf("the first night %d patients were asked for, and %d studies linked", len(all), len(first))
	}
	if again, requests, _ := n.run(t, 1, false); len(again) != 0 || requests != 0 {
		t.Errorf("on the same day %d patients were asked for again", len(again))
	}
	later := map[string]int{}
	for day := 2; day <= 6; day++ {
		some, _, sessions := n.run(t, day, false)
		for id := range some {
			later[id]++
		}
		if len(some) == 0 || len(some) > len(all)/2 {
			t.Errorf("on day %d %d of %d patients were asked for", day, len(some), len(all))
		}
		if len(sessions) != len(first) {
			t.Errorf("on day %d %d studies are delivered, on the first %d", day, len(sessions), len(first))
		}
	}
	for id, times := range later {
		if times != 1 {
			t.Errorf("a patient was asked for %d times in 5 nights", times)
		}
		delete(all, id)
	}
	if len(all) != 0 {
		t.Errorf("%d patients were not asked for again in 5 nights", len(all))
	}
	if some, _, _ := n.run(t, 6, true); len(some) != len(later) {
		t.Errorf("with --full %d of %d patients were asked for", len(some), len(later))
	}
	if skipped, _, _ := n.run(t, 30, false); len(skipped) != len(later) {
		t.Errorf("after nights without a run %d of %d patients were asked for", len(skipped), len(later))
	}
}

// What the FHIR server has new of a patient leads to the PACS at once, however lately it was asked.
func TestANewAnchorLeadsToThePACSAtOnce(t *testing.T) {
	n := newNights(t, 40, 300)
	n.run(t, 0, false)
	truth, image := anyImage(t, n.site)
	n.pacs.Add(fakepacs.Study{UID: image.UID + ".7", Patients: []string{truth.PID}, Date: "20240901", Series: []fakepacs.Series{{UID: image.UID + ".7.1", Modality: "PT", Instances: 1}}})
	if some, _, _ := n.run(t, 1, false); some[truth.PID] {
		t.Fatal("the patient's turn comes on the second day already: the test shows nothing")
	}
	file := filepath.Join(n.site.folder, "ImagingStudy.ndjson")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(`"id":"`+image.Resource+`"`)) {
			text = append(text, bytes.ReplaceAll(bytes.ReplaceAll(line, []byte(image.Resource), []byte("new-study")), []byte(image.UID), []byte(image.UID+".7"))...)
			break
		}
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if some, _, _ := n.run(t, 2, false); !some[truth.PID] || len(some) > 5 {
		t.Errorf("%d patients were asked for, the one with the new resource: %v", len(some), some[truth.PID])
	}
}

// described counts sessions by all that does not come from the secrets of a vault, as the order of two on one day does.
func described(sessions map[string]map[string]string) map[string]int {
	all := map[string]int{}
	for _, s := range sessions {
		all[strings.Join([]string{s["subject"], s["date"], s["days_from_index"], s["modalities"], s["method"], s["quality"], s["window"]}, " ")]++
	}
	return all
}

// With 0 the PACS is asked in every run, and what is linked does not depend on how often it is asked.
func TestHowOftenThePACSIsAskedChangesNoLink(t *testing.T) {
	every, turns := newNights(t, 30, 0), newNights(t, 30, 4)
	for day := range 6 {
		all, _, a := every.run(t, day, false)
		_, _, b := turns.run(t, day, false)
		if len(all) < 20 {
			t.Errorf("on day %d %d patients were asked for", day, len(all))
		}
		if !maps.Equal(described(a), described(b)) {
			t.Errorf("on day %d %d studies are linked, and %d where the PACS is asked in turn", day, len(a), len(b))
		}
	}
}
