package several

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// joint is a person's record while it is put together.
type joint struct {
	person    person
	resources []*fhir.Resource
	linked    []fhir.Key
	found     map[string]int
	counts    bool // every part says what it found
}

// add takes up what a part has, and releases it.
func (j *joint) add(m member, record *fhir.Record) error {
	defer record.Release()
	for res := range record.Resources() {
		again, err := m.part.renamed(res, record)
		if err != nil {
			return err
		}
		j.resources = append(j.resources, again)
	}
	j.linked = append(j.linked, m.part.keys(record.LinkedFrom())...)
	found := record.Found()
	j.counts = j.counts && found != nil
	for name, n := range found {
		j.found[m.part.Alias+" "+name] = n
	}
	return nil
}

// record returns all of it in the order of records: Patients, those of the first part before the others, then by type and id.
func (j *joint) record() *fhir.Record {
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: j.person.id})
	slices.SortStableFunc(j.resources, func(a, b *fhir.Resource) int {
		isPatient, isToo := a.Type == "Patient", b.Type == "Patient"
		switch {
		case isPatient && isToo:
			return 0
		case isPatient:
			return -1
		case isToo:
			return 1
		}
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
	})
	for _, res := range j.resources {
		record.Add(res)
	}
	var same []fhir.Key
	for _, m := range j.person.members[1:] {
		same = append(same, m.part.key(m.key()))
	}
	record.SetSame(same)
	record.SetLinkedFrom(j.linked)
	if j.counts {
		record.SetFound(j.found)
	}
	return record
}
