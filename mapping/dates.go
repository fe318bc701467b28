package mapping

import (
	"github.com/crflink/crflink/fhir"
)

// dateElements lists, by resource type, where a resource's own date stands: the element that also decides whether it
// lies in the consented period, in order of preference. A path ends at a date or dateTime.
var dateElements = map[string][][]string{
	"Observation":              {{"effectiveDateTime"}, {"effectivePeriod", "start"}, {"effectiveInstant"}},
	"DiagnosticReport":         {{"effectiveDateTime"}, {"effectivePeriod", "start"}},
	"MedicationStatement":      {{"effectiveDateTime"}, {"effectivePeriod", "start"}},
	"MedicationAdministration": {{"effectiveDateTime"}, {"effectivePeriod", "start"}},
	"MedicationRequest":        {{"authoredOn"}},
	"ServiceRequest":           {{"authoredOn"}},
	"Condition":                {{"recordedDate"}},
	"Procedure":                {{"performedDateTime"}, {"performedPeriod", "start"}},
	"Encounter":                {{"period", "start"}},
	"ImagingStudy":             {{"started"}},
	"Specimen":                 {{"collection", "collectedDateTime"}, {"collection", "collectedPeriod", "start"}},
	"ResearchSubject":          {{"period", "start"}},
	"DocumentReference":        {{"date"}},
	"FamilyMemberHistory":      {{"date"}},
	"CarePlan":                 {{"created"}, {"period", "start"}},
	"RiskAssessment":           {{"occurrenceDateTime"}, {"occurrencePeriod", "start"}},
	"AllergyIntolerance":       {{"recordedDate"}},
	"Immunization":             {{"occurrenceDateTime"}},
}

// resourceDate returns the date of a resource; ok is false when it has none that can be read.
func resourceDate(res *fhir.Resource) (d fhir.DateTime, ok bool) {
	for _, path := range dateElements[res.Type] {
		if n := res.Path(path...); n.Kind() == fhir.String {
			d, err := fhir.ParseDateTime(n.Text())
			return d, err == nil
		}
	}
	return fhir.DateTime{}, false
}

// writtenDays returns the first and last day that a date may mean. A date with a time means the day that is written:
// the veil has written every instant in the site's local time, and a shift moved its date part only.
func writtenDays(d fhir.DateTime) (first, last fhir.Day) {
	if d.Precision > fhir.DayPrecision {
		day := fhir.NewDay(d.Year, d.Month, d.Day)
		return day, day
	}
	return d.Days(nil)
}

// writtenDay returns the day of a date of at least day precision.
func writtenDay(d fhir.DateTime) (fhir.Day, bool) {
	if d.Precision < fhir.DayPrecision {
		return 0, false
	}
	return fhir.NewDay(d.Year, d.Month, d.Day), true
}
