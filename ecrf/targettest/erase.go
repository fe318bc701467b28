package targettest

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

// content is what the target holds, by the name of its part.
func (c Candidate) content(t *testing.T, dir string) map[string]string {
	t.Helper()
	if c.Content != nil {
		return c.Content(t, dir)
	}
	return content(t, dir)
}

// eraser opens the target as one, or skips when it says that it cannot erase.
func (c Candidate) eraser(t *testing.T, dir string) ecrf.Eraser {
	t.Helper()
	e, ok := c.Open(t, dir).(ecrf.Eraser)
	switch {
	case c.CannotErase && ok:
		t.Fatal("the target can erase, and its candidate says that it cannot")
	case c.CannotErase:
		t.Skip("the target cannot erase: a withdrawal leaves a task to a person")
	case !ok:
		t.Fatal("the target cannot erase; if its system has no way to, say so with CannotErase")
	}
	return e
}

func holds(parts map[string]string, text string) string {
	for name, part := range parts {
		if strings.Contains(part, text) {
			return name
		}
	}
	return ""
}

// withdrawn examines what is there before and after the withdrawal of one of two subjects.
func (c Candidate) withdrawn(t *testing.T) {
	dir, never := t.TempDir(), t.TempDir()
	stays, goes := c.Books[0].Facts.Subject, c.Books[1].Facts.Subject
	eraser := c.eraser(t, dir)
	second := *c.Books[1]
	second.Facts.Site = c.Books[0].Facts.Site // a site may be named in the target, also when nobody of it is left
	for folder, books := range map[string][]*ecrf.StoredCasebook{dir: {c.Books[0], &second}, never: c.Books[:1]} {
		if _, err := c.Open(t, folder).Deliver(t.Context(), Delivery(c.Dictionary, books)); err != nil {
			t.Fatal(err)
		}
	}
	before, want := c.content(t, dir), c.content(t, never)
	if holds(before, goes) == "" || holds(before, stays) == "" {
		t.Fatal("the subjects are not there before")
	}
	cells, err := eraser.Erase(t.Context(), ecrf.Erasure{Subjects: []string{goes, "nobody"}})
	if err != nil || cells != len(c.Books[1].Cells) {
		t.Errorf("%d cells are erased, want %d: %v", cells, len(c.Books[1].Cells), err)
	}
	after := c.content(t, dir)
	if name := holds(after, goes); name != "" {
		t.Errorf("%s still holds the subject", name)
	}
	for name, text := range want {
		if after[name] != text {
			t.Errorf("%s is\n%s\nand as if the subject had never been delivered it is\n%s", name, after[name], text)
		}
	}
	if len(after) != len(want) {
		t.Errorf("%d parts are left, want %d", len(after), len(want))
	}
	again, err := c.eraser(t, dir).Erase(t.Context(), ecrf.Erasure{Subjects: []string{goes}})
	if err != nil || again != 0 || !maps.Equal(after, c.content(t, dir)) {
		t.Errorf("erasing again removes %d cells: %v", again, err)
	}
	report, err := c.Open(t, dir).Deliver(t.Context(), Delivery(c.Dictionary, c.Books[:1]))
	if err != nil || report.Written != 0 {
		t.Errorf("the next delivery: %+v, %v", report, err)
	}
}

// neverDelivered erases from a target that nothing was delivered to.
func (c Candidate) neverDelivered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if cells, err := c.eraser(t, dir).Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S1"}}); cells != 0 || err != nil {
		t.Errorf("%d cells, %v", cells, err)
	}
	if _, err := os.Stat(dir); err == nil && holds(content(t, dir), "") != "" {
		t.Error("erasing made files")
	}
}
