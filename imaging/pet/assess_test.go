package pet

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicom"
)

// header is an image by tag: texts, numbers, or sequences.
type header map[string]any

func (h header) json() map[string]any {
	out := map[string]any{}
	for tag, v := range h {
		switch v := v.(type) {
		case nil:
		case []header:
			items := []any{}
			for _, item := range v {
				items = append(items, item.json())
			}
			out[tag] = map[string]any{"vr": "SQ", "Value": items}
		case []string:
			out[tag] = map[string]any{"vr": "CS", "Value": v}
		case float64, int:
			out[tag] = map[string]any{"vr": "DS", "Value": []any{v}}
		case []byte: // of an attribute that the server does not know
			out[tag] = map[string]any{"vr": "UN", "InlineBinary": base64.StdEncoding.EncodeToString(v)}
		default:
			out[tag] = map[string]any{"vr": "LO", "Value": []any{v}}
		}
	}
	return out
}

// info is what the image says about what was injected.
func (h header) info() header {
	items, ok := h["00540016"].([]header)
	if !ok {
		panic("the image has no radiopharmaceutical")
	}
	return items[0]
}

// fdg is an image of an FDG scan in which nothing is wrong: 70 kg, 250 MBq, 60 minutes.
func fdg() header {
	return header{
		"00080021": "20240701", "00080031": "110000", "00080022": "20240701", "00080032": "110000.5", "00080070": "SIEMENS", "00081090": "Biograph 128",
		"00100040": "M", "00101020": 1.8, "00101030": 70, "00181210": "XYZ Gauss5.00", "00181020": []string{"VG60A"}, "00181242": 120000, "00280030": []string{"4.07", "4.07"},
		"00180050": 3, "00280051": []string{"NORM", "ATTN", "SCAT", "DECY"}, "00281052": 0, "00281053": 0.5, "00541000": []string{"STATIC", "IMAGE"}, "00541001": "BQML",
		"00541102": "START", "00541103": "OSEM3D 4i21s", "00541300": 60000,
		"00540016": []header{{
			"00180031": "Fluorodeoxyglucose", "00181074": 250e6, "00181075": 6586.2, "00181078": "20240701100000",
			"00540300": []header{{"00080100": "77004003", "00080102": "SCT"}}, "00540304": []header{{"00080100": "35321007", "00080102": "SCT"}},
		}},
	}
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func series(t testing.TB, modality string, images ...header) Series {
	t.Helper()
	var all []any
	for _, h := range images {
		all = append(all, h.json())
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	read, err := dicom.ReadAll(strings.NewReader(string(text)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := Read(modality, read, berlin(t))
	s.Anatomy = Yes
	return s
}

// wellKnown is a clinical record that agrees with the scan, and an accredited scanner.
func wellKnown() Setting {
	return Setting{Account: Account{Weight: Num(70), WeightDays: -1, Glucose: Num(5.5)}, Centre: "A"}
}

func siteTable(t testing.TB, further string) *Table {
	t.Helper()
	table, err := Parse("site.yaml", []byte("quantification: 1\nscanners:\n  - {centre: A, manufacturer: siemens, model: biograph 128, accreditation: EARL2, from: 2024-01-01, to: 2024-12-31}\n"+further))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestASeriesInWhichNothingIsWrongIsReady(t *testing.T) {
	got := siteTable(t, "").Assess(series(t, "PT", fdg(), fdg()), wellKnown())
	if got.Status != Ready || !slices.Equal(got.Reasons, []Reason{ResidualUnknown}) {
		t.Errorf("%s %v", got.Status, got.Reasons)
	}
	want := 0.5 * 70000 / (250e6 * math.Exp2(-3600/6586.2))
	if got.FactorMedian == nil || math.Abs(*got.FactorMedian/want-1) > 1e-9 || *got.Uptake != 60 || *got.Activity != 250 {
		t.Errorf("factor %v, want %v; uptake %v, activity %v", got.FactorMedian, want, *got.Uptake, *got.Activity)
	}
	text := fmt.Sprint(got.Tracer, got.Ligand, got.Nuclide, got.Manufacturer, got.Model, got.Software, got.Reconstruction, got.Kernel, *got.VoxelRow, *got.VoxelSlice, got.Accreditation, got.Reference, got.Images)
	if text != "F-18-FDGFDGF-18SIEMENSBiograph 128VG60AOSEM3D 4i21sXYZ Gauss5.004.07 3EARL2series2" {
		t.Errorf("covariates %q", text)
	}
}

// reasonCase spoils an image, or what is known beside it, and says which reasons that adds.
type reasonCase struct {
	name    string
	spoil   func(h header)
	setting func(s *Setting)
	series  func(s *Series)
	want    []Reason
	factor  bool // there is a factor all the same
}

func set(tag string, v any) func(header)    { return func(h header) { h[tag] = v } }
func inject(tag string, v any) func(header) { return func(h header) { h.info()[tag] = v } }
func both(all ...func(header)) func(header) {
	return func(h header) {
		for _, f := range all {
			f(h)
		}
	}
}

func injected(code, system string, dose float64) func(header) {
	return func(h header) {
		h.info()["00540304"] = []header{{"00080100": code, "00080102": system}}
		h.info()["00181074"] = dose
	}
}

var gallium = []header{{"00080100": "C-131A3", "00080102": "SRT"}}

func ge(elements header) func(header) {
	return func(h header) {
		h["00090010"] = "GEMS_PETD_01"
		for tag, v := range elements {
			h[tag] = v
		}
	}
}

func float32Bytes(v float32) []byte {
	return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v))
}

var reasonCases = []reasonCase{
	{name: "no units", spoil: set("00541001", nil), want: []Reason{UnitsMissing}},
	{name: "counts per second", spoil: set("00541001", "CPS"), want: []Reason{UnitsUnsupported}},
	{name: "SUV of an unknown kind", spoil: both(set("00541001", "GML"), set("00541006", "BMI")), want: []Reason{SUVTypeUnsupported}},
	{name: "lean body mass without a formula", spoil: both(set("00541001", "GML"), set("00541006", "LBM")), want: []Reason{LBMAssumed}, factor: true},
	{name: "lean body mass of nobody's sex", spoil: both(set("00541001", "GML"), set("00541006", "LBMJANMA"), set("00100040", "O")), want: []Reason{SexAveraged}, factor: true},
	{name: "body surface without height", spoil: both(set("00541001", "CM2ML"), set("00101020", nil)), want: []Reason{HeightMissing}},
	{name: "a giant", spoil: set("00101020", 2.9), want: []Reason{HeightImplausible}, factor: true},
	{name: "height in centimetres", spoil: both(set("00101020", 180), set("00541001", "CM2ML"), set("00541006", "BSA")), want: []Reason{HeightCentimetres}, factor: true},
	{name: "no weight", spoil: set("00101030", nil), want: []Reason{WeightMissing}},
	{name: "weight 0", spoil: set("00101030", 0), want: []Reason{WeightMissing}},
	{name: "weight of 700 kg", spoil: set("00101030", 700), want: []Reason{WeightImplausible}},
	{name: "weight in grams", spoil: set("00101030", 70000), want: []Reason{WeightGrams}, factor: true},
	{name: "another weight in the record", setting: func(s *Setting) { s.Account.Weight = Num(75) }, want: []Reason{WeightDiffers}, factor: true},
	{name: "quite another weight", setting: func(s *Setting) { s.Account.Weight = Num(100) }, want: []Reason{WeightContradicted}, factor: true},
	{name: "no weight in the record", setting: func(s *Setting) { s.Account.Weight = Number{} }, want: []Reason{WeightUnconfirmed}, factor: true},
	{name: "no dose", spoil: inject("00181074", nil), want: []Reason{DoseMissing}},
	{name: "dose in MBq", spoil: inject("00181074", 250), want: []Reason{DoseMegabecquerel}, factor: true},
	{name: "dose of nothing", spoil: inject("00181074", 0.2), want: []Reason{DoseMegabecquerel, DoseImplausible}},
	{name: "dose of a mouse", spoil: inject("00181074", 5e6), want: []Reason{DoseUnusual}, factor: true},
	{name: "no half-life, known nuclide", spoil: inject("00181075", nil), want: []Reason{HalfLifeFromNuclide}, factor: true},
	{name: "no half-life, no nuclide", spoil: both(inject("00181075", nil), inject("00540300", nil)), want: []Reason{HalfLifeMissing, NuclideUnknown}},
	{name: "half-life off by 2 %", spoil: inject("00181075", 6720), want: []Reason{HalfLifeDiffers}, factor: true},
	{name: "half-life of another nuclide", spoil: inject("00181075", 4062.6), want: []Reason{HalfLifeWrong}, factor: true},
	{name: "no time of scan", spoil: both(set("00080031", nil), set("00080032", nil)), want: []Reason{ScanTimeMissing, NotAccredited}},
	{name: "series time behind the scan", spoil: both(set("00080031", "113000"), set("00541300", nil)), want: []Reason{ScanTimeEstimated}, factor: true},
	{name: "series time behind the scan, computed back", spoil: set("00080031", "113000"), factor: true},
	{name: "no injection", spoil: inject("00181078", nil), want: []Reason{InjectionMissing}},
	{name: "injection by the clock only", spoil: both(inject("00181078", nil), inject("00181072", "100000")), factor: true},
	{name: "across midnight", spoil: both(set("00080031", "003000"), set("00080032", "003000"), inject("00181078", nil), inject("00181072", "233000")), want: []Reason{InjectionPreviousDay}, factor: true},
	{name: "injection behind the scan", spoil: inject("00181078", "20240701120000"), want: []Reason{InjectionAfterScan, UptakeOutside}},
	{name: "one in UTC", spoil: inject("00181078", "20240701080000+0000"), want: []Reason{TimeZonesMixed}, factor: true},
	{name: "both in UTC", spoil: both(set("00080201", "+0000"), inject("00181078", "20240701100000+0000")), factor: true},
	{name: "yesterday's injection", spoil: inject("00181078", "20240630200000"), want: []Reason{UptakeTooLong, UptakeOutside}, factor: true},
	{name: "90 minutes of FDG", spoil: inject("00181078", "20240701093000"), want: []Reason{UptakeOutside}, factor: true},
	{name: "a tracer without a window", spoil: injected("X1", "DCM", 250e6), want: []Reason{WindowUnknown}, factor: true},
	{name: "no attenuation correction", spoil: set("00280051", []string{"DECY"}), want: []Reason{NotAttenuation}, factor: true},
	{name: "no word of corrections", spoil: set("00280051", nil), want: []Reason{CorrectionsMissing}, factor: true},
	{name: "no word of decay", spoil: both(set("00541102", nil), set("00280051", []string{"ATTN"})), want: []Reason{DecayMissing}},
	{name: "decay corrected to what", spoil: set("00541102", nil), want: []Reason{DecayAssumed}, factor: true},
	{name: "decay corrected to noon", spoil: set("00541102", "NOON"), want: []Reason{DecayUnsupported}},
	{name: "decay corrected and not", spoil: set("00541102", "NONE"), want: []Reason{DecayContradicted}, factor: true},
	{name: "decay not corrected, and no frame", spoil: both(set("00541102", "NONE"), set("00280051", []string{"ATTN"}), set("00181242", nil)), want: []Reason{FrameDurationMissing}},
	{name: "counts without factors", spoil: set("00541001", "CNTS"), want: []Reason{VendorFactorMissing}},
	{name: "a factor in another's block", spoil: both(set("00541001", "CNTS"), set("70530010", "Somebody Else"), set("70531000", 0.0005)), want: []Reason{VendorFactorMissing}},
	{name: "a factor in a block further on", spoil: both(set("00541001", "CNTS"), set("70530011", "Philips PET Private Group"), set("70531100", 0.0005)), factor: true},
	{name: "no slope", spoil: set("00281053", nil), want: []Reason{SlopeMissing}},
	{name: "an intercept", spoil: set("00281052", -1024), want: []Reason{InterceptNotZero}},
	{name: "an unknown tracer", spoil: both(inject("00540304", nil), inject("00180031", "Wunderstoff 7")), want: []Reason{TracerUnknown}, factor: true},
	{name: "two tracers", spoil: func(h header) {
		h.info()["00540304"] = []header{{"00080100": "35321007", "00080102": "SCT"}, {"00080100": "126758", "00080102": "DCM"}}
	}, want: []Reason{TracerAmbiguous}, factor: true},
	{name: "an unknown nuclide", spoil: inject("00540300", []header{{"00080100": "C-999", "00080102": "SRT"}}), want: []Reason{NuclideUnknown}, factor: true},
	{name: "FDG with gallium", spoil: both(inject("00540300", gallium), inject("00181075", 4062.6)), want: []Reason{NuclideContradicted}},
	{name: "much glucose", setting: func(s *Setting) { s.Account.Glucose = Num(14) }, want: []Reason{GlucoseHigh}, factor: true},
	{name: "no glucose", setting: func(s *Setting) { s.Account.Glucose = Number{} }, want: []Reason{GlucoseMissing}, factor: true},
	{name: "a dynamic series", spoil: set("00541000", []string{"DYNAMIC", "IMAGE"}), want: []Reason{Dynamic}, factor: true},
	{name: "no CT", series: func(s *Series) { s.Anatomy = No }, want: []Reason{NoAnatomy}, factor: true},
	{name: "another centre", setting: func(s *Setting) { s.Centre = "B" }, want: []Reason{NotAccredited}, factor: true},
	{name: "no headers", series: func(s *Series) { s.Slices = nil }, want: []Reason{MetadataMissing}},
	{name: "headers that are too many", series: func(s *Series) { s.TooLarge = true }, want: []Reason{MetadataTooLarge}},
	{name: "images of two patients", series: func(s *Series) { s.Slices[1].Weight = Num(71) }, want: []Reason{SlicesDiffer}},
	{
		name: "the full syringe", spoil: both(inject("00181074", 260e6), ge(header{
			"00091038": 260.0, "00091039": "20240701100000", "0009103C": 10.0, "0009103D": "20240701100000",
		})), want: []Reason{ResidualNotSubtracted}, factor: true,
	},
	{
		name: "the full syringe, in bytes", spoil: both(inject("00181074", 260e6), ge(header{
			"00090010": []byte("GEMS_PETD_01"), "00091038": float32Bytes(260), "00091039": []byte("20240701100000"), "0009103C": float32Bytes(10), "0009103D": []byte("20240701100000"),
		})), want: []Reason{ResidualNotSubtracted}, factor: true,
	},
	{name: "a factor in bytes", spoil: both(set("00541001", "CNTS"), set("70530010", []byte("Philips PET Private Group ")), set("70531000", []byte("0.0005"))), factor: true},
	{name: "what stayed was subtracted", spoil: ge(header{"00091038": 260.0, "00091039": "20240701100000", "0009103C": 10.0, "0009103D": "20240701100000"}), factor: true},
	{name: "the vendor's reference", spoil: both(set("00080031", "113000"), ge(header{"0009100D": "20240701110000"})), factor: true},
	{name: "Siemens' reference", spoil: both(set("00080031", "113000"), set("00710010", "SIEMENS MED PT"), set("00711022", "20240701110000")), factor: true},
	{name: "SPECT without calibration", spoil: set("00541001", nil), series: func(s *Series) { s.Modality = "NM" }, want: []Reason{NotCalibrated}},
	{name: "SPECT with units", series: func(s *Series) { s.Modality = "NM" }, want: []Reason{SPECTWithoutSUV}},
	{name: "SPECT with a real world value", spoil: both(set("00541001", nil), set("00409096", []header{{"00409225": 12.5, "004008EA": []header{{"00080100": "Bq/ml"}}}})), series: func(s *Series) { s.Modality = "NM" }, want: []Reason{SPECTWithoutSUV}},
}

func (c *reasonCase) assess(t *testing.T, table *Table) Result {
	t.Helper()
	image, again := fdg(), fdg()
	for _, h := range []header{image, again} {
		if c.spoil != nil {
			c.spoil(h)
		}
	}
	s, setting := series(t, "PT", image, again), wellKnown()
	if c.series != nil {
		c.series(&s)
	}
	if c.setting != nil {
		c.setting(&setting)
	}
	return table.Assess(s, setting)
}

func TestEveryReasonIsGivenWhereItIsDue(t *testing.T) {
	table := siteTable(t, "tracers:\n  - {name: F-18-X1, ligand: X1, nuclide: F-18, codes: [DCM X1]}\n")
	seen := map[Reason]bool{ResidualUnknown: true, DoseUnit: true, UptakeUntrusted: true} // the last two: of FHIR only
	for _, c := range reasonCases {
		got := c.assess(t, table)
		var reasons []Reason
		for _, r := range got.Reasons {
			if r != ResidualUnknown {
				reasons = append(reasons, r)
				seen[r] = true
			}
		}
		slices.Sort(reasons)
		slices.Sort(c.want)
		if !slices.Equal(reasons, c.want) || (got.FactorMedian != nil) != c.factor {
			t.Errorf("%s: %v, factor %v; want %v, %v", c.name, reasons, got.FactorMedian != nil, c.want, c.factor)
		}
	}
	for _, c := range enhancedCases {
		for _, r := range c.want {
			seen[r] = true
		}
	}
	for _, d := range Reasons() {
		if !seen[d.Reason] {
			t.Errorf("no case gives %s", d.Reason)
		}
	}
}

// TestTheSameLigandWithAnotherNuclideIsAnotherTracer: Ga-68-PSMA-11 and F-18-PSMA-1007 are never pooled.
func TestTheSameLigandWithAnotherNuclideIsAnotherTracer(t *testing.T) {
	names := map[string]bool{}
	for _, c := range []reasonCase{
		{spoil: both(injected("C118961", "NCIt", 150e6), inject("00540300", gallium), inject("00181075", 4062.6))},
		{spoil: injected("126758", "DCM", 250e6)},
		{spoil: both(inject("00540304", nil), inject("00180031", "[68Ga]Ga PSMA-11"), inject("00540300", gallium), inject("00181075", 4062.6))},
		{spoil: both(inject("00540304", nil), inject("00180031", "18F_PSMA 1007"))},
	} {
		got := c.assess(t, Default())
		names[got.Tracer+" | "+got.Ligand+" | "+got.Nuclide] = true
	}
	for _, want := range []string{"Ga-68-PSMA-11 | PSMA-11 | Ga-68", "F-18-PSMA-1007 | PSMA-1007 | F-18"} {
		if !names[want] {
			t.Errorf("%q is missing among %v", want, names)
		}
	}
	c := reasonCase{spoil: both(injected("C118961", "NCIt", 150e6))} // gallium's ligand in a series that says fluorine
	if got := c.assess(t, Default()); !slices.Contains(got.Reasons, NuclideContradicted) || got.Status != NotReady || got.FactorMedian != nil {
		t.Errorf("%s %v", got.Status, got.Reasons)
	}
}

func TestASiteDecidesHowSevereAReasonIs(t *testing.T) {
	c := reasonCase{setting: func(s *Setting) { s.Account.Weight = Number{} }}
	if got := c.assess(t, siteTable(t, "severities: {weight-unconfirmed: error}\n")); got.Status != NotReady || got.Reasons[0] != WeightUnconfirmed {
		t.Errorf("%s %v", got.Status, got.Reasons)
	}
	c = reasonCase{spoil: set("00101030", nil)}
	if got := c.assess(t, siteTable(t, "severities: {weight-missing: note}\n")); got.Status != NotReady {
		t.Errorf("%s without a factor: %v", got.Status, got.Reasons)
	}
}

func TestTheNearestMeasuredWeightAndTheDaysGlucoseCount(t *testing.T) {
	observation := func(code, day, value, unit, status string) *fhir.Resource {
		return parsed(t, `{"resourceType":"Observation","id":"o","status":"`+status+`","code":{"coding":[{"system":"http://loinc.org","code":"`+code+`"}]},"effectiveDateTime":"`+day+`","valueQuantity":{"value":`+value+`,"code":"`+unit+`"}}`)
	}
	all := []*fhir.Resource{
		observation("29463-7", "2024-06-25", "71.5", "kg", "final"),
		observation("29463-7", "2024-07-07", "69000", "g", "final"), // as near, later
		observation("29463-7", "2024-07-01", "500", "kg", "entered-in-error"),
		observation("8335-2", "2024-07-01", "99", "kg", "final"), // estimated
		observation("2339-0", "2024-07-01T08:00:00+02:00", "99", "mg/dL", "final"),
		observation("15074-8", "2024-06-30", "9", "mmol/L", "final"), // the day before
		observation("29463-7", "2024", "10", "kg", "final"),
	}
	scan := fhir.NewDay(2024, 7, 1)
	for range 2 {
		got := Near(slices.Values(all), scan, berlin(t))
		if got.Weight.Value != 71.5 || got.WeightDays != -6 || math.Abs(got.Glucose.Value-5.495) > 0.001 {
			t.Errorf("%+v", got)
		}
		slices.Reverse(all)
	}
	if got := Near(slices.Values(all), scan+40, berlin(t)); got.Weight.Known {
		t.Errorf("a weight of a long time ago counts: %+v", got)
	}
}

func parsed(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	r, err := fhir.ReadResource(text, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
