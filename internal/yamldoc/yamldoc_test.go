package yamldoc_test

import (
	"testing"

	"github.com/crflink/crflink/internal/yamldoc"
)

func TestEveryMistakeIsFoundAtItsPlace(t *testing.T) {
	doc := yamldoc.Parse("f.yaml", []byte("colour: red\nsize: [1, 2]\nage: old\nage: 3\n"))
	fields := doc.Root().Fields("color", "size", "age")
	_ = fields["size"].Text()
	_ = fields["age"].Int()
	doc.Findings.Sort()
	want := []string{
		`f.yaml:1:1: error: unknown key "colour" (did you mean "color"?)`,
		`f.yaml:2:7: error: expected a single value here`,
		`f.yaml:3:6: error: expected a whole number here`,
	}
	got := doc.Findings
	if len(got) < len(want) {
		t.Fatalf("findings: %v", got)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

func TestAPlaceInAnExpressionIsAPlaceInTheFile(t *testing.T) {
	doc := yamldoc.Parse("f.yaml", []byte("a: plain text\nb: 'quoted'\nc: |\n  block\n  second\n"))
	f := doc.Root().Fields("a", "b", "c")
	for _, c := range []struct {
		key                  string
		line, col, fileL, fC int
	}{{"a", 1, 7, 1, 10}, {"b", 1, 1, 2, 5}} {
		if l, col := f[c.key].TextPos(c.line, c.col); l != c.fileL || col != c.fC {
			t.Errorf("%s: %d:%d, want %d:%d", c.key, l, col, c.fileL, c.fC)
		}
	}
}

func FuzzParseNeverPanics(f *testing.F) {
	f.Add("a: [1, {b: c}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc := yamldoc.Parse("f.yaml", []byte(text))
		for _, e := range doc.Root().Entries() {
			e.Pos()
			e.Items()
		}
	})
}
