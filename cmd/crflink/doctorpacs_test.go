package main

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
)

func TestTheDoctorFindsAPACSThatIgnoresItsKeys(t *testing.T) {
	study := fakepacs.Study{UID: "1.2.3", Patients: []string{"P1"}, Date: "20230101"}
	for _, c := range []struct {
		habits []fakepacs.Habit
		says   string
		code   int
	}{
		{nil, "heeds PatientID and StudyInstanceUID", exitServer}, // the source of this study is not there
		{[]fakepacs.Habit{fakepacs.IgnoresKeys}, "did not heed what it was asked for", exitServer},
	} {
		pacs := fakepacs.New(study)
		pacs.Habits = c.habits
		server := pacs.Start()
		j := newJob(t, "files: [nothing-here]", "imaging:", "imaging:\n  pacs: {dicomweb: \""+server.URL+"/dicom-web\", rate: 1000, patient: {systems: [\""+pidSystem+"\"]}}")
		s := j.run(t, "doctor", "study.yaml")
		server.Close()
		if s.code != c.code || !strings.Contains(s.out, c.says) {
			t.Errorf("%d:\n%s%s", s.code, s.out, s.err)
		}
	}
}
