package pet

import (
	"cmp"
	"slices"
)

// Result is what is known about the quantification of a series. A nil number is not known. It holds no date and no text but
// such as the site's table or the scanner's maker wrote.
type Result struct {
	Status  Status   `json:"status"`
	Reasons []Reason `json:"reasons,omitempty"` // errors first, then warnings and notes, each in the published order

	Units           string          `json:"units,omitempty"`
	DecayCorrection string          `json:"decay_correction,omitempty"`
	Reference       ReferenceSource `json:"reference,omitempty"`

	// FactorMin, FactorMedian and FactorMax are the SUVbw factors of the slices; nil when a slice has none.
	FactorMin    *float64  `json:"factor_min,omitempty"`
	FactorMedian *float64  `json:"factor_median,omitempty"`
	FactorMax    *float64  `json:"factor_max,omitempty"`
	Factors      []float64 `json:"-"` // of the slices in their order
	// Calibration is the activity concentration in Bq/ml of one stored unit, of a SPECT series that states it.
	Calibration *float64 `json:"calibration,omitempty"`

	Weight           *float64 `json:"weight,omitempty"` // kg
	WeightDifference *float64 `json:"weight_difference,omitempty"`
	WeightDays       *int     `json:"weight_days,omitempty"` // of the clinical record's from the scan
	Height           *float64 `json:"height,omitempty"`      // m
	Activity         *float64 `json:"activity,omitempty"`    // injected, MBq
	Residual         *float64 `json:"residual,omitempty"`    // MBq
	HalfLife         *float64 `json:"half_life,omitempty"`   // s
	Uptake           *float64 `json:"uptake,omitempty"`      // minutes from injection to scan
	Glucose          *float64 `json:"glucose,omitempty"`     // mmol/L

	Tracer  string `json:"tracer,omitempty"`  // name of the site's table
	Ligand  string `json:"ligand,omitempty"`  // of it, without the radionuclide
	Nuclide string `json:"nuclide,omitempty"` // such as F-18

	Manufacturer   string   `json:"manufacturer,omitempty"`
	Model          string   `json:"model,omitempty"`
	Software       string   `json:"software,omitempty"`
	Reconstruction string   `json:"reconstruction,omitempty"`
	Kernel         string   `json:"kernel,omitempty"`
	VoxelRow       *float64 `json:"voxel_row,omitempty"` // mm
	VoxelColumn    *float64 `json:"voxel_column,omitempty"`
	VoxelSlice     *float64 `json:"voxel_slice,omitempty"`
	Accreditation  string   `json:"accreditation,omitempty"` // of the scanner on the day of the scan, from the site's table
	Images         int      `json:"images,omitempty"`
}

// findings collects reasons; each counts once.
type findings struct {
	table *Table
	found []Reason
}

func (f *findings) add(r Reason) {
	if !slices.Contains(f.found, r) {
		f.found = append(f.found, r)
	}
}

func (f *findings) addIf(is bool, r Reason) {
	if is {
		f.add(r)
	}
}

// sorted returns the reasons, the worst first.
func (f *findings) sorted() []Reason {
	rank := func(r Reason) int {
		return slices.IndexFunc(reasons, func(d ReasonDoc) bool { return d.Reason == r })
	}
	slices.SortFunc(f.found, func(a, b Reason) int {
		return cmp.Or(-cmp.Compare(slices.Index(Severities(), f.table.Severity(a)), slices.Index(Severities(), f.table.Severity(b))), cmp.Compare(rank(a), rank(b)))
	})
	return f.found
}

// status is what the reasons come to.
func (f *findings) status() Status {
	status := Ready
	for _, r := range f.found {
		switch f.table.Severity(r) {
		case Error:
			return NotReady
		case Warning:
			status = Warned
		case Note:
		}
	}
	return status
}

// spread sets the factors of the result; one slice without a factor leaves the series without.
func (r *Result) spread(factors []float64) {
	if len(factors) == 0 || slices.Contains(factors, 0) {
		return
	}
	r.Factors = slices.Clone(factors)
	slices.Sort(factors)
	n := len(factors)
	median := factors[n/2]
	if n%2 == 0 {
		median = (factors[n/2-1] + factors[n/2]) / 2
	}
	r.FactorMin, r.FactorMedian, r.FactorMax = &factors[0], &median, &factors[n-1]
}

func known(v float64) *float64 {
	if v == 0 {
		return nil
	}
	return &v
}
