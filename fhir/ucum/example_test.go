package ucum_test

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir/ucum"
)

func ExampleConvert() {
	fmt.Println(ucum.Convert(apd.New(37, 0), "Cel", "K"))
	fmt.Println(ucum.Convert(apd.New(37, 0), "mg/dL", "mmol/L"))
	fmt.Println(ucum.Convert(apd.New(37, 0), "mmHg", "kPa"))
	// Output:
	// 310.15 <nil>
	// <nil> ucum: "mg/dL" to "mmol/L": not convertible: the dimensions "g.m-3" and "m-3" differ; mass and amount of substance are related by the molar mass; state a factor for this substance in the mapping
	// <nil> ucum: invalid unit "mmHg": character 1: the unit "mmHg" is unknown (did you mean "mm[Hg]"?)
}
