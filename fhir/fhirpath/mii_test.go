package fhirpath_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// mappingExpressions are what a study's mapping asks of the modules Person, Laborbefund and Diagnose of the
// Medizininformatik-Initiative, by resource type.
var mappingExpressions = map[string][]string{
	"Patient": {
		"name.where(use = 'official').given.join(' ')",
		"name.where(use = 'official').family.first()",
		"identifier.where(type.coding.exists(system = 'http://terminology.hl7.org/CodeSystem/v2-0203' and code = 'MR')).value.first()",
		"birthDate",
		"gender.extension('http://fhir.de/StructureDefinition/gender-amtlich-de').value.code | gender",
		"deceased.ofType(dateTime) | deceased.ofType(boolean)",
		"address.where(country = 'DE').postalCode.first().substring(0, 3)",
	},
	"Observation": {
		"code.coding.where(system = %loinc).code.first()",
		"value.ofType(Quantity).value",
		"value.ofType(Quantity).unit",
		"effective.ofType(dateTime)",
		"status in ('final' | 'amended' | 'corrected')",
		"iif(value.ofType(Quantity).value > referenceRange.high.value, 'high', 'normal')",
		"category.coding.exists(code = 'laboratory')",
		"subject.reference.replace('Patient/', '')",
	},
	"Condition": {
		"code.coding.where(system = 'http://fhir.de/CodeSystem/bfarm/icd-10-gm').code.first()",
		"code.coding.extension('http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit').value.ofType(Coding).code",
		"recordedDate",
		"onset.ofType(dateTime) >= @2020-01-01",
		"clinicalStatus.coding.code = 'active'",
	},
}

// miiResources writes resources that look like those modules, the same ones for the same number.
func miiResources(patients, observations, conditions int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	var all []string
	for i := range patients {
		all = append(all, miiPatient(r, i))
	}
	for i := range observations {
		all = append(all, miiObservation(r, i))
	}
	for i := range conditions {
		all = append(all, miiCondition(r, i))
	}
	return all
}

func miiPatient(r *rand.Rand, i int) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","meta":{"profile":["https://www.medizininformatik-initiative.de/fhir/core/modul-person/StructureDefinition/Patient"]},`+
		`"identifier":[{"use":"usual","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"https://example.org/pid","value":"%07d"},`+
		`{"use":"official","type":{"coding":[{"system":"http://fhir.de/CodeSystem/identifier-type-de-basis","code":"GKV"}]},"system":"http://fhir.de/sid/gkv/kvid-10","value":"A%09d"}],`+
		`"name":[{"use":"official","family":"Müller-%d","given":["Anna","Maria"],"prefix":["Dr."]},{"use":"maiden","family":"Schmidt"}],"gender":"other",`+
		`"_gender":{"extension":[{"url":"http://fhir.de/StructureDefinition/gender-amtlich-de","valueCoding":{"system":"http://fhir.de/CodeSystem/gender-amtlich-de","code":"D","display":"divers"}}]},`+
		`"birthDate":"19%02d-%02d-%02d","deceasedBoolean":false,"address":[{"type":"both","line":["Anger %d"],"_line":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName","valueString":"Anger"}]}],"city":"Jena","postalCode":"%05d","country":"DE"}]}`,
		i, i, r.IntN(1e9), i, 20+r.IntN(80), 1+r.IntN(12), 1+r.IntN(28), 1+r.IntN(99), 7000+r.IntN(900))
}

