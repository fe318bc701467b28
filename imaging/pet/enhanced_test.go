package pet

import (
	"math"
	"slices"
	"testing"
)

// enhancedFDG is an Enhanced PET Image of three frames in which nothing is wrong: 80 kg, 250 MBq at 10:00, decay corrected to
// 10:55, frames from 11:00 on. Attributes stand where PS3.3 A.56 and C.8.22 have them.
func enhancedFDG() header {
	frame := func(at string) header {
		return header{"00209111": []header{{"00189074": "20240701" + at, "00189220": 120000.0, "00209128": 1}}}
	}
	return header{
		"00080016": classEnhanced, "00080070": "SIEMENS", "00081090": "Biograph 128", "0008002A": "20240701110000", "00100040": "M", "00101020": 1.8, "00101030": 80,
		"00189758": "YES", "00189701": "20240701105500", "00189759": "YES", "00189760": "YES", "00189768": "YES", "00189761": "NO",
		"00540016": []header{{
			"00189729": 1, "00181074": 250.0, "00181075": 6586.2, "00181078": "20240701100000",
			"00540300": []header{{"00080100": "77004003", "00080102": "SCT"}}, "00540304": []header{{"00080100": "35321007", "00080102": "SCT"}},
		}},
		"52009229": []header{{
			"00289110": []header{{"00280030": []string{"4.07", "4.07"}, "00180050": 3}},
			"00409096": []header{realWorld("Bq/ml", 0.5, 0)},
			"00189749": []header{{"00189315": "OSEM3D", "00189739": 4, "00189740": 21}},
			"00289145": []header{{"00281052": 0, "00281053": 1, "00281054": "US"}},
			"00189737": []header{{"00189729": 1}},
		}},
		"52009230": []header{frame("110000"), frame("110200"), frame("110400")},
	}
}

func realWorld(unit string, slope, intercept float64) header {
	return header{"00409225": slope, "00409224": intercept, "004008EA": []header{{"00080100": unit, "00080102": "UCUM"}}}
}

func (h header) shared() header {
	items, ok := h["52009229"].([]header)
	if !ok {
		panic("the image shares nothing")
	}
	return items[0]
}

func (h header) frame(i int) header {
	items, ok := h["52009230"].([]header)
	if !ok {
		panic("the image has no frames")
	}
	return items[i]
}

func near(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got/want-1) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestFramesOfAnEnhancedObjectAreQuantified: the activity is in MBq there (PS3.3, C.8.22.4), decay is corrected to a stated moment
// (C.8.22.6), and the unit is that of the real world value mapping (A.56.4), not of the rescale slope.
func TestFramesOfAnEnhancedObjectAreQuantified(t *testing.T) {
	got := siteTable(t, "").Assess(series(t, "PT", enhancedFDG()), Setting{Account: Account{Weight: Num(80), Glucose: Num(5)}, Centre: "A"})
	if got.Status != Ready || !slices.Equal(got.Reasons, []Reason{ResidualUnknown}) {
		t.Errorf("%s %v", got.Status, got.Reasons)
	}
	near(t, "the factor", got.FactorMedian, 0.5*80000/(250e6*math.Exp2(-55*60/6586.2)))
	near(t, "the uptake", got.Uptake, 60)
	near(t, "the activity", got.Activity, 250)
	near(t, "the voxel", got.VoxelColumn, 4.07)
	if got.Images != 3 || got.Units != "BQML" || got.Reference != FromStated || got.DecayCorrection != "STATED" || got.Tracer != "F-18-FDG" || got.Nuclide != "F-18" || got.Reconstruction != "OSEM3D 4i 21s" {
		t.Errorf("%+v", got)
	}
}

