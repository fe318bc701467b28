package main

import (
	"encoding/csv"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/synth"
)

// ofPACS is a job on synthetic patients and their PACS.
func ofPACS(t *testing.T, config synth.Config, more string) (*job, *fakepacs.Server) {
	t.Helper()
	pacs, err := synth.NewPACS(t.Context(), config)
	must(t, err)
	server := pacs.Start()
	t.Cleanup(server.Close)
	section := "imaging:\n  window: {before: 30, after: 90}\n  review: match_review.csv\n" + more + "  pacs:\n    dicomweb: " + server.URL + "/dicom-web\n    rate: 1000\n    patient: {systems: [\"" + pidSystem + "\"]}"
	return newJob(t, "files: ["+hospital(t, config.Seed, config.Patients)+"]", "imaging:", section), pacs
}

// decide writes a person's decisions into the list of cases; choose returns the decision of a line, "" for none.
func (j *job) decide(t *testing.T, choose func(row map[string]string) string) {
	t.Helper()
	header, _, _ := strings.Cut(j.read(t, "match_review.csv"), "\n")
	var text strings.Builder
	out := csv.NewWriter(&text)
	columns := strings.Split(header, ",")
	must(t, out.Write(columns))
	for _, row := range j.rows(t, "match_review.csv") {
		if choice := choose(row); choice != "" {
			row["decision"], row["by"] = choice, "Dr. Weber"
		}
		line := make([]string, len(columns))
		for i, name := range columns {
			line[i] = row[name]
		}
		must(t, out.Write(line))
	}
	out.Flush()
	must(t, out.Error())
	j.write(t, "match_review.csv", text.String())
}

// TestAPersonDecidesWhatIsNotLinked goes the way of a case: what linkage leaves open is listed, a person links one resource and
// rejects all studies of another, the next run follows, and the list keeps what was decided.
func TestAPersonDecidesWhatIsNotLinked(t *testing.T) {
	t.Parallel()
	j, _ := ofPACS(t, synth.Config{Seed: 8, Patients: 50}, "  without: [accession-patient, patient-date, series-uid, hashed-id]\n")
	j.sync(t)
	before := len(j.rows(t, "out/imaging/sessions.csv"))
	if s := j.run(t, "imaging", "review", "study.yaml"); s.code != exitDone {
		t.Fatal(s.err)
	}
	offered := map[string]int{} // studies by resource
	for _, row := range j.rows(t, "match_review.csv") {
		if row["resource"] != "" && row["study_uid"] != "" {
			offered[row["resource"]]++
		}
	}
	alone := slices.Sorted(maps.Keys(offered))
	alone = slices.DeleteFunc(alone, func(r string) bool { return offered[r] != 1 })
	if len(alone) < 4 {
		t.Fatalf("%d resources with one study each are to be decided", len(alone))
	}
	linked, rejected := alone[0], alone[1]
	wanted := map[string]string{}
	j.decide(t, func(row map[string]string) string {
		switch row["resource"] {
		case linked:
			wanted = row
			return "link"
		case rejected:
			return "reject"
		}
		return ""
	})
	run := jsonReport(t, j.sync(t, "--json"))
	if run.Cells.Filled == 0 {
		t.Error("nothing was computed")
	}
	found := false
	sessions := j.rows(t, "out/imaging/sessions.csv")
	for _, row := range sessions {
		if row["subject"] == wanted["subject"] && row["study_uid"] == wanted["study_uid"] {
			found = row["method"] == "review" && row["quality"] == "decided"
		}
	}
	if !found || len(sessions) != before+1 {
		t.Errorf("the study that a person linked is there as it should be: %v; %d sessions, %d before", found, len(sessions), before)
	}
	if open := j.rows(t, "out/imaging/sessions_unlinked.csv"); slices.ContainsFunc(open, func(r map[string]string) bool { return r["resource"] == linked }) {
		t.Error("what a person linked is still to be looked at")
	}
	if s := j.run(t, "imaging", "review", "study.yaml", "--json"); s.code != exitDone || !strings.Contains(s.out, `"decided":2`) {
		t.Errorf("the list has %s %s", s.out, s.err)
	}
	kept := map[string]string{}
	for _, row := range j.rows(t, "match_review.csv") {
		if row["decision"] != "" {
			kept[row["resource"]] = row["decision"] + " " + row["by"]
		}
	}
	if !maps.Equal(kept, map[string]string{linked: "link Dr. Weber", rejected: "reject Dr. Weber"}) {
		t.Errorf("the list keeps %v", kept)
	}
}
