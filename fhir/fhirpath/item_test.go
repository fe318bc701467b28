package fhirpath

import (
	"testing"

	"github.com/crflink/crflink/fhir"
)

func TestAnItemOfOneResultIsTheFocusOfAnother(t *testing.T) {
	res, err := fhir.ReadResource(`{"resourceType":"Patient","id":"p","name":[{"given":["A","B"]}]}`, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	given, err := Compile("name.given", Options{Type: "Patient"})
	if err != nil {
		t.Fatal(err)
	}
	env := &Env{}
	items, err := given.Eval(env, res.Node, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		src, want string
		item      Value
	}{
		{"$this & '!'", "B!", items[1]},
		{"length()", "4", NewString("four")},
		{"'fixed'", "fixed", Value{}},
		{"length()", "", Value{}},
		{"%resource.id", "p", items[0]},
		{"%resource.id", "", NewString("x")},
		{"%rootResource.id", "", Value{}},
		{"%context", "", Value{}},
	} {
		x, err := Compile(c.src, Options{Types: []string{"string", "System.String"}})
		if err != nil {
			t.Fatalf("%s: %v", c.src, err)
		}
		got, err := x.EvalItem(env, c.item, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.src, err)
		}
		text := ""
		for _, v := range got {
			text += v.Text()
		}
		if text != c.want {
			t.Errorf("%s gives %q, want %q", c.src, text, c.want)
		}
	}
	if _, err := Compile("family", Options{Types: []string{"Patient", "HumanName"}}); err != nil {
		t.Errorf("an element that one of the types has is refused: %v", err)
	}
	if _, err := Compile("famly", Options{Types: []string{"Patient", "HumanName"}}); err == nil {
		t.Error("an element that none of the types has is accepted")
	}
}

func TestTheJoinOfNothingIsAnEmptyTextOnlyWhereThatIsAskedFor(t *testing.T) {
	for _, asked := range []bool{false, true} {
		x, err := Compile("name.given.join(',')", Options{Type: "Patient", JoinNothing: asked})
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.EvalItem(&Env{}, Value{}, nil)
		if err != nil || len(got) == 1 != asked || asked && (got[0].Kind() != String || got[0].Text() != "") {
			t.Errorf("JoinNothing %v gives %v, %v", asked, got, err)
		}
	}
}