// enhancedCases are what may be otherwise in an enhanced object.
var enhancedCases = []struct {
	name   string
	spoil  func(h header)
	want   []Reason
	factor float64 // of the first frame; 0 is none
}{
	{"decay not corrected: each frame by its own time and duration", both(set("00189758", "NO"), set("00189701", nil)), nil, decayed(0)},
	{"corrected to the injection", set("00189701", "20240701100000"), nil, 0.5 * 80000 / 250e6},
	{"corrected to what", set("00189701", nil), []Reason{DecayMomentMissing}, 0},
	{"no word of decay", both(set("00189758", nil), set("00189701", nil)), []Reason{DecayMissing}, 0},
	{"attenuation not corrected", set("00189759", "NO"), []Reason{NotAttenuation}, whole55},
	{"activity in Bq", inject("00181074", 250e6), []Reason{DoseBecquerel}, whole55},
	{"stored SUV by body weight", func(h header) { h.shared()["00409096"] = []header{realWorld("{SUVbw}g/ml", 0.001, 0)} }, nil, 0.001},
	{"stored SUV by nobody knows what", func(h header) { h.shared()["00409096"] = []header{realWorld("g/ml", 0.001, 0)} }, []Reason{SUVTypeUnsupported}, 0},
	{"activity before SUV", func(h header) {
		h.shared()["00409096"] = []header{realWorld("{SUVbw}g/ml", 0.001, 0), realWorld("Bq/ml", 0.5, 0)}
	}, nil, whole55},
	{"a unit that is none of a PET", func(h header) { h.shared()["00409096"] = []header{realWorld("mm", 1, 0)} }, []Reason{SlopeMissing, UnitsUnsupported}, 0},
	{"no unit but the rescale slope's", func(h header) { delete(h.shared(), "00409096") }, []Reason{SlopeMissing, UnitsMissing}, 0},
	{"a mapping that is a table", func(h header) {
		h.shared()["00409096"] = []header{{"004008EA": []header{{"00080100": "Bq/ml"}}}}
	}, []Reason{SlopeMissing}, 0},
	{"an intercept", func(h header) { h.shared()["00409096"] = []header{realWorld("Bq/ml", 0.5, -10)} }, []Reason{InterceptNotZero}, 0},
	{"frames in two units", func(h header) { h.frame(1)["00409096"] = []header{realWorld("{SUVbw}g/ml", 0.5, 0)} }, []Reason{SlicesDiffer}, 0},
	{"a frame's own slope", func(h header) { h.frame(0)["00409096"] = []header{realWorld("Bq/ml", 2, 0)} }, nil, 4 * whole55},
	{"two agents, and the frames name theirs", func(h header) {
		second := header{"00189729": 2, "00181074": 100.0, "00181075": 6586.2, "00181078": "20240701100000"}
		for tag, v := range h.info() {
			if _, ok := second[tag]; !ok {
				second[tag] = v
			}
		}
		h["00540016"] = []header{h.info(), second}
		h.shared()["00189737"] = []header{{"00189729": 2}}
	}, nil, 2.5 * whole55},
	{"two agents, and nobody knows which", func(h header) {
		h["00540016"] = []header{h.info(), h.info()}
		delete(h.shared(), "00189737")
	}, []Reason{SeveralAgents}, 0},
	{"frames of two agents", func(h header) {
		h.shared()["00189737"] = []header{{"00189729": 1}, {"00189729": 2}}
	}, []Reason{SeveralAgents}, 0},
	{"dynamic", func(h header) {
		h["52009230"] = []header{h.frame(0), {"00209111": []header{{"00189074": "20240701110200", "00189220": 120000.0, "00209128": 2}}}}
	}, []Reason{Dynamic}, whole55},
	{"gated", set("00189037", "PROSPECTIVE"), []Reason{Dynamic}, whole55},
	{"injected behind the scan", inject("00181078", "20240701113000"), []Reason{InjectionAfterScan, UptakeOutside}, 0},
	{"no time of any frame", both(set("0008002A", nil), func(h header) { h["52009230"] = []header{{"00209111": []header{{"00189220": 120000.0}}}} }), []Reason{ScanTimeMissing, NotAccredited}, whole55},
	{"made of older images", set("00080016", classConverted), []Reason{LegacyConverted}, 0},
}

// whole55 is the factor of the good object.
var whole55 = 0.5 * 80000 / (250e6 * math.Exp2(-55*60/6586.2))

// decayed is the factor of a frame that begins seconds behind 11:00 and lasts two minutes, of values without decay correction: the
// mean over the frame is led back to its beginning, and this to the injection an hour before.
func decayed(seconds float64) float64 {
	lambda := math.Ln2 / 6586.2
	lost := lambda * 120
	return 0.5 * 80000 / 250e6 * lost / (1 - math.Exp(-lost)) * math.Exp(lambda*(3600+seconds))
}

func TestWhatIsWrongWithAnEnhancedObjectIsSaid(t *testing.T) {
	table, usual := siteTable(t, ""), Setting{Account: Account{Weight: Num(80), Glucose: Num(5)}, Centre: "A"}
	for _, c := range enhancedCases {
		h := enhancedFDG()
		c.spoil(h)
		got := table.Assess(series(t, "PT", h), usual)
		reasons := slices.DeleteFunc(slices.Clone(got.Reasons), func(r Reason) bool { return r == ResidualUnknown })
		slices.Sort(reasons)
		slices.Sort(c.want)
		factor := 0.0
		if len(got.Factors) > 0 {
			factor = got.Factors[0]
		}
		if !slices.Equal(reasons, c.want) || math.Abs(factor-c.factor) > 1e-12 {
			t.Errorf("%s: %v, factor %v; want %v, %v", c.name, reasons, factor, c.want, c.factor)
		}
		if (c.factor == 0) != (got.Status == NotReady) && !slices.ContainsFunc(c.want, func(r Reason) bool { return table.Severity(r) == Error }) {
			t.Errorf("%s: %s", c.name, got.Status)
		}
	}
}

// TestFramesOfUncorrectedDecayHaveFactorsOfTheirOwn: the later the frame, the greater the factor.
func TestFramesOfUncorrectedDecayHaveFactorsOfTheirOwn(t *testing.T) {
	h := enhancedFDG()
	both(set("00189758", "NO"), set("00189701", nil))(h)
	got := siteTable(t, "").Assess(series(t, "PT", h), wellKnown())
	near(t, "the first", got.FactorMin, decayed(0))
	near(t, "the median", got.FactorMedian, decayed(120))
	near(t, "the last", got.FactorMax, decayed(240))
}

// TestAPlainSeriesWithTwoRadiopharmaceuticalsIsNotQuantified: it has no way to say which one an image shows.
func TestAPlainSeriesWithTwoRadiopharmaceuticalsIsNotQuantified(t *testing.T) {
	h := fdg()
	h["00540016"] = []header{h.info(), h.info()}
	if got := siteTable(t, "").Assess(series(t, "PT", h), wellKnown()); got.Status != NotReady || !slices.Contains(got.Reasons, SeveralAgents) || got.FactorMedian != nil || got.Nuclide != "" {
		t.Errorf("%s %v", got.Status, got.Reasons)
	}
}
