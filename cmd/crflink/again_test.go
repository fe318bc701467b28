package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/crflink/crflink/report"
)

// seenFile is what must not change about a delivered file.
type seenFile struct {
	content string
	written time.Time
	inode   os.FileInfo
}

func (j *job) seen(t *testing.T) map[string]seenFile {
	t.Helper()
	all := map[string]seenFile{}
	for name, content := range j.delivered(t) {
		info, err := os.Stat(j.path("out/" + name))
		must(t, err)
		all[name] = seenFile{content, info.ModTime(), info}
	}
	return all
}

// TestASecondSyncWritesNothing runs again at one as-of: neither a cell nor a delivered file may change, also when every
// subject is computed anew.
func TestASecondSyncWritesNothing(t *testing.T) {
	j := newJob(t, "files: ["+hospital(t, 1, 120)+"]")
	first := jsonReport(t, j.sync(t, "--json"))
	if first.Cells.New < 3000 || first.Imaging.Linked == 0 {
		t.Fatalf("only %d cells are filled and %d studies linked", first.Cells.New, first.Imaging.Linked)
	}
	before, dump := j.seen(t), j.dump(t)
	if len(before) < 20 {
		t.Errorf("only %d files are delivered", len(before))
	}
	for _, more := range [][]string{{"--json"}, {"--json", "--full"}} {
		again := jsonReport(t, j.sync(t, more...))
		if c := again.Cells; c.New != 0 || c.Changed != 0 || c.Vanished != 0 || c.Filled != first.Cells.Filled {
			t.Errorf("sync %v: %+v, want the %d filled cells and no other count", more, c, first.Cells.Filled)
		}
		for _, target := range again.Targets {
			if target.Rows != 0 {
				t.Errorf("sync %v: target %s wrote %d files", more, target.Name, target.Rows)
			}
		}
		after := j.seen(t)
		if !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
			t.Errorf("sync %v: other files are delivered", more)
		}
		for name, was := range before {
			is := after[name]
			if is.content != was.content || !is.written.Equal(was.written) || !os.SameFile(is.inode, was.inode) {
				t.Errorf("sync %v touched %s", more, name)
			}
		}
		if j.dump(t) != dump {
			t.Errorf("sync %v changed the ledger", more)
		}
	}
	t.Logf("%d cells, %d files", first.Cells.New, len(before))
}

func jsonReport(t *testing.T, s said) report.Run {
	t.Helper()
	var run report.Run
	must(t, json.Unmarshal([]byte(s.out), &run))
	return run
}
