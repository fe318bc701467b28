package mapping_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// loincs are the codes of the results that a hospital sends most; a quarter of them is read by the example study.
var loincs = []string{
	"2160-0", "718-7", "6690-2", "777-3", "2951-2", "2823-3", "1920-8", "1742-6", "2345-7", "4544-3", "787-2", "785-6",
	"789-8", "1988-5", "2075-0", "17861-6", "2085-9", "3016-3", "6301-6", "14979-9", "2857-1", "6768-6", "2532-0", "29463-7",
}

// hospitalRecord makes a record as an MII site sends it: mostly laboratory, some diagnoses, stays, procedures,
// medication, and PET studies.
func hospitalRecord(tb testing.TB, observations int) *pseudonym.Record {
	tb.Helper()
	from := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p"})
	add := func(format string, args ...any) {
		res, err := fhir.ReadResource(fmt.Sprintf(format, args...), fhir.Origin{Source: "bench"})
		if err != nil {
			tb.Fatal(err)
		}
		from.Add(res)
	}
	day := func(i int) string { return time.Date(2022, 1, 1+i%1200, 8, 0, 0, 0, time.UTC).Format("2006-01-02") }
	add(`{"resourceType":"Patient","id":"p","birthDate":"1951-03-02","gender":"male","address":[{"type":"both","postalCode":"72076"}]}`)
	for i := range observations {
		add(`{"resourceType":"Observation","id":"o%d","meta":{"profile":["https://www.medizininformatik-initiative.de/fhir/core/modul-labor/StructureDefinition/ObservationLab"]},
		"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"OBI"}]},"system":"https://lab.example/obi","value":"R%d"}],"status":"final",
		"category":[{"coding":[{"system":"http://loinc.org","code":"26436-6"},{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],
		"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"%sT08:00:00+01:00","issued":"%sT12:00:00+01:00",
		"valueQuantity":{"value":%d.%d,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}`, i, i, loincs[i%len(loincs)], day(i), day(i), i%9, i%10)
	}
	for i := range observations / 10 {
		add(`{"resourceType":"Condition","id":"c%d","recordedDate":"%s","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://fhir.de/CodeSystem/bfarm/icd-10-gm","version":"2022","code":"%s"}]}}`, i, day(i*7), []string{"C61", "I10.90", "E11.90", "Z03.1"}[i%4])
		add(`{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"IMP"},"type":[{"coding":[{"system":"http://fhir.de/CodeSystem/Kontaktebene","code":"einrichtungskontakt"}]}],"subject":{"reference":"Patient/p"},"period":{"start":"%s","end":"%s"}}`, i, day(i*7), day(i*7))
		add(`{"resourceType":"MedicationStatement","id":"m%d","status":"active","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"coding":[{"system":"http://fhir.de/CodeSystem/bfarm/atc","code":"%s"}]},"effectiveDateTime":"%s"}`, i, []string{"L02AE02", "C09AA05", "A10BA02"}[i%3], day(i*7))
		add(`{"resourceType":"Procedure","id":"p%d","status":"completed","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://fhir.de/CodeSystem/bfarm/ops","code":"%s"}]},"performedDateTime":"%s"}`, i, []string{"3-225", "5-604.02", "8-930"}[i%3], day(i*7))
	}
	for i := range 3 {
		add(`{"resourceType":"ImagingStudy","id":"i%d","status":"available","subject":{"reference":"Patient/p"},"started":"2024-0%d-01T09:30:00+01:00","modality":[{"code":"PT"},{"code":"CT"}],"series":[{"uid":"1.2.%d","modality":{"code":"PT"},"extension":[{"url":"https://www.medizininformatik-initiative.de/fhir/ext/modul-bildgebung/StructureDefinition/mii-ex-bildgebung-modalitaet-pt","extension":[{"url":"radiopharmaceutical","valueCodeableConcept":{"coding":[{"code":"C118961"}]}}]}]}]}`, i, i+1, i)
	}
	record, err := admit(tb)(tb.Context(), time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), from)
	if err != nil {
		tb.Fatal(err)
	}
	return record
}

func BenchmarkFill(b *testing.B) {
	s := study(b, exampleStudy)
	for _, size := range []int{100, 1000, 10000} {
		record := hospitalRecord(b, size)
		b.Run(fmt.Sprint(record.Len()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Mapping.Fill(mapping.Input{Record: record, Zone: s.Zone}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(record.Len())*float64(b.N)/b.Elapsed().Seconds(), "resources/s")
		})
	}
}
