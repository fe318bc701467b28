package pet

import (
	"iter"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ucum"
)

// nearDays is how far a weight may lie from the scan: a patient under treatment does not keep it.
const nearDays = 30

// Codes of measurements. Estimated and reported weights are none.
var (
	weightCodes  = []Code{{"LOINC", "29463-7"}, {"LOINC", "3141-9"}, {"LOINC", "8341-0"}, {"SCT", "27113001"}}
	glucoseCodes = []Code{{"LOINC", "2339-0"}, {"LOINC", "15074-8"}, {"LOINC", "2345-7"}, {"LOINC", "14749-6"}, {"LOINC", "41653-7"}, {"LOINC", "14743-9"}}
)

// AccountType is the resource type that Near reads.
const AccountType = "Observation"

// AccountCodes are the codes of the resources that Near reads.
func AccountCodes() (codes []fhir.Coding) {
	for _, c := range append(slices.Clone(weightCodes), glucoseCodes...) {
		codes = append(codes, fhir.Coding{System: codeSystems[c.System], Code: c.Value})
	}
	return codes
}

// codeSystems are the systems of these codes.
var codeSystems = map[string]string{"LOINC": "http://loinc.org", "SCT": "http://snomed.info/sct"}

// Near reads what the clinical record says near the day of a scan: the measured weight that is nearest to it, and the blood
// glucose of the day. Of several weights that are as near the earlier one counts, then the lesser; of several glucoses the
// highest. It depends on no order.
func Near(resources iter.Seq[*fhir.Resource], scan fhir.Day, zone *time.Location) (a Account) {
	for r := range resources {
		if r.Type != AccountType || !slices.Contains([]string{"final", "amended", "corrected"}, r.Get("status").Text()) {
			continue
		}
		day, ok := observed(r, zone)
		if !ok {
			continue
		}
		days := int(day - scan)
		switch {
		case means(r, weightCodes):
			a.weigh(days, inUnit(r, "kg"))
		case days == 0 && means(r, glucoseCodes):
			if n := glucose(r); n.positive() && (!a.Glucose.Known || n.Value > a.Glucose.Value) {
				a.Glucose = n
			}
		}
	}
	return a
}

func (a *Account) weigh(days int, w Number) {
	if !w.positive() || abs(days) > nearDays {
		return
	}
	nearer := abs(days) < abs(a.WeightDays) || abs(days) == abs(a.WeightDays) && (days < a.WeightDays || days == a.WeightDays && w.Value < a.Weight.Value)
	if !a.Weight.Known || nearer {
		a.Weight, a.WeightDays = w, days
	}
}

func abs(n int) int { return max(n, -n) }

func observed(r *fhir.Resource, zone *time.Location) (fhir.Day, bool) {
	at, err := fhir.ParseDateTime(r.Get("effectiveDateTime").Text())
	if err != nil {
		return 0, false
	}
	first, last := at.Days(zone)
	return first, first == last
}

func means(r *fhir.Resource, codes []Code) bool {
	for c := range r.Get("code").Get("coding").Elements() {
		system, value := c.Get("system").Text(), c.Get("code").Text()
		if slices.ContainsFunc(codes, func(k Code) bool { return codeSystems[k.System] == system && k.Value == value }) {
			return true
		}
	}
	return false
}

// inUnit converts the value of an observation.
func inUnit(r *fhir.Resource, unit string) Number {
	q := r.Get("valueQuantity")
	value, _, err := apd.NewFromString(q.Get("value").Text())
	if err != nil || q.Get("comparator").Exists() {
		return Number{}
	}
	converted, err := ucum.Convert(value, q.Get("code").Text(), unit)
	if err != nil {
		return Number{}
	}
	v, err := converted.Float64()
	return Number{v, err == nil}
}

// glucose in mmol/L; a mass concentration is divided by the molar mass.
func glucose(r *fhir.Resource) Number {
	if n := inUnit(r, "mmol/L"); n.Known {
		return n
	}
	n := inUnit(r, "mg/L")
	n.Value /= 180.156
	return n
}
