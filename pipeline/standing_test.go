package pipeline_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/crflink/crflink/pipeline"
)

func TestTheDocumentationListsEveryReasonForHoldingASubject(t *testing.T) {
	text, err := os.ReadFile("../docs/consent.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range pipeline.Standings() {
		if row := fmt.Sprintf("| `%s` | held | %s |", s.Reason, s.Text); !strings.Contains(string(text), row) {
			t.Errorf("docs/consent.md lacks %s", row)
		}
	}
}
