package pseudonym

import "github.com/crflink/crflink/fhir"

// order guesses the next element of a resource: what a server writes has the elements of a type in the same order again and again.
type order struct {
	first []*rule // by the index of an object's rule: the rule of the member that came first lately
	next  []*rule // by the index of a member's rule: the rule of the member that followed lately
}

func (o *order) begin(r *rule) **rule     { return &o.first[r.index] }
func (o *order) after(child *rule) **rule { return &o.next[child.index] }

// find returns what r.table.find does, and corrects the guess.
func (o *order) find(r *rule, guess **rule, name string) *rule {
	if g := *guess; g != nil && g.name == name {
		return g
	}
	child := r.table.find(name)
	if child != nil {
		*guess = child
	}
	return child
}

// remembered is the last text of an element that fitted its rule, and where what was written for it stands.
type remembered struct {
	original string
	written  fhir.Text
}

// again writes what was written for the same text of the same element of the patient before, and reports whether there is such.
func (w *walker) again(r *rule, as fhir.Name, text string) bool {
	last := &w.recent[r.index]
	return last.original == text && text != "" && w.trace == nil && w.builder.Again(as, last.written)
}

// remember notes what was written for a text, where that depends on nothing but the text and the patient.
func (w *walker) remember(r *rule, n fhir.Node, written fhir.Text) {
	text := n.Text()
	if n.Kind() != fhir.String || r.act.own || text == "" || text[0] == '#' {
		return
	}
	last := &w.recent[r.index]
	if last.original == "" {
		w.touched = append(w.touched, r.index)
	}
	last.original, last.written = text, written
}