func miiObservation(r *rand.Rand, i int) string {
	value := float64(r.IntN(20000)) / 100
	return fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","meta":{"profile":["https://www.medizininformatik-initiative.de/fhir/core/modul-labor/StructureDefinition/ObservationLab"]},`+
		`"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"OBI"}]},"system":"https://example.org/lab","value":"59826-8_%d","assigner":{"identifier":{"system":"https://www.medizininformatik-initiative.de/fhir/core/NamingSystem/org-identifier","value":"DIZ-ID"}}}],`+
		`"status":"final","category":[{"coding":[{"system":"http://loinc.org","code":"26436-6"},{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],`+
		`"code":{"coding":[{"system":"https://example.org/local","code":"K%d"},{"system":"http://loinc.org","code":"59826-8","display":"Creatinine [Moles/volume] in Blood"}],"text":"Kreatinin"},`+
		`"subject":{"reference":"Patient/p%d"},"encounter":{"reference":"Encounter/e%d"},"effectiveDateTime":"20%02d-%02d-%02dT%02d:30:00+01:00","issued":"2023-11-08T14:21:00+01:00",`+
		`"valueQuantity":{"value":%.2f,"unit":"µmol/l","system":"http://unitsofmeasure.org","code":"umol/L"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N"}]}],`+
		`"referenceRange":[{"low":{"value":45.0,"unit":"µmol/l","system":"http://unitsofmeasure.org","code":"umol/L"},"high":{"value":110.0,"unit":"µmol/l","system":"http://unitsofmeasure.org","code":"umol/L"},"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/referencerange-meaning","code":"normal"}]}}]}`,
		i, i, i%50, i/7, i/5, 18+r.IntN(8), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), value)
}

func miiCondition(r *rand.Rand, i int) string {
	return fmt.Sprintf(`{"resourceType":"Condition","id":"c%d","meta":{"profile":["https://www.medizininformatik-initiative.de/fhir/core/modul-diagnose/StructureDefinition/Diagnose"]},`+
		`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},`+
		`"code":{"coding":[{"extension":[{"url":"http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit","valueCoding":{"system":"https://fhir.kbv.de/CodeSystem/KBV_CS_SFHIR_ICD_DIAGNOSESICHERHEIT","code":"G"}}],`+
		`"system":"http://fhir.de/CodeSystem/bfarm/icd-10-gm","version":"2023","code":"C%02d.%d","display":"Bösartige Neubildung"},{"system":"http://snomed.info/sct","code":"399068003"}],"text":"Prostatakarzinom"},`+
		`"subject":{"reference":"Patient/p%d"},"encounter":{"reference":"Encounter/e%d"},"onsetDateTime":"20%02d-%02d-%02d","recordedDate":"20%02d-%02d-%02dT09:00:00+01:00"}`,
		i, r.IntN(90), r.IntN(9), i/2, i/2, 15+r.IntN(10), 1+r.IntN(12), 1+r.IntN(28), 15+r.IntN(10), 1+r.IntN(12), 1+r.IntN(28))
}

func compileMapping(t testing.TB) map[string][]*fhirpath.Expr {
	t.Helper()
	all := map[string][]*fhirpath.Expr{}
	for typ, sources := range mappingExpressions {
		for _, src := range sources {
			x, err := fhirpath.Compile(src, fhirpath.Options{Type: typ})
			if err != nil {
				t.Fatalf("%s: %s: %v", typ, src, err)
			}
			all[typ] = append(all[typ], x)
		}
	}
	return all
}

// BenchmarkMapping parses each resource and evaluates the 20 mapping expressions of its type.
func BenchmarkMapping(b *testing.B) {
	resources := miiResources(500, 3500, 1000)
	compiled := compileMapping(b)
	size := int64(0)
	for _, text := range resources {
		size += int64(len(text))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	var res fhir.Resource
	var out []fhirpath.Value
	env := &fhirpath.Env{}
	evaluations := 0
	for b.Loop() {
		for _, text := range resources {
			if err := res.Read(text, fhir.Origin{}); err != nil {
				b.Fatal(err)
			}
			for _, x := range compiled[res.Type] {
				var err error
				if out, err = x.Eval(env, res.Node, out[:0]); err != nil {
					b.Fatal(err)
				}
				evaluations++
			}
		}
	}
	b.ReportMetric(float64(evaluations)/b.Elapsed().Seconds(), "expr/s")
}

// BenchmarkDecode is the share of parsing in BenchmarkMapping.
func BenchmarkDecode(b *testing.B) {
	resources := miiResources(500, 3500, 1000)
	size := int64(0)
	for _, text := range resources {
		size += int64(len(text))
	}
	b.SetBytes(size)
	var res fhir.Resource
	for b.Loop() {
		for _, text := range resources {
			if err := res.Read(text, fhir.Origin{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
