package yamldoc_test

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/yamldoc"
)

// places is one scalar in every style; each holds the text that the test looks for exactly once.
const places = `plain: code = 'x' and Zebra
single: 'code = ''x'' and Zebra'
double: "co\u0064e \"x\" and \
  Zebra"
two lines: code = 'x'
  and Zebra
literal: |
  code = 'x'
    and Zebra
folded: >-
  code = 'x'
  and

  also Zebra
list:
  - first
  - {flow: 'ä ö Zebra'}
`

func TestAPlaceInAScalarOfEveryStyleIsAPlaceInTheFile(t *testing.T) {
	doc := yamldoc.Parse("f.yaml", []byte(places))
	var scalars []yamldoc.Value
	for _, e := range doc.Root().Entries() {
		if e.Key() != "list" {
			scalars = append(scalars, e)
			continue
		}
		scalars = append(scalars, e.Items()[1].Entries()[0])
	}
	if len(scalars) != 7 {
		t.Fatalf("%d scalars", len(scalars))
	}
	for _, v := range scalars {
		before, _, ok := strings.Cut(v.Text(), "Zebra")
		if !ok {
			t.Fatalf("%s: no Zebra in %q", v.Key(), v.Text())
		}
		line := strings.Count(before, "\n") + 1
		col := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
		gotLine, gotCol := v.TextPos(line, col)
		source := []rune(strings.Split(places, "\n")[gotLine-1])
		if gotCol > len(source) || !strings.HasPrefix(string(source[gotCol-1:]), "Zebra") {
			t.Errorf("%s: %d:%d of the text is said to be %d:%d of the file: %q", v.Key(), line, col, gotLine, gotCol, string(source))
		}
	}
}
