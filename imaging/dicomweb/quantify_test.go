package dicomweb_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
)

// pt is a PET series that is made for Orthanc: attributes of a good one, with some in the place of others. An empty line takes
// an attribute out.
type pt struct {
	name   string
	change map[string]string // by tag
	inject map[string]string // of what was injected
	reason []pet.Reason      // beside those that all have
	factor float64           // SUVbw of a stored value; 0 is none
}

// goodPT is an FDG scan of 80 kg, one hour after 250 MBq.
func goodPT() (image, injected map[string]string) {
	return map[string]string{
			"(0008,0021)": "DA [20230601]", "(0008,0022)": "DA [20230601]", "(0008,0031)": "TM [110000]", "(0008,0032)": "TM [110000]", "(0008,0070)": "LO [SIEMENS]",
			"(0008,1090)": "LO [Biograph 128]", "(0010,0040)": "CS [M]", "(0010,1020)": "DS [1.80]", "(0010,1030)": "DS [80]", "(0018,1242)": "IS [120000]", "(0028,0051)": "CS [ATTN\\DECY]",
			"(0028,1052)": "DS [0]", "(0028,1053)": "DS [0.5]", "(0054,1001)": "CS [BQML]", "(0054,1102)": "CS [START]", "(0054,1300)": "DS [60000]",
		}, map[string]string{
			"(0018,1074)": "DS [250000000]", "(0018,1075)": "DS [6586.2]", "(0018,1078)": "DT [20230601100000]",
		}
}

var (
	hour  = math.Exp2(3600 / 6586.2)
	whole = 0.5 * 80000 / 250e6 // without decay
)

// The quantification of real headers: units, decay corrections, vendors' private tags, and what is wrong in practice.
var ptCases = []pt{
	{name: "nothing wrong", factor: whole * hour},
	{name: "no weight", change: map[string]string{"(0010,1030)": ""}, reason: []pet.Reason{pet.WeightMissing}},
	{name: "grams", change: map[string]string{"(0010,1030)": "DS [80000]"}, reason: []pet.Reason{pet.WeightGrams}, factor: whole * hour},
	{name: "MBq", inject: map[string]string{"(0018,1074)": "DS [250]"}, reason: []pet.Reason{pet.DoseMegabecquerel}, factor: whole * hour},
	{name: "injected behind the scan", inject: map[string]string{"(0018,1078)": "DT [20230601113000]"}, reason: []pet.Reason{pet.InjectionAfterScan, pet.UptakeOutside}},
	{name: "130 minutes", inject: map[string]string{"(0018,1078)": "DT [20230601085000]"}, reason: []pet.Reason{pet.UptakeOutside}, factor: whole * math.Exp2(130*60/6586.2)},
	{name: "another half-life", inject: map[string]string{"(0018,1075)": "DS [4062.6]"}, reason: []pet.Reason{pet.HalfLifeWrong}, factor: whole * math.Exp2(3600/4062.6)},
	{name: "ADMIN", change: map[string]string{"(0054,1102)": "CS [ADMIN]"}, factor: whole},
	{name: "GML", change: map[string]string{"(0054,1001)": "CS [GML]"}, factor: 0.5},
	{name: "Philips", change: map[string]string{"(0054,1001)": "CS [CNTS]", "(7053,0010)": "LO [Philips PET Private Group]", "(7053,1000)": "DS [0.0005]"}, factor: 0.00025},
	{name: "Philips, in another block", change: map[string]string{"(0054,1001)": "CS [CNTS]", "(7053,0011)": "LO [Philips PET Private Group]", "(7053,1109)": "DS [2]"}, factor: 2 * whole * hour},
	{name: "GE", change: map[string]string{"(0008,0031)": "TM [120000]", "(0009,0010)": "LO [GEMS_PETD_01]", "(0009,100d)": "DT [20230601110000]"}, factor: whole * hour},
	{name: "Siemens", change: map[string]string{"(0008,0031)": "TM [120000]", "(0071,0010)": "LO [SIEMENS MED PT]", "(0071,1022)": "DT [20230601110000]"}, factor: whole * hour},
	{name: "across midnight", change: map[string]string{"(0008,0031)": "TM [003000]", "(0008,0032)": "TM [003000]"}, inject: map[string]string{"(0018,1078)": "", "(0018,1072)": "TM [233000]"}, reason: []pet.Reason{pet.InjectionPreviousDay}, factor: whole * hour},
	{name: "a time zone", change: map[string]string{"(0008,0201)": "SH [+0200]"}, inject: map[string]string{"(0018,1078)": "DT [20230601080000.000000+0000]"}, factor: whole * hour},
	{name: "the full syringe of GE", change: map[string]string{
		"(0009,0010)": "LO [GEMS_PETD_01]", "(0009,1038)": "FL 250", "(0009,1039)": "DT [20230601100000]", "(0009,103c)": "FL 10", "(0009,103d)": "DT [20230601100000]",
	}, reason: []pet.Reason{pet.ResidualNotSubtracted}, factor: whole * hour},
}

