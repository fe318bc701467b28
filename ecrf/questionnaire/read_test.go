package questionnaire_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/questionnaire"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run the test with -update and read the difference\n%s", file, got)
	}
}

// asDictionary is the dictionary file and the report of a draft; the file is read back.
func asDictionary(t *testing.T, draft *ecrf.Draft) string {
	t.Helper()
	d, comments, report, err := draft.Dictionary("some-study")
	if err != nil {
		return fmt.Sprintf("%v\n", err)
	}
	var b strings.Builder
	if err := ecrf.WriteDictionary(&b, d, comments); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(b.String())); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	b.WriteString("---\n")
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

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
	golden(t, "testdata/example.golden", asDictionary(t, draft))
}

func TestWhatIsNoQuestionnaireIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"resourceType":"Patient"}`, `{"resourceType":"Questionnaire","item":{}}`, strings.Repeat("[", 20_000)} {
		if _, err := questionnaire.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q was read", text)
		}
	}
}

func TestALargeQuestionnaireIsReadInASecond(t *testing.T) {
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
	start := time.Now()
	draft, err := questionnaire.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if text := asDictionary(t, draft); strings.Count(text, "type: choice") != 1000 {
		t.Errorf("%d of 1000 choices", strings.Count(text, "type: choice"))
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("1020 items took %v", took)
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
		asDictionary(t, draft)
	})
}
