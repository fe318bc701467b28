package mapping_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// dump writes a casebook without provenance, which names resources by their ids.
func dump(book *ecrf.Casebook) string {
	var b strings.Builder
	for i, in := range book.Instances() {
		for _, c := range in.Cells {
			fmt.Fprintf(&b, "%d %s.%s=%q %s\n", i, in.Form, c.Item, c.Value, c.Missing)
		}
	}
	return b.String()
}

// crowd is a record with many ties: results on the same instant, equal values, equal distances.
func crowd(t *testing.T, rename func(string) string, order []int) *pseudonym.Record {
	t.Helper()
	texts := []string{
		`{"resourceType":"Patient","id":"p","birthDate":"1950-03-01","gender":"male"}`,
		`{"resourceType":"ImagingStudy","id":"%s","status":"available","subject":{"reference":"Patient/p"},"started":"2024-03-01T10:00:00+01:00"}`,
	}
	for i := range 12 {
		texts = append(texts, fmt.Sprintf(`{"resourceType":"Observation","id":"%%s","status":"final","subject":{"reference":"Patient/p"},
		"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"effectiveDateTime":"2024-0%d-0%d","issued":"2024-03-02T10:00:00Z",
		"valueQuantity":{"value":%d,"code":"mg/dL"}}`, []string{"2160-0", "visit"}[i%2], 2+i%2, 1+i%3, i%4))
		texts = append(texts, fmt.Sprintf(`{"resourceType":"Condition","id":"%%s","subject":{"reference":"Patient/p"},"recordedDate":"2020-01-0%d",
		"onsetDateTime":"2019-0%d","code":{"coding":[{"system":"http://fhir.de/CodeSystem/bfarm/icd-10-gm","code":"C6%d"}]}}`, 1+i%2, 1+i%2, i%3))
	}
	from := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p"})
	for _, i := range order {
		text := texts[i]
		if strings.Contains(text, "%s") {
			text = fmt.Sprintf(text, rename(fmt.Sprint("r", i)))
		}
		res, err := fhir.ReadResource(text, fhir.Origin{Source: "test"})
		if err != nil {
			t.Fatal(err)
		}
		from.Add(res)
	}
	record, err := admit(t)(t.Context(), time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), from)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestNeitherIdsNorTheOrderOfArrivalMatter(t *testing.T) {
	s := study(t, "testdata/rules")
	want := ""
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- a test's order
		record := crowd(t, func(id string) string { return fmt.Sprint(id, rng.IntN(1000)) }, rng.Perm(26))
		book, err := s.Mapping.Fill(mapping.Input{Record: record, Zone: s.Zone})
		if err != nil {
			t.Fatal(err)
		}
		got := dump(book)
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func TestAMappingFillsConcurrently(t *testing.T) {
	s := study(t, exampleStudy)
	record := hospitalRecord(t, 60)
	fill := func() string {
		book, err := s.Mapping.Fill(mapping.Input{Record: record, Zone: s.Zone})
		if err != nil {
			return err.Error()
		}
		return dump(book)
	}
	want := fill()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if got := fill(); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	wait.Wait()
}

func TestTheDayOfAnEventIsKnownBesideTheCasebook(t *testing.T) {
	s := study(t, exampleStudy)
	days, err := s.Mapping.Evaluate(mapping.Input{Record: hospitalRecord(t, 10), Zone: s.Zone}).Events()
	if err != nil {
		t.Fatal(err)
	}
	if got := days["index"].String(); got != "2024-01-01" {
		t.Errorf("index %s", got)
	}
}
