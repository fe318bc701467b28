package imaging

import (
	"context"
	"encoding/csv"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

// record is a patient's resources as Locate reads them.
type record []*fhir.Resource

func (r record) Resources() iter.Seq[*fhir.Resource] {
	return func(yield func(*fhir.Resource) bool) {
		for _, res := range r {
			if !yield(res) {
				return
			}
		}
	}
}

func (r record) Find(k fhir.Key) *fhir.Resource {
	for _, res := range r {
		if res.Key() == k {
			return res
		}
	}
	return nil
}

// resources reads a JSON text per resource; @ stands for a quotation mark.
func resources(t testing.TB, texts ...string) record {
	t.Helper()
	var r record
	for i, text := range texts {
		res, err := fhir.ReadResource(strings.ReplaceAll(text, "@", `"`), fhir.Origin{Source: "test", Position: int64(i)})
		if err != nil {
			t.Fatalf("resource %d: %v", i, err)
		}
		r = append(r, res)
	}
	return r
}

func subjectOf(t testing.TB, number string) pseudonym.Subject {
	t.Helper()
	key, err := pseudonym.NewKey([]byte("an-imaging-test-key-of-0123456789-abcdefgh"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	vault, err := pseudonym.CreateVault(ctx, vaulttest.NewMemory(), key, "imaging-test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := vault.Enrol(ctx, pseudonym.Identity{System: "pid", Value: number}, number, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

// shiftBy are dates that move by days, with an index day given as a true one.
func shiftBy(days int, index string) Dates {
	d := Dates{Mode: pseudonym.Shift, Zone: berlin, Move: func(day fhir.Day) fhir.Day { return day + fhir.Day(days) }}
	if day, err := fhir.ParseDay(index); err == nil {
		d.Index, d.HasIndex = d.Move(day), true
	}
	return d
}

// list are studies as a PACS would give them: a CSV with study_uid, accession, patient, date, series_uid and modality.
func list(t testing.TB, text string, hashSystems ...string) *Candidates {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("candidates: %v", err)
	}
	s := &surveyor{byUID: map[string]Examination{}}
	for _, row := range rows[1:] {
		e := &examination{}
		for i, name := range rows[0] {
			switch value := row[i]; name {
			case "study_uid":
				e.uid = value
			case "accession":
				e.numbers = insert(nil, value)
			case "patient":
				e.patients = insert(nil, value)
			case "series_uid":
				e.series = insert(nil, value)
			case "modality":
				e.modalities = strings.Fields(value)
			case "date":
				if day, ok := dicom.ParseDay(strings.ReplaceAll(value, "-", "")); ok {
					e.days = []fhir.Day{day}
				}
			}
		}
		if have, ok := s.byUID[e.uid]; ok {
			have.of.series = append(have.of.series, e.series...)
		}
		s.take(Answer{Examinations: []Examination{{e}}})
	}
	var all Answer
	for _, e := range s.byUID {
		all.Examinations = append(all.Examinations, e)
	}
	return newCandidates(all, hashSystems, 0)
}

// imaging is an ImagingStudy of 2023-02-10 with further members.
func imaging(id, members string) string {
	return fmt.Sprintf(`{@resourceType@:@ImagingStudy@,@id@:@%s@,@status@:@available@,@started@:@2023-02-10T09:00:00+01:00@,`+
		`@modality@:[{@system@:@http://dicom.nema.org/resources/ontology/DCM@,@code@:@PT@}],@subject@:{@reference@:@Patient/p1@}%s}`, id, members)
}

func run(t testing.TB, from record, rules Rules) Found {
	t.Helper()
	found, err := locate(from, subjectOf(t, "S-1"), &rules, shiftBy(-7, "2023-02-08"))
	if err != nil {
		t.Fatal(err)
	}
	c := found.Counts
	lost := c.Resources - c.Linked - c.OutOfScope
	for _, n := range c.Unlinked {
		lost -= n
	}
	if lost != 0 {
		t.Errorf("%d ImagingStudies are neither linked, unlinked nor out of scope: %+v", lost, c)
	}
	return found
}
