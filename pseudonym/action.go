package pseudonym

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// verb is what an action does with a primitive.
type verb uint8

const (
	drop verb = iota
	keep
	hashed
	shift
	generalise
	redact
	replace
)

// action is a verb with its object: `keep code`, `hash uid`, `generalise postal 2`.
type action struct {
	verb verb
	form string // keep, hash, generalise: what is expected; replace: the text
	n    int    // generalise: digits of a postal code, years of a band
	own  bool   // hash: what stands for a text also depends on what it is part of

	fits   func(w *walker, s string) bool                                       // keep: whether a text has the form
	stands func(w *walker, s string, parent fhir.Node) (string, []byte, Reason) // hash: what stands for a text, as in value
}

// redacted stands for a text that was there.
const redacted = "[redacted]"

// forms are the objects that a verb takes, in the order of the manual.
var forms = map[verb][]string{
	keep:       {"boolean", "canonical", "code", "country", "measure", "number", "system", "time", "type", "unit"},
	hashed:     {"accession", "id", "identifier", "reference", "system", "uid"},
	generalise: {"postal", "year", "years"},
}

var verbs = map[string]verb{
	"drop": drop, "keep": keep, "hash": hashed, "pseudonymise": hashed, "shift": shift,
	"generalise": generalise, "redact": redact, "replace": replace,
}

// isAction reports whether the text begins with a verb, and so is not the name of a type.
func isAction(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	_, ok := verbs[word]
	return ok
}

func parseAction(text string) (action, error) {
	word, rest, _ := strings.Cut(text, " ")
	a := action{verb: verbs[word], form: strings.TrimSpace(rest)}
	switch a.verb {
	case drop, shift, redact:
		if a.form != "" {
			return a, fmt.Errorf("%s takes nothing behind it", word)
		}
		return a, nil
	case replace:
		if a.form == "" {
			return a, fmt.Errorf("replace needs the text to write instead")
		}
		return a, nil
	}
	return a.withForm(word)
}

func (a action) withForm(word string) (action, error) {
	form, number, counted := strings.Cut(a.form, " ")
	a.form = form
	if !slices.Contains(forms[a.verb], form) {
		return a, fmt.Errorf("%s takes one of: %s", word, strings.Join(forms[a.verb], ", "))
	}
	a.fits, a.stands = keptForms[form], hashedForms[form]
	a.own = a.verb == hashed && (form == "id" || form == "identifier")
	wants := form == "postal" || form == "years"
	switch {
	case wants && !counted:
		return a, fmt.Errorf("%s %s needs a number behind it", word, form)
	case !wants && counted:
		return a, fmt.Errorf("%s %s takes nothing behind it", word, form)
	case !wants:
		return a, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if limit := map[string]int{"postal": 3, "years": 100}[form]; err != nil || n < 1 || n > limit {
		return a, fmt.Errorf("%s %s takes a number from 1 to %d", word, form, limit)
	}
	a.n = n
	return a, nil
}

// String writes the action as a profile does.
func (a action) String() string {
	for _, word := range []string{"drop", "keep", "hash", "shift", "generalise", "redact", "replace"} {
		if verbs[word] != a.verb {
			continue
		}
		s := strings.TrimSpace(word + " " + a.form)
		if a.n > 0 {
			s += " " + strconv.Itoa(a.n)
		}
		return s
	}
	return "drop"
}
