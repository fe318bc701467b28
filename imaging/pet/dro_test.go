package pet

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/shared"
)

// droHeader is a header of the digital reference objects as the shared file has it.
type droHeader struct {
	SeriesDate, SeriesTime, AcquisitionDate, AcquisitionTime                        string
	PatientSex, PatientSize, PatientWeight, ActualFrameDuration, FrameReferenceTime string
	RescaleSlope, RescaleIntercept, Units, SUVType, DecayCorrection, Manufacturer   string
	RadiopharmaceuticalStartTime, RadiopharmaceuticalStartDateTime                  string
	RadionuclideTotalDose, RadionuclideHalfLife, RadionuclideCode                   string
	CorrectedImage                                                                  []string
	Philips1000                                                                     string  `json:"7053_1000"`
	Philips1009                                                                     string  `json:"7053_1009"`
	GE100D                                                                          string  `json:"0009_100D"`
	Factor                                                                          float64 `json:"factor_combined"`
	Stored                                                                          *struct {
		N                int
		Min, Median, Max float64
	} `json:"stored_in_mask"`
}

type droCase struct {
	ID        string
	Expected  struct{ Min, Median, Max, Tolerance float64 }
	Instances []droHeader
}

func dros(t *testing.T) []droCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared.Dir(t, "data", "suv"), "oncoray_dro_headers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []droCase }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.Cases
}

func number(text string) Number {
	v, err := strconv.ParseFloat(text, 64)
	return Number{v, err == nil}
}

func moment(layout, text string) time.Time {
	at, err := time.Parse(layout, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

func (h *droHeader) slice() Slice {
	const dateTime = "20060102150405"
	return Slice{
		Units: h.Units, SUVType: h.SUVType, DecayCorrection: h.DecayCorrection, Corrected: h.CorrectedImage, Sex: h.PatientSex, Manufacturer: h.Manufacturer,
		Slope: number(h.RescaleSlope), Intercept: number(h.RescaleIntercept), Weight: number(h.PatientWeight), Height: number(h.PatientSize),
		FrameReference: number(h.FrameReferenceTime), FrameDuration: number(h.ActualFrameDuration), Dose: number(h.RadionuclideTotalDose),
		HalfLife: number(h.RadionuclideHalfLife), Nuclides: []Code{{"SRT", h.RadionuclideCode}},
		SeriesStart: moment(dateTime, h.SeriesDate+h.SeriesTime), Acquired: moment(dateTime, h.AcquisitionDate+h.AcquisitionTime),
		Injected: moment(dateTime, h.RadiopharmaceuticalStartDateTime), InjectedClock: moment("150405", h.RadiopharmaceuticalStartTime),
		Vendor: Vendor{Reference: moment(dateTime, h.GE100D), SUVFactor: number(h.Philips1000), ActivityFactor: number(h.Philips1009)},
	}
}

// TestEveryReferenceObjectGetsItsSUV: 17 objects of known uptake, in every unit, decay correction and with every defect of
// times and doses that their authors made (Vacha et al., oncoray/suv_computation, CC BY 4.0).
func TestEveryReferenceObjectGetsItsSUV(t *testing.T) {
	right := 0
	for _, c := range dros(t) {
		s := Series{Modality: "PT"}
		for i := range c.Instances {
			s.Slices = append(s.Slices, c.Instances[i].slice())
		}
		got := Default().Assess(s, Setting{})
		if got.FactorMin == nil {
			t.Errorf("%s has no factor: %v", c.ID, got.Reasons)
			continue
		}
		low, high, median := math.Inf(1), math.Inf(-1), 0.0
		for i, h := range c.Instances {
			f := got.Factors[i]
			if math.Abs(f/h.Factor-1) > 1e-9 {
				t.Errorf("%s, image %d: factor %.9g, want %.9g", c.ID, i+1, f, h.Factor)
			}
			if h.Stored == nil {
				continue
			}
			low, high = math.Min(low, h.Stored.Min*f), math.Max(high, h.Stored.Max*f)
			if near := h.Stored.Median * f; math.Abs(near-1) < math.Abs(median-1) {
				median = near
			}
		}
		f := *got.FactorMedian
		near := func(got, want float64) bool { return math.Abs(got-want) <= math.Max(c.Expected.Tolerance, f) }
		if !near(low, c.Expected.Min) || !near(high, c.Expected.Max) || !near(median, c.Expected.Median) {
			t.Errorf("%s: SUV %.4f to %.4f, median %.4f, want %.2f to %.2f, median %.2f", c.ID, low, high, median, c.Expected.Min, c.Expected.Max, c.Expected.Median)
			continue
		}
		t.Logf("%s %s %v: factor %.9g", c.ID, got.Status, got.Reasons, f)
		right++
	}
	if right != 17 {
		t.Errorf("%d of 17 reference objects are right", right)
	}
}
