package imaging

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/golden"
)

// plain replaces the keyed values, which the vault's random secret changes with every test run.
func plain(found Found) Found {
	for i := range found.Links {
		l := &found.Links[i]
		l.StudyUID, l.Accession, l.Resources = mark("uid", l.StudyUID), mark("accession", l.Accession), l.Resources[:1]
	}
	for i := range found.Unlinked {
		found.Unlinked[i].Resource = "resource"
	}
	return found
}

func mark(name, s string) string {
	if s == "" {
		return ""
	}
	return name
}

func TestTheTablesOfSessions(t *testing.T) {
	petct := strings.Replace(imaging("i3", both(uidB, "A200")+`,@series@:[{@uid@:@`+serA+`@,@modality@:{@code@:@CT@}},{@uid@:@`+serB+`@,@modality@:{@code@:@PT@}}]`), "2023-02-10", "2023-08-01", 1)
	found := plain(run(t, resources(t, imaging("i1", identifier("urn:dicom:uid", uidA)), petct, imaging("i2", accessionOf("A300")), imaging("i4", "")), Rules{}))
	// Sessions 1 and 2 are of one day and stand in the order of random pseudonyms.
	if found.Links[0].Method != ByDICOMUID {
		found.Links[0], found.Links[1] = found.Links[1], found.Links[0]
		found.Links[0].Session, found.Links[1].Session = 1, 2
	}
	var sessions, unlinked bytes.Buffer
	if err := WriteSessions(&sessions, &unlinked, only(found)); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/sessions.csv", sessions.Bytes())
	golden.Equal(t, "testdata/sessions_unlinked.csv", unlinked.Bytes())
}

// only yields one subject.
func only(found Found) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) { yield(found, nil) }
}

func TestOriginalsAreForTheirOwnerOnly(t *testing.T) {
	found := run(t, resources(t, imaging("i1", both(uidA, "A100")+`,@series@:[{@uid@:@`+serA+`@}]`)), Rules{})
	dir := filepath.Join(t.TempDir(), "restricted")
	for range 2 { // again over what is there
		w, err := WriteRestricted(dir, MapFile, found.Restricted)
		if err != nil || w.Rows != 3 || w.Shared != 0 {
			t.Fatalf("got %+v, %v", w, err)
		}
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, MapFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: want mode %04o, got %v, %v", path, mode, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, MapFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"subject,level,original,pseudonym", "S-1,study," + uidA + "," + found.Links[0].StudyUID, "S-1,series," + serA, "S-1,accession,A100," + found.Links[0].Accession} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the table lacks %q", want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the folder holds %d files, want 1", len(entries))
	}
}

func TestAFolderThatOthersMayEnterIsRefused(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, link} {
		if _, err := WriteRestricted(dir, MapFile, nil); err == nil {
			t.Errorf("%s was taken", dir)
		}
	}
}

func TestAStudyOfTwoSubjectsIsCounted(t *testing.T) {
	all := resources(t, imaging("i1", both(uidA, "A100")))
	a := must(locate(all, subjectOf(t, "S-1"), &Rules{}, Dates{}))
	b := must(locate(all, subjectOf(t, "S-2"), &Rules{}, Dates{}))
	w, err := WriteRestricted(filepath.Join(t.TempDir(), "r"), MapFile, append(a.Restricted, b.Restricted...))
	if err != nil || w.Shared != 1 || w.Rows != 4 {
		t.Errorf("got %+v, %v", w, err)
	}
}

func TestEveryMistakeInAReviewIsNamedAtOnce(t *testing.T) {
	head := strings.Join(reviewHeader, ",")
	row := func(subject, study, decision, by string) string {
		return "\n" + subject + ",r1," + study + ",no-key,,,,,,,,,," + decision + "," + by + ","
	}
	text := head + row("S-1", "2.25.1", "perhaps", "a") + row("S-1", "", "link", "a") + row("", "2.25.1", "reject", "a") + row("S-1", "2.25.2", "LINK", "") + row("S-1", "2.25.3", "", "") +
		row("S-1", "2.25.4", "link", "a") + row("S-1", "2.25.4", "reject", "b")
	_, err := ReadReview("review.csv", strings.NewReader(text))
	found, ok := errors.AsType[finding.List](err)
	if !ok || len(found) != 5 {
		t.Errorf("want 5 findings, got %v", err)
	}
	for _, part := range []string{":2:", ":3:", ":4:", ":5:", ":8:"} {
		if !strings.Contains(err.Error(), "review.csv"+part) {
			t.Errorf("no finding at %s: %v", part, err)
		}
	}
	for name, text := range map[string]string{"no header": "1,2\n", "a column is missing": strings.Replace(head, "decision", "decided", 1) + "\n", "not CSV": head + "\n\"x\n"} {
		if _, err := ReadReview("review.csv", strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
