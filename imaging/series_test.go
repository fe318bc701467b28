package imaging

import (
	"fmt"
	"slices"
	"testing"

	"github.com/crflink/crflink/imaging/pet"
)

const tracer = `,@extension@:[{@url@:@https://www.medizininformatik-initiative.de/fhir/ext/modul-bildgebung/StructureDefinition/mii-ex-bildgebung-modalitaet-pt@,@extension@:[` +
	`{@url@:@radiopharmaceutical@,@valueCodeableConcept@:{@coding@:[{@system@:@http://dicom.nema.org/resources/ontology/DCM@,@code@:@126758@}]}},` +
	`{@url@:@radionuclideTotalDose@,@valueQuantity@:{@value@:250,@unit@:@Becquerel@}}]}]`

// TestALinkListsItsSeries: two resources that stand for one study name one series each in another way, and one without UID.
func TestALinkListsItsSeries(t *testing.T) {
	study := func(id, series string) string {
		return `{@resourceType@:@ImagingStudy@,@id@:@` + id + `@,@status@:@available@,@identifier@:[{@system@:@urn:dicom:uid@,@value@:@` + uidA + `@}],@series@:[` + series + `]}`
	}
	all := resources(t,
		study("i1", `{@uid@:@`+serA+`@,@modality@:{@code@:@PT@},@numberOfInstances@:90`+tracer+`},{@uid@:@no uid@,@modality@:{@code@:@CT@}}`),
		study("i2", `{@uid@:@urn:oid:`+serA+`@,@modality@:{@code@:@PT@},@numberOfInstances@:91},{@uid@:@`+serB+`@,@modality@:{@coding@:[{@code@:@CT@}]}}`))
	s := subjectOf(t, "S-1")
	for range 2 {
		found, err := locate(all, s, &Rules{Quantification: pet.Default()}, shiftBy(-7, "2023-02-08"))
		if err != nil || len(found.Links) != 1 {
			t.Fatal(err, len(found.Links))
		}
		got := found.Links[0].Contents
		if len(got) != 3 || got[2].UID != "" || got[2].Modality != "CT" || got[2].PET != nil {
			t.Fatalf("%+v", got)
		}
		i := slices.IndexFunc(got, func(one Series) bool { return one.UID == s.UID(serA) })
		if i < 0 || got[i].Instances != 91 || got[i].PET == nil || got[1-i].UID != s.UID(serB) || got[1-i].Modality != "CT" {
			t.Fatalf("%+v", got)
		}
		if p := got[i].PET; fmt.Sprint(p.Tracer, *p.Activity, p.Status) != "F-18-PSMA-1007250not_ready" || !slices.Contains(p.Reasons, pet.DoseUnit) {
			t.Errorf("%+v", p)
		}
		slices.Reverse(all)
	}
	found, err := locate(all, s, &Rules{}, shiftBy(-7, "2023-02-08"))
	if err != nil || found.Links[0].Contents[0].PET != nil {
		t.Errorf("a study that does not ask for quantification gets it: %v", err)
	}
}
