package withdrawal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/store/journal"
	"github.com/crflink/crflink/withdrawal"
)

var at = time.Date(2026, 9, 2, 2, 30, 0, 0, time.UTC)

func sign(text []byte) []byte {
	sum := sha256.Sum256(append([]byte("test key"), text...))
	return sum[:]
}

func openJournal(t *testing.T, dir string) (*withdrawal.Journal, error) {
	t.Helper()
	log, err := journal.Open(filepath.Join(dir, journal.FileName))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = log.Close() })
	return withdrawal.Open(log, sign)
}

func refusal(number string, identities ...string) *withdrawal.Refusal {
	return &withdrawal.Refusal{Trace: pseudonym.Trace{Number: number, Identities: identities}, Cause: "withdrawn", Moment: at.Add(-time.Hour)}
}

// story is a withdrawal with all that can happen.
func story() []withdrawal.Entry {
	return []withdrawal.Entry{
		{Kind: withdrawal.Began, At: at, Refusal: refusal("n1", "i1", "i2"), Handling: "erase"},
		{Kind: withdrawal.Opened, At: at, Of: 1, Task: &withdrawal.Job{What: withdrawal.Notify, Where: "Centre B", Deadline: at.AddDate(0, 0, 30)}},
		{Kind: withdrawal.Done, At: at, Of: 1},
		{Kind: withdrawal.Closed, At: at, Of: 2},
		{Kind: withdrawal.Renewed, At: at, Of: 1},
		{Kind: withdrawal.Exceeded, At: at, Loss: &withdrawal.Loss{Delivered: 40, Allowed: 5, Lost: []string{"n2", "n3"}, Refused: []withdrawal.Refusal{*refusal("n2", "i1")}}},
		{Kind: withdrawal.Confirmed, At: at, Of: 6},
		{Kind: withdrawal.Began, At: at, Refusal: refusal("n2", "i1"), Handling: "erase"},
		{Kind: withdrawal.Passed, At: at, Of: 6},
	}
}

func TestAJournalIsReadBackAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	for _, e := range story() { // opened anew for each entry
		j, err := openJournal(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	j, err := openJournal(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	r := j.Register()
	all := r.Withdrawals()
	if len(all) != 2 || r.Entries() != 9 || r.Limit() != nil {
		t.Fatalf("%d withdrawals, %d entries, limit %v", len(all), r.Entries(), r.Limit())
	}
	first, second := all[0], all[1]
	if !first.Done || !first.Renewed || first.Generation != 1 || second.Done || second.Generation != 2 {
		t.Errorf("%+v, %+v", first, second)
	}
	if r.OfIdentity("i1") != second || r.OfIdentity("i2") != first || r.OfNumber("n1") != first || r.OfNumber("n3") != nil {
		t.Error("a trace leads to another withdrawal")
	}
	task := r.TaskOf(1, withdrawal.Notify, "Centre B")
	if task == nil || !task.Closed || r.Open(1) || task.Overdue(at.AddDate(1, 0, 0)) || len(r.Tasks(0)) != 1 {
		t.Errorf("task %+v", task)
	}
}

func TestAnOpenTaskIsOverdueBehindItsDeadline(t *testing.T) {
	j, err := openJournal(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(story()[:2]...); err != nil {
		t.Fatal(err)
	}
	task := j.Register().Tasks(1)[0]
	if task.Overdue(at.AddDate(0, 0, 30)) || !task.Overdue(at.AddDate(0, 0, 31)) || !j.Register().Open(1) {
		t.Errorf("%+v", task)
	}
}

func TestEntriesWithoutSenseAreRefused(t *testing.T) {
	for name, e := range map[string]withdrawal.Entry{
		"a withdrawal without a trace":     {Kind: withdrawal.Began, Refusal: refusal("")},
		"a second of one subject":          {Kind: withdrawal.Began, Refusal: refusal("n1", "i1")},
		"the end of no withdrawal":         {Kind: withdrawal.Done, Of: 7},
		"a task of no withdrawal":          {Kind: withdrawal.Opened, Of: 7, Task: &withdrawal.Job{}},
		"a subject's task without one":     {Kind: withdrawal.Opened, Task: &withdrawal.Job{What: withdrawal.Merged}},
		"a subject's task of a withdrawal": {Kind: withdrawal.Opened, Of: 1, Task: &withdrawal.Job{What: withdrawal.Merged, Subjects: []string{"n1"}}},
		"another task of no withdrawal":    {Kind: withdrawal.Opened, Task: &withdrawal.Job{What: withdrawal.Notify, Subjects: []string{"n1"}}},
		"the end of no task":               {Kind: withdrawal.Closed, Of: 1},
		"a word to no limit":               {Kind: withdrawal.Confirmed, Of: 1},
		"another kind":                     {Kind: "else"},
	} {
		j, err := openJournal(t, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(story()[0]); err != nil {
			t.Fatal(err)
		}
		if j.Append(e) == nil || j.Register().Entries() != 1 {
			t.Errorf("%s was written", name)
		}
	}
}

func TestATaskAboutSubjectsBelongsToNoWithdrawal(t *testing.T) {
	j, err := openJournal(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	about := []string{"n1", "n2"}
	opened := withdrawal.Entry{Kind: withdrawal.Opened, At: at, Task: &withdrawal.Job{What: withdrawal.Merged, Subjects: about, Deadline: at.AddDate(0, 0, 30)}}
	if err := j.Append(opened); err != nil {
		t.Fatal(err)
	}
	r := j.Register()
	task := r.OpenAbout(withdrawal.Merged, about)
	if task == nil || task.Withdrawal != 0 || r.OpenAbout(withdrawal.Parted, about) != nil || r.OpenAbout(withdrawal.Merged, about[:1]) != nil || !r.Empty() {
		t.Fatalf("task %+v", task)
	}
	if err := j.Append(withdrawal.Entry{Kind: withdrawal.Closed, At: at, Of: task.N}); err != nil || r.OpenAbout(withdrawal.Merged, about) != nil {
		t.Errorf("it is still open: %v", err)
	}
}

// TestADamagedJournalIsRefused alters, removes, repeats and swaps lines.
func TestADamagedJournalIsRefused(t *testing.T) {
	dir := t.TempDir()
	j, err := openJournal(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(story()...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, journal.FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines = lines[:len(lines)-1]
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	for name, text := range map[string][]byte{
		"a letter is another":   []byte(strings.Replace(string(whole), "Centre B", "Centre C", 1)),
		"a line is gone":        join(append(append([][]byte{}, lines[:3]...), lines[4:]...)...),
		"the first is gone":     join(lines[1:]...),
		"two are swapped":       join(append([][]byte{lines[0], lines[2], lines[1]}, lines[3:]...)...),
		"one is there twice":    join(append(append([][]byte{}, lines...), lines[8])...),
		"a line of another's":   append(bytes.Clone(whole), []byte("hello\n")...),
		"an empty line":         append(bytes.Clone(whole), '\n'),
		"a line end is missing": bytes.Replace(whole, []byte("\n"), []byte(" "), 1),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openJournal(t, dir); !errors.Is(err, withdrawal.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALineThatWasNeverFinishedIsNotThere(t *testing.T) {
	dir := t.TempDir()
	j, err := openJournal(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(story()[:3]...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, journal.FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	third := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := third; cut < len(whole); cut += 17 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(t, dir)
		if err != nil || j.Register().Entries() != 2 {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := j.Append(story()[2]); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
			t.Fatalf("cut at %d: the journal is another one after the entry was repeated: %v", cut, err)
		}
	}
}
