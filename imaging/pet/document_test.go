package pet

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"
)

// TestTheDocumentListsEveryReason: the list is published in docs/imaging.md.
func TestTheDocumentListsEveryReason(t *testing.T) {
	const file, head, end = "../../docs/imaging.md", "| reason | usually | meaning |\n|---|---|---|\n", "<!-- end of the reasons -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), head)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/imaging.md has no list of reasons")
	}
	var list strings.Builder
	for _, d := range Reasons() {
		fmt.Fprintf(&list, "| `%s` | %s | %s |\n", d.Reason, d.Severity, d.Text)
	}
	want := before + head + list.String() + end + after
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Error("docs/imaging.md lists other reasons; run the test with -update")
	}
}
