package pet

import (
	"math"
	"slices"
	"time"
)

// Setting is what is known about a scan besides its images.
type Setting struct {
	Account Account
	Centre  string // the site's name in the study
}

// Account is what the clinical record says near the day of the scan. Values that it does not have are unknown.
type Account struct {
	Weight     Number // kg, the nearest within 30 days
	WeightDays int    // from the scan; negative before it
	Glucose    Number // mmol/L, of the day of the scan
}

// assessment is one series under examination.
type assessment struct {
	findings
	series     Series
	setting    Setting
	first      *Slice
	basis      basis
	correction string
	tracer     *Tracer
	nuclide    *Nuclide
	out        Result
}

// Assess says what a series can be used for. The result depends on the arguments only. A series without slices is one whose
// headers were not read.
func (t *Table) Assess(series Series, setting Setting) Result {
	a := &assessment{findings: findings{table: t}, series: series, setting: setting}
	if reason := unreadable(&series); reason != "" {
		a.add(reason)
		return a.finish()
	}
	a.first = &series.Slices[0]
	a.out.Images = len(series.Slices)
	a.scanner()
	a.pharmaceutical()
	a.body()
	a.activity()
	a.times()
	if series.Modality == "NM" {
		a.spect()
		return a.finish()
	}
	a.image()
	a.surroundings()
	a.factors()
	return a.finish()
}

// unreadable says why nothing can be said about a series; "" when something can.
func unreadable(s *Series) Reason {
	switch {
	case s.TooLarge:
		return MetadataTooLarge
	case len(s.Slices) == 0:
		return MetadataMissing
	case slices.ContainsFunc(s.Slices, func(s Slice) bool { return s.Converted }):
		return LegacyConverted
	}
	return ""
}

func (a *assessment) finish() Result {
	a.out.Reasons, a.out.Status = a.sorted(), a.status()
	if a.out.FactorMedian == nil && a.out.Calibration == nil { // however mild a site finds the reason
		a.out.Status = NotReady
	}
	return a.out
}

// scanner takes up what harmonisation has to know.
func (a *assessment) scanner() {
	s, o := a.first, &a.out
	o.Manufacturer, o.Model, o.Software = s.Manufacturer, s.Model, s.Software
	o.Reconstruction, o.Kernel = s.Reconstruction, s.Kernel
	o.VoxelRow, o.VoxelColumn, o.VoxelSlice = known(s.Spacing.Row), known(s.Spacing.Column), known(s.Spacing.Slice)
	start := a.begin()
	if start.IsZero() {
		start = s.SeriesStart
	}
	if !start.IsZero() {
		o.Accreditation = a.table.accreditation(a.setting.Centre, s.Manufacturer, s.Model, dayOf(start))
	}
	a.addIf(o.Accreditation == "", NotAccredited)
}

// several reports whether it cannot be told which of several radiopharmaceuticals an image shows. Nothing is known of what was
// injected then.
func (a *assessment) several() bool {
	return slices.ContainsFunc(a.series.Slices, func(s Slice) bool { return s.SeveralAgents })
}

func (a *assessment) begin() time.Time { return earliest(a.series.Slices, acquired) }

// pharmaceutical finds tracer and radionuclide, each by its own codes.
func (a *assessment) pharmaceutical() {
	if a.several() {
		a.add(SeveralAgents)
		return
	}
	a.tracer, a.nuclide = a.identify(a.first.Tracers, a.first.TracerText, a.first.Nuclides)
}

func (f *findings) identify(tracers []Code, text string, nuclides []Code) (*Tracer, *Nuclide) {
	nuclide, several := f.table.nuclide(nuclides)
	f.addIf(nuclide == nil, NuclideUnknown)
	f.addIf(several, NuclideContradicted)
	found := f.table.meant(tracers, text)
	if len(found) > 1 && nuclide != nil { // one ligand with several radionuclides
		fits := slices.DeleteFunc(slices.Clone(found), func(t *Tracer) bool { return t.Nuclide != nuclide.Name })
		if len(fits) > 0 {
			found = fits
		}
	}
	switch {
	case len(found) == 0:
		f.add(TracerUnknown)
		return nil, nuclide
	case len(found) > 1:
		f.add(TracerAmbiguous)
		return nil, nuclide
	}
	f.addIf(nuclide != nil && found[0].Nuclide != nuclide.Name, NuclideContradicted)
	return found[0], nuclide
}

// named writes tracer and radionuclide. A radionuclide that is not stated is not taken from the tracer.
func (r *Result) named(tracer *Tracer, nuclide *Nuclide) {
	if tracer != nil {
		r.Tracer, r.Ligand = tracer.Name, tracer.Ligand
	}
	if nuclide != nil {
		r.Nuclide = nuclide.Name
	}
}

const megabecquerel = 1e6

