package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/report"
)

// TestWhatIsRecalledOfFilesChangesNoDecision runs nights of many years on files of which no byte changes, once with what was learnt of
// them the night before and once without: consents begin, end and lapse meanwhile.
func TestWhatIsRecalledOfFilesChangesNoDecision(t *testing.T) {
	folder := hospital(t, 3, 120)
	recalls, reads := newJob(t, "files: ["+folder+"]", "\nstate:", "\nmaxLost: 1000\nstate:"), newJob(t, "files: ["+folder+"]", "\nstate:", "\nmaxLost: 1000\nstate:")
	outcomes := map[report.Count]bool{}
	for _, day := range []string{"2021-03-01", "2023-06-15", "2026-09-01", "2026-09-02", "2031-01-01", "2035-12-01"} {
		var runs [2]report.Run
		for i, j := range []*job{recalls, reads} {
			if err := os.Remove(reads.path("out/state/" + filesKnown)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			s := j.run(t, "sync", "study.yaml", "--as-of", day, "--replay", "--json")
			if s.code != exitDone && s.code != exitIncomplete {
				t.Fatalf("%s: %d %s", day, s.code, s.err)
			}
			runs[i] = jsonReport(t, s)
		}
		if d := cmp.Diff(runs[1].Patients, runs[0].Patients) + cmp.Diff(runs[1].Cells, runs[0].Cells); d != "" {
			t.Errorf("%s: other patients or cells\n%s", day, d)
		}
		if a, b := recalls.decided(t), reads.decided(t); a != b {
			t.Errorf("%s: %d decisions are new, and %d where the files are read", day, a, b)
		}
		outcomes[runs[0].Patients.Delivered] = true
	}
	if len(outcomes) < 3 {
		t.Errorf("the days decide alike: %v", outcomes)
	}
}

// decided counts the decisions that the audit has: one is new where it says anything else than the one before.
func (j *job) decided(t *testing.T) int {
	t.Helper()
	return strings.Count(j.run(t, "audit", "show", "study.yaml", "--kind", string(audit.Decided)).out, string(audit.Decided))
}
