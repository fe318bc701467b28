package rest

import "github.com/crflink/crflink/fhir"

// tallies count, for each patient of a fetch, the resources that each piece of its searches found.
type tallies struct {
	owner map[string]fhir.Key         // of the ids of merged patients
	found map[fhir.Key]map[string]int // by the names of pieces
	piece string
	seen  map[string]bool // ids that the piece found
}

func (t *tallies) add(id string, patient fhir.Key) {
	if t.owner == nil {
		t.owner, t.found = map[string]fhir.Key{}, map[fhir.Key]map[string]int{}
	}
	t.owner[id] = patient
	if t.found[patient] == nil {
		t.found[patient] = map[string]int{}
	}
}

func (t *tallies) begin(piece string) {
	t.piece, t.seen = piece, map[string]bool{}
	for _, found := range t.found {
		found[piece] = 0
	}
}

func (t *tallies) end() { t.piece, t.seen = "", nil }

// count counts a resource once, for the first patient whom it names. Pages may come twice.
func (t *tallies) count(r *fhir.Resource) {
	if t.piece == "" || t.seen[r.ID] {
		return
	}
	t.seen[string([]byte(r.ID))] = true
	if patient, ok := t.ownerOf(r); ok {
		t.found[patient][t.piece]++
	}
}

// ownerOf returns the first patient whom the resource names.
func (t *tallies) ownerOf(r *fhir.Resource) (fhir.Key, bool) {
	for subject := range r.Subject().Elements() {
		if k, ok := fhir.ParseReference(subject.Get("reference").Text()).Key(); ok {
			if patient, ok := t.owner[k.ID]; ok {
				return patient, true
			}
		}
	}
	return fhir.Key{}, false
}

func (t *tallies) of(patient fhir.Key) map[string]int { return t.found[patient] }