// activity mends dose and half-life.
func (a *assessment) activity() {
	if a.several() {
		return
	}
	b := &a.basis
	switch d := a.first.Dose; {
	case !d.positive():
		a.add(DoseMissing)
	case d.Value < 1e5:
		a.addIf(!a.first.Enhanced, DoseMegabecquerel) // enhanced objects have MBq (PS3.3, C.8.22.4), others Bq (C.8.9.2)
		b.dose = d.Value * megabecquerel
	default:
		a.addIf(a.first.Enhanced, DoseBecquerel)
		b.dose = d.Value
	}
	if b.dose != 0 && (b.dose < megabecquerel || b.dose > 20_000*megabecquerel) {
		a.add(DoseImplausible)
		b.dose = 0
	}
	mbq := b.dose / megabecquerel
	a.out.Activity = known(mbq)
	if usual := a.usual(); mbq > 0 && !usual.holds(mbq) {
		a.add(DoseUnusual)
	}
	a.halfLife()
	a.residual()
}

// usual is the range of activities that the table has for the tracer, or else for the radionuclide.
func (a *assessment) usual() *Span {
	switch {
	case a.tracer != nil && a.tracer.Dose != nil:
		return a.tracer.Dose
	case a.nuclide != nil:
		return a.nuclide.Dose
	}
	return nil
}

func (a *assessment) halfLife() {
	stated, b := a.first.HalfLife, &a.basis
	switch {
	case stated.positive() && a.nuclide != nil:
		b.halfLife = stated.Value
		switch off := math.Abs(stated.Value/a.nuclide.HalfLife - 1); {
		case off > 0.10:
			a.add(HalfLifeWrong)
		case off > 0.01:
			a.add(HalfLifeDiffers)
		}
	case stated.positive():
		b.halfLife = stated.Value
	case a.nuclide != nil:
		a.add(HalfLifeFromNuclide)
		b.halfLife = a.nuclide.HalfLife
	default:
		a.add(HalfLifeMissing)
	}
	a.out.HalfLife = known(b.halfLife)
}

// residual finds out whether what stayed in the syringe was subtracted, where a vendor states both measurements.
func (a *assessment) residual() {
	v := a.first.Vendor
	if !v.Residual.Known || !v.Measured.positive() || a.basis.halfLife == 0 {
		a.add(ResidualUnknown)
		return
	}
	a.out.Residual = &v.Residual.Value
	if v.Residual.Value <= 0 || v.MeasuredAt.IsZero() || v.ResidualAt.IsZero() || a.out.Activity == nil {
		return
	}
	injected, _ := injection(a.series.Slices)
	if injected.IsZero() {
		return
	}
	at := func(mbq float64, then time.Time) float64 {
		return mbq * math.Exp(-a.basis.lambda()*injected.Sub(then).Seconds())
	}
	full, left := at(v.Measured.Value, v.MeasuredAt), at(v.Residual.Value, v.ResidualAt)
	whole := math.Min(math.Abs(*a.out.Activity/full-1), math.Abs(*a.out.Activity/v.Measured.Value-1))
	net := math.Abs(*a.out.Activity/(full-left) - 1)
	a.addIf(left/full > 0.02 && whole < 0.01 && net > whole, ResidualNotSubtracted)
}

// times finds the injection, the beginning of the scan, and what lies between.
func (a *assessment) times() {
	slices := a.series.Slices
	previous := false
	a.basis.injected, previous = injection(slices)
	a.addIf(previous, InjectionPreviousDay)
	a.addIf(a.first.MixedZones, TimeZonesMixed)
	lambda := 0.0
	if a.basis.halfLife > 0 {
		lambda = a.basis.lambda()
	}
	at, source := reference(slices, lambda)
	a.basis.reference, a.out.Reference = at, source
	start := a.begin()
	switch {
	case source == FromStated: // it may be any moment, that of the injection too
	case source == FromVendor || start.IsZero() || source == FromFrame || source == FromSeries:
		start = at
	}
	a.addIf(a.basis.injected.IsZero() && !a.several(), InjectionMissing)
	a.addIf(start.IsZero(), ScanTimeMissing)
	if !a.basis.injected.IsZero() && !start.IsZero() {
		a.uptake(start.Sub(a.basis.injected).Minutes())
	}
}

func (a *assessment) uptake(minutes float64) {
	a.out.Uptake = &minutes
	longest := 6 * 60.0
	if a.tracer != nil && a.tracer.Longest > 0 {
		longest = a.tracer.Longest
	}
	switch {
	case minutes < 0:
		a.add(InjectionAfterScan)
		a.basis.injected = time.Time{} // no factor is computed from it
	case minutes > longest:
		a.add(UptakeTooLong)
	}
	a.window(minutes)
}

func (a *assessment) window(minutes float64) {
	switch {
	case a.tracer == nil:
	case a.tracer.Uptake == nil:
		a.add(WindowUnknown)
	default:
		a.addIf(!a.tracer.Uptake.holds(minutes), UptakeOutside)
	}
}

// surroundings checks what lies outside the images.
func (a *assessment) surroundings() {
	a.addIf(a.series.Anatomy == No, NoAnatomy)
	kind := a.first.SeriesType
	a.addIf(kind == "DYNAMIC" || kind == "GATED", Dynamic)
	if a.tracer == nil || !a.tracer.Glucose {
		return
	}
	glucose := a.setting.Account.Glucose
	a.addIf(!glucose.Known, GlucoseMissing)
	if glucose.Known {
		a.out.Glucose = &glucose.Value
		a.addIf(glucose.Value > 11, GlucoseHigh)
	}
}
