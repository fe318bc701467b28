package manual

import "strings"

// Place is where in a mapping file a word may stand.
type Place string

// The places, in the order of the manual.
const (
	Top       Place = "the file"
	Parameter Place = "a parameter"
	List      Place = "a code list"
	Map       Place = "a code map"
	Visit     Place = "a visit"
	Event     Place = "an event"
	Form      Place = "a form"
	Repeat    Place = "repeat"
	Rule      Place = "a rule"
	Factor    Place = "factor"
	Qualifier Place = "qualifier"
	Window    Place = "window"
	Choose    Place = "choose"
	Ties      Place = "ties"
	Derive    Place = "derive"
)

// Places lists them.
func Places() []Place {
	return []Place{Top, Parameter, List, Map, Visit, Event, Form, Repeat, Rule, Factor, Qualifier, Window, Choose, Ties, Derive}
}

// Word is a key or value of the language.
type Word struct {
	Name  string
	Place Place
	Does  string // what it does, as the end of a sentence; Markdown
}

// Example is a piece of a mapping file with a test of it: given resources and what is expected.
type Example struct {
	Title         string
	Words         []string // those that it shows
	Mapping, Test string   // YAML
}

// Of returns the words of a place, in their order.
func Of(p Place) []Word {
	var all []Word
	for _, w := range Words() {
		if w.Place == p {
			all = append(all, w)
		}
	}
	return all
}

// Does returns what a word of a place does, "" for one that is not of the language.
func Does(p Place, name string) string {
	for _, w := range Of(p) {
		if w.Name == name {
			return w.Does
		}
	}
	return ""
}

// Page writes the reference as Markdown.
func Page() string {
	var b strings.Builder
	for _, p := range Places() {
		b.WriteString("### In " + string(p) + "\n\n| word | does |\n|---|---|\n")
		for _, w := range Of(p) {
			b.WriteString("| `" + w.Name + "` | " + strings.ReplaceAll(w.Does, "|", `\|`) + " |\n")
		}
		b.WriteString("\n")
	}
	for _, e := range Examples() {
		b.WriteString("### " + e.Title + "\n\n```yaml rule\n" + e.Mapping + "```\n\n```yaml test\n" + e.Test + "```\n\n")
	}
	return b.String()
}
