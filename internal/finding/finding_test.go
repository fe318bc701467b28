package finding

import (
	"errors"
	"testing"
)

func two() List {
	return List{
		{File: "b.yaml", Line: 2, Col: 3, Message: "unknown key \"gat\"", Hint: "did you mean gate?"},
		{File: "a.yaml", Line: 1, Col: 1, Severity: Warning, Message: "no name"},
	}
}

func TestAListIsAnErrorThatCarriesEveryFindingInOrder(t *testing.T) {
	err := two().Err()
	want := "a.yaml:1:1: warning: no name\nb.yaml:2:3: error: unknown key \"gat\" (did you mean gate?)"
	if err == nil || err.Error() != want {
		t.Fatalf("got %v", err)
	}
	var list List
	if !errors.As(err, &list) || len(list) != 2 {
		t.Errorf("not a List of two: %#v", list)
	}
}

func TestAListOfWarningsIsNoError(t *testing.T) {
	if err := (List{{Severity: Warning, Message: "m"}, {Severity: Note, Message: "n"}}).Err(); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestRenderPutsTheCaretUnderTheColumn(t *testing.T) {
	got := two().Render(func(file string) (string, bool) { return "kind: none\n\täöü gat: 1\r\n", file == "b.yaml" })
	want := "b.yaml:2:3: error: unknown key \"gat\"\n  2 | \täöü gat: 1\n    | \t ^\n  hint: did you mean gate?\n" +
		"\na.yaml:1:1: warning: no name\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAFindingOutsideTheTextShowsItsMessageOnly(t *testing.T) {
	got := List{{File: "b.yaml", Line: 9, Col: 1, Message: "m"}}.Render(func(string) (string, bool) { return "x", true })
	if got != "b.yaml:9:1: error: m\n" {
		t.Errorf("got %q", got)
	}
}