// lines are one instance as dump2dcm reads it; n is the last part of its study's UID.
func (c *pt) lines(n int) []string {
	image, injected := goodPT()
	for tag, v := range c.change {
		image[tag] = v
	}
	for tag, v := range c.inject {
		injected[tag] = v
	}
	uid := fmt.Sprintf("%s%d", root, n)
	for tag, v := range map[string]string{
		"(0008,0016)": "UI [" + classOf["PT"] + "]", "(0008,0018)": "UI [" + uid + ".1.1]", "(0008,0020)": "DA [20230601]", "(0008,0030)": "TM [105500]", "(0008,0060)": "CS [PT]",
		"(0010,0010)": "PN [Muster^Test]", "(0010,0020)": fmt.Sprintf("LO [P%d]", n), "(0020,000d)": "UI [" + uid + "]", "(0020,000e)": "UI [" + uid + ".1]",
	} {
		image[tag] = v
	}
	code := func(tag, value string) []string {
		return []string{tag + " SQ", "(fffe,e000) na", "(0008,0100) SH [" + value + "]", "(0008,0102) SH [SCT]", "(fffe,e00d) na", "(fffe,e0dd) na"}
	}
	item := slices.Concat([]string{"(0054,0016) SQ", "(fffe,e000) na"}, attributes(injected), code("(0054,0300)", "77004003"), code("(0054,0304)", "35321007"), []string{"(fffe,e00d) na", "(fffe,e0dd) na"})
	all := attributes(image)
	at := slices.IndexFunc(all, func(line string) bool { return line > "(0054,0016)" })
	return slices.Insert(all, at, item...)
}

func attributes(of map[string]string) (all []string) {
	for tag, v := range of {
		if v != "" {
			all = append(all, tag+" "+v)
		}
	}
	slices.Sort(all)
	return all
}

// TestHeadersOfARealPACSAreQuantified: private tags come as bytes of unknown meaning, and are found by their creator.
func TestHeadersOfARealPACSAreQuantified(t *testing.T) {
	o := shared.NewOrthanc(t, false)
	dir := t.TempDir()
	var made [][]byte
	for i := range ptCases {
		file := filepath.Join(dir, "x.dcm")
		shared.DICOMFile(t, file, ptCases[i].lines(300+i)...)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, text)
	}
	o.Store(t, made...)
	c := client(t, o.DICOMweb, func(w *dicomweb.Options) { w.Wire.Auth = wire.Auth{} })
	for i := range ptCases {
		k, patient, uid := &ptCases[i], fmt.Sprintf("P%d", 300+i), fmt.Sprintf("%s%d", root, 300+i)
		a, err := c.Patient(t.Context(), ask(t, patient), patient)
		if err != nil || len(a.Examinations) != 1 {
			t.Fatalf("%s: %v", k.name, err)
		}
		images, err := c.Metadata(t.Context(), a.Examinations[0], uid+".1")
		if err != nil || len(images) != 1 {
			t.Fatalf("%s: %d images, %v", k.name, len(images), err)
		}
		got := pet.Default().Assess(pet.Read("PT", images, berlin(t)), pet.Setting{})
		var reasons []pet.Reason
		for _, r := range got.Reasons {
			if !slices.Contains([]pet.Reason{pet.WeightUnconfirmed, pet.ResidualUnknown, pet.NotAccredited, pet.GlucoseMissing}, r) {
				reasons = append(reasons, r)
			}
		}
		slices.Sort(reasons)
		slices.Sort(k.reason)
		factor := 0.0
		if got.FactorMedian != nil {
			factor = *got.FactorMedian
		}
		if !slices.Equal(reasons, k.reason) || math.Abs(factor-k.factor) > 1e-9*k.factor {
			t.Errorf("%s: %s, factor %.9g, want %v, %.9g", k.name, strings.Trim(fmt.Sprint(reasons), "[]"), factor, k.reason, k.factor)
		}
	}
}
