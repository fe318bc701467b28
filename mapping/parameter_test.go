package mapping_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// results is a record with a scan and a result on each of the days around the 1st of March 2024, week 8 of the scan.
func results(t *testing.T) *fhir.Record {
	t.Helper()
	from := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p"})
	texts := []string{
		`{"resourceType":"Patient","id":"p"}`,
		`{"resourceType":"ImagingStudy","id":"s","status":"available","subject":{"reference":"Patient/p"},"started":"2024-01-05"}`,
	}
	for i := range 9 {
		day := time.Date(2024, 2, 26+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		texts = append(texts, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","subject":{"reference":"Patient/p"},"effectiveDateTime":%q}`, i, day))
	}
	for _, text := range texts {
		res, err := fhir.ReadResource(text, fhir.Origin{Source: "test"})
		if err != nil {
			t.Fatal(err)
		}
		from.Add(res)
	}
	return from
}

func TestADayOfTheCalendarMovesWithTheSubjectsDays(t *testing.T) {
	s := study(t, "testdata/language")
	moved := false
	for _, mode := range []pseudonym.DateMode{pseudonym.None, pseudonym.Shift} {
		record, err := admitWith(t, mode, nil)(t.Context(), time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), results(t))
		if err != nil {
			t.Fatal(err)
		}
		day := fhir.NewDay(2024, 3, 1)
		moved = moved || record.Day(day) != day
		book, err := s.Mapping.Fill(mapping.Input{Record: record, Zone: s.Zone})
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range book.Instances() {
			for _, c := range in.Cells {
				if c.Item == "after_start" && c.Value != "5" { // 1 to 5 March
					t.Errorf("mode %s: %s results from the 1st of March on, want 5", mode, c.Value)
				}
			}
		}
	}
	if !moved {
		t.Error("no day moved")
	}
}
