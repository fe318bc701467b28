package questionnaire_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf/drafttest"
	"github.com/crflink/crflink/ecrf/questionnaire"
	"github.com/crflink/crflink/internal/golden"
)

func example(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/example.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachKindOfItemIsTakenOverOrReported(t *testing.T) {
	draft, err := questionnaire.Read(strings.NewReader(example(t)))
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/example.golden", drafttest.Written(t, draft))
}

func TestWhatIsNoQuestionnaireIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"resourceType":"Patient"}`, `{"resourceType":"Questionnaire","item":{}}`, strings.Repeat("[", 20_000)} {
		if _, err := questionnaire.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q was read", text)
		}
	}
}

func TestALargeQuestionnaireIsReadWhole(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Questionnaire","title":"Large","item":[`)
	for i := range 20 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"linkId":"g%d","type":"group","item":[{"linkId":"g%d.0","type":"string"}`, i, i)
		for j := range 50 {
			fmt.Fprintf(&b, `,{"linkId":"%d.%d","type":"choice","answerOption":[{"valueCoding":{"code":"a%d"}},{"valueCoding":{"code":"b"}}]}`, i, j, j)
		}
		b.WriteString("]}")
	}
	b.WriteString("]}")
	draft, err := questionnaire.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if text := drafttest.Written(t, draft); strings.Count(text, "type: choice") != 1000 {
		t.Errorf("%d of 1000 choices", strings.Count(text, "type: choice"))
	}
}

// Whatever the resource holds, it is refused or gives a dictionary that can be read back.
func FuzzRead(f *testing.F) {
	f.Add(example(f))
	f.Add(`{"resourceType":"Questionnaire","item":[{"linkId":"a","type":"choice","repeats":true,"answerOption":[{"valueString":"x"},{"valueString":""}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		draft, err := questionnaire.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		drafttest.Written(t, draft)
	})
}
