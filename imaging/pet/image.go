package pet

import "slices"

// image checks what the slices say about their values.
func (a *assessment) image() {
	a.units()
	a.corrections()
	a.rescale()
	a.addIf(a.differ(), SlicesDiffer)
}

func (a *assessment) units() {
	s := a.first
	a.out.Units = code(s.Units)
	switch s.Units {
	case "BQML":
	case "CNTS":
		a.addIf(slices.ContainsFunc(a.series.Slices, func(s Slice) bool {
			return !s.Vendor.SUVFactor.positive() && !s.Vendor.ActivityFactor.positive()
		}), VendorFactorMissing)
	case "GML", "CM2ML":
		a.normalisation()
	case "":
		a.add(UnitsMissing)
	default:
		a.add(UnitsUnsupported)
	}
}

// normalisation checks a stored SUV that is not, or may not be, by body weight.
func (a *assessment) normalisation() {
	kind := suvType(a.first)
	if kind == "BW" && a.first.Units == "GML" {
		return
	}
	a.addIf(a.basis.height == 0 && !slices.Contains(a.found, HeightImplausible), HeightMissing)
	if a.first.Units == "CM2ML" {
		a.addIf(kind != "BSA", SUVTypeUnsupported)
		return
	}
	a.addIf(bodyMass[kind] == nil, SUVTypeUnsupported)
	a.addIf(a.first.SUVType == "LBM", LBMAssumed)
	a.addIf(bodyMass[kind] != nil && a.basis.sex != "M" && a.basis.sex != "F", SexAveraged)
}

// counted reports whether factors depend on decay.
func (a *assessment) counted() bool {
	switch a.first.Units {
	case "BQML":
		return true
	case "CNTS":
		return slices.ContainsFunc(a.series.Slices, func(s Slice) bool { return !s.Vendor.SUVFactor.positive() })
	}
	return false
}

func (a *assessment) corrections() {
	s := a.first
	a.addIf(len(s.Corrected) == 0 && !s.Unattenuated, CorrectionsMissing)
	a.addIf(s.Unattenuated || len(s.Corrected) > 0 && !slices.Contains(s.Corrected, "ATTN"), NotAttenuation)
	a.out.DecayCorrection = code(s.DecayCorrection)
	a.correction = s.DecayCorrection
	if !a.counted() {
		return
	}
	decayed := slices.Contains(s.Corrected, "DECY")
	switch s.DecayCorrection {
	case "START", "ADMIN":
		a.addIf(len(s.Corrected) > 0 && !decayed, DecayContradicted)
	case corrected:
		a.addIf(slices.ContainsFunc(a.series.Slices, func(s Slice) bool { return s.CorrectedTo.IsZero() }), DecayMomentMissing)
	case "NONE":
		a.addIf(decayed, DecayContradicted)
		a.addIf(slices.ContainsFunc(a.series.Slices, func(s Slice) bool { return !s.FrameDuration.positive() }), FrameDurationMissing)
	case "":
		if decayed {
			a.add(DecayAssumed)
			a.correction = "START"
		} else {
			a.add(DecayMissing)
		}
	default:
		a.add(DecayUnsupported)
	}
	switch a.correction {
	case "ADMIN":
		a.out.Reference = FromInjection
	case "NONE":
		a.out.Reference = FromAcquisition
	case "START":
		a.addIf(a.out.Reference == FromAcquisition, ScanTimeEstimated)
	}
}

func (a *assessment) rescale() {
	for i := range a.series.Slices {
		s := &a.series.Slices[i]
		a.addIf(!s.Slope.positive(), SlopeMissing)
		a.addIf(s.Intercept.Known && s.Intercept.Value != 0, InterceptNotZero)
	}
}

// differ reports whether slices contradict the first one in what a series has once.
func (a *assessment) differ() bool {
	return slices.ContainsFunc(a.series.Slices, func(s Slice) bool {
		f := a.first
		return s.Units != f.Units || s.Enhanced != f.Enhanced || s.SUVType != f.SUVType || s.DecayCorrection != f.DecayCorrection || s.Weight != f.Weight || s.Height != f.Height ||
			s.Dose != f.Dose || s.HalfLife != f.HalfLife || !s.Injected.Equal(f.Injected) || !s.InjectedClock.Equal(f.InjectedClock) ||
			!slices.Equal(s.Tracers, f.Tracers) || !slices.Equal(s.Nuclides, f.Nuclides)
	})
}

// factors computes the factor of each slice. Where an error says that the values cannot be scaled by one number, there is
// none.
func (a *assessment) factors() {
	for _, r := range []Reason{InterceptNotZero, SlicesDiffer, UnitsUnsupported, NuclideContradicted, SeveralAgents} {
		if slices.Contains(a.found, r) {
			return
		}
	}
	all := make([]float64, len(a.series.Slices))
	for i := range a.series.Slices {
		all[i] = a.basis.factor(&a.series.Slices[i], a.correction)
	}
	a.out.spread(all)
}

// spect takes the calibration of a SPECT series, where it states one.
func (a *assessment) spect() {
	s := a.first
	a.out.Units = code(s.Units)
	switch {
	case s.RealWorld.positive():
		a.out.Calibration = &s.RealWorld.Value
	case s.Units == "BQML" && s.Slope.positive():
		a.out.Calibration = &s.Slope.Value
	default:
		a.add(NotCalibrated)
		return
	}
	a.add(SPECTWithoutSUV)
	a.addIf(len(s.Corrected) > 0 && !slices.Contains(s.Corrected, "ATTN"), NotAttenuation)
}

// code returns a DICOM code string; what is none is not shown.
func code(text string) string {
	if len(text) > 16 {
		return ""
	}
	for _, c := range text {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return text
}
