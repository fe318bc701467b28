package pet

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

func example(t *testing.T, modality string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared.Dir(t, "data", "mii-bildgebung-examples"), "ImagingStudy-mii-exa-bildgebung-bildgebungsstudie-"+modality+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheOfficialExampleSays196BecquerelAndMeansMegabecquerel: the module's own PET example has the unit wrong.
func TestTheOfficialExampleSays196BecquerelAndMeansMegabecquerel(t *testing.T) {
	for modality, want := range map[string][]Reason{
		"pt": {MetadataMissing, DoseUnit, UptakeOutside, UptakeUntrusted},
		"nm": {MetadataMissing},
	} {
		study := parsed(t, example(t, modality))
		got := Default().OfSeries(study.Get("series").First())
		for _, r := range want {
			if !slices.Contains(got.Reasons, r) {
				t.Errorf("%s: %s is missing among %v", modality, r, got.Reasons)
			}
		}
		if got.Activity == nil || *got.Activity != 196 || got.Status != NotReady || got.FactorMedian != nil {
			t.Errorf("%s: %+v", modality, got)
		}
	}
	got := Default().OfSeries(parsed(t, example(t, "pt")).Get("series").First())
	if got.Tracer != "F-18-FDG" || got.Nuclide != "F-18" || *got.HalfLife != 6586.2 || math.Abs(*got.Uptake-10000.0/60) > 1e-9 || got.Units != "BQML" {
		t.Errorf("%+v", got)
	}
}

func TestADoseIsMeantInTheUnitThatItsSizeTells(t *testing.T) {
	for text, want := range map[string]string{
		`"value":196,"unit":"Becquerel"`:        "196 true",
		`"value":196000000,"code":"Bq"`:         "196 false",
		`"value":196,"code":"MBq"`:              "196 false",
		`"value":196000000,"code":"MBq"`:        "196 true",
		`"value":0.196,"code":"GBq"`:            "196 false",
		`"value":196000,"code":"kBq"`:           "196 false",
		`"value":196`:                           "196 true",
		`"value":196,"unit":"mCi","code":"mCi"`: "196 true",
		`"value":0.0005,"code":"Bq"`:            "none true",
		`"unit":"MBq"`:                          "none false",
	} {
		study := parsed(t, `{"resourceType":"ImagingStudy","id":"i","series":[{"extension":[{"url":"`+extPT+`","extension":[{"url":"radionuclideTotalDose","valueQuantity":{`+text+`}}]}]}]}`)
		got := Default().OfSeries(study.Get("series").First())
		activity := "none"
		if got.Activity != nil {
			activity = fmt.Sprint(math.Round(*got.Activity*1000) / 1000)
		}
		if said := fmt.Sprint(activity, " ", slices.Contains(got.Reasons, DoseUnit)); said != want {
			t.Errorf("%s: %s, want %s", text, said, want)
		}
	}
}

func TestEveryMistakeInATableIsFound(t *testing.T) {
	_, err := Parse("site.yaml", []byte(strings.TrimSpace(`
quantification: 1
confirmed-by: {name: Dr. Weber, date: lately}
nuclides:
  - {name: F-18, half-life: -3}
tracers:
  - {name: A, ligand: A, nuclide: Ga-86, codes: [SCT 1]}
  - {name: B, ligand: B, nuclide: F-18, codes: [126758]}
  - {name: C, ligand: C, nuclide: F-18, codes: [DCM 126758], uptake: [90, 60]}
  - {name: C, ligand: C, nuclide: F-18, texts: [C]}
  - {name: D, nuclide: F-18}
scanners:
  - {centre: A, from: 2024-13-01}
severities: {weight-mising: error, weight-missing: fatal}
`)))
	if err == nil {
		t.Fatal("no mistake is found")
	}
	for _, want := range []string{
		"site.yaml:2:", "on which day the table was confirmed", "site.yaml:4:", "half-life in seconds is missing or not positive", `no radionuclide is named "Ga-86"`, "Ga-68", `"126758" is no code`, "the range is empty",
		"the tracer C is there twice", "ligand is missing", "nothing says by which codes or texts", "accreditation is missing", `"2024-13-01" is no date`, `there is no reason "weight-mising"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

func TestTwoTracersWithOneNuclideAndCodeAreRefused(t *testing.T) {
	_, err := Parse("site.yaml", []byte("quantification: 1\ntracers:\n  - {name: Mine, ligand: PSMA-1007, nuclide: F-18, codes: [DCM 126758]}\n"))
	if err == nil || !strings.Contains(err.Error(), "F-18-PSMA-1007 and Mine have the same radionuclide and a code in common") {
		t.Errorf("%v", err)
	}
}

func TestASitesTableReplacesWhatItNames(t *testing.T) {
	table, err := Parse("site.yaml", []byte("quantification: 1\ntracers:\n  - {name: F-18-FDG, ligand: FDG, nuclide: F-18, codes: [SCT 35321007], uptake: [80, 100]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := table.Assess(series(t, "PT", fdg()), wellKnown())
	if !slices.Contains(got.Reasons, UptakeOutside) || len(table.Tracers()) != len(Default().Tracers()) || table.Hash() == Default().Hash() {
		t.Errorf("%v, %d tracers", got.Reasons, len(table.Tracers()))
	}
}

func TestATableSaysWhoOfTheSiteConfirmedIt(t *testing.T) {
	if by := Default().Confirmed().By; by != "" {
		t.Errorf("the table of the program is confirmed by %s", by)
	}
	table, err := Parse("site.yaml", []byte("quantification: 1\nconfirmed-by: {name: Dr. Weber, date: 2026-01-15}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c := table.Confirmed(); c.By != "Dr. Weber" || c.On.String() != "2026-01-15" || table.Hash() != Default().Hash() {
		t.Errorf("%+v", c)
	}
}

// TestEveryTracerOfTheProgramNamesWhereToLookItUp: nobody is to take its windows for a protocol.
func TestEveryTracerOfTheProgramNamesWhereToLookItUp(t *testing.T) {
	if tracers, sources := strings.Count(string(defaultText), "  - name: "), strings.Count(string(defaultText), "    source: "); tracers != sources || tracers != len(Default().Tracers()) {
		t.Errorf("%d tracers, %d sources", tracers, sources)
	}
	if !strings.Contains(string(defaultText), "NOT CONFIRMED") {
		t.Error("the file does not say that nobody confirmed it")
	}
}
