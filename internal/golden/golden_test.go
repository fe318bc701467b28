package golden_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"
)

// heard is a test that only notes what is said.
type heard struct {
	testing.TB
	said string
}

func (h *heard) Helper() {}

func (h *heard) Errorf(format string, args ...any) { h.said += format }

func TestADifferenceIsToldAndWrittenOnlyWhenAsked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "testdata", "x.golden")
	set := func(value string) {
		if err := flag.Set("update", value); err != nil {
			t.Fatal(err)
		}
	}
	before := golden.Updating()
	defer set(map[bool]string{true: "true", false: "false"}[before])
	set("true")
	golden.Equal(t, file, "one\n")
	set("false")
	h := &heard{TB: t}
	golden.Equal(h, file, []byte("one\n"))
	if h.said != "" {
		t.Error(h.said)
	}
	golden.Equal(h, file, "two\n")
	if !strings.Contains(h.said, "differs") {
		t.Error("another text passed")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "one\n" {
		t.Errorf("%q %v", text, err)
	}
}
