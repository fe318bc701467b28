package pet

import (
	"math"
	"time"
)

// basis is what the factors of all slices of a series have in common, mended where the header used other units.
type basis struct {
	weight, height float64 // kg, m; 0 is unknown
	sex            string
	dose, halfLife float64 // Bq, s; 0 is unknown
	injected       time.Time
	reference      time.Time // of decay correction START
}

func (b *basis) lambda() float64 { return math.Ln2 / b.halfLife }

// left is which part of the injected activity is left at a moment.
func (b *basis) left(at time.Time) float64 {
	return math.Exp(-b.lambda() * at.Sub(b.injected).Seconds())
}

// factor returns by what a stored value of the slice is multiplied to become SUVbw; 0 when it cannot be computed.
func (b *basis) factor(s *Slice, correction string) float64 {
	if !s.Slope.positive() {
		return 0
	}
	m := s.Slope.Value
	switch s.Units {
	case "BQML":
		return m * b.activity(s, correction)
	case "CNTS":
		return m * b.counts(s, correction)
	case "GML":
		return m * b.normalised(s)
	case "CM2ML":
		return m * b.surface()
	}
	return 0
}

// activity is the SUV of 1 Bq/ml.
func (b *basis) activity(s *Slice, correction string) float64 {
	if b.weight == 0 || b.dose == 0 {
		return 0
	}
	whole := b.weight * 1000 / b.dose
	switch {
	case correction == "ADMIN":
		return whole
	case b.halfLife == 0 || b.injected.IsZero():
		return 0
	case correction == corrected && !s.CorrectedTo.IsZero():
		return whole / b.left(s.CorrectedTo)
	case correction == "START" && !b.reference.IsZero():
		return whole / b.left(b.reference)
	case correction == "NONE" && s.FrameDuration.positive() && !s.Acquired.IsZero():
		lost := b.lambda() * s.FrameDuration.Value / 1000
		return whole * lost / -math.Expm1(-lost) / b.left(s.Acquired)
	}
	return 0
}

// counts is the SUV of one count, by the vendor's factors.
func (b *basis) counts(s *Slice, correction string) float64 {
	switch {
	case s.Vendor.SUVFactor.positive():
		return s.Vendor.SUVFactor.Value
	case s.Vendor.ActivityFactor.positive():
		return s.Vendor.ActivityFactor.Value * b.activity(s, correction)
	}
	return 0
}

// normalised is the SUVbw of 1 g/ml of the kind of SUV that is stored.
func (b *basis) normalised(s *Slice) float64 {
	switch kind := suvType(s); {
	case kind == "BW":
		return 1
	case b.weight == 0 || b.height == 0:
		return 0
	default:
		body := bodyMass[kind]
		if body == nil {
			return 0
		}
		return b.weight / ofSex(body, b.sex, b.weight, b.height)
	}
}

// surface is the SUVbw of 1 cm²/ml: body surface after Du Bois and Du Bois, in cm².
func (b *basis) surface() float64 {
	if b.weight == 0 || b.height == 0 {
		return 0
	}
	area := 71.84 * math.Pow(b.weight, 0.425) * math.Pow(b.height*100, 0.725)
	return b.weight * 1000 / area
}

func suvType(s *Slice) string {
	switch {
	case s.SUVType == "" && s.Units == "CM2ML":
		return "BSA"
	case s.SUVType == "":
		return "BW"
	case s.SUVType == "LBM":
		return "LBMJAMES128"
	}
	return s.SUVType
}

// bodyMass are the masses in kg by which SUV may be normalised, for a weight in kg and a height in m (DICOM PS3.3,
// C.8.9.1.1, SUV Type).
var bodyMass = map[string]func(male bool, weight, height float64) float64{
	"LBMJAMES128": func(male bool, w, h float64) float64 {
		ratio := w / (h * 100)
		if male {
			return 1.10*w - 128*ratio*ratio
		}
		return 1.07*w - 148*ratio*ratio
	},
	"LBMJANMA": func(male bool, w, h float64) float64 {
		bmi := w / (h * h)
		if male {
			return 9270 * w / (6680 + 216*bmi)
		}
		return 9270 * w / (8780 + 244*bmi)
	},
	"IBW": func(male bool, _, h float64) float64 {
		if male {
			return 48.0 + 1.06*(h*100-152)
		}
		return 45.5 + 0.91*(h*100-152)
	},
}

// ofSex returns a mass for M or F, and the mean of both for anything else.
func ofSex(mass func(bool, float64, float64) float64, sex string, w, h float64) float64 {
	switch sex {
	case "M":
		return mass(true, w, h)
	case "F":
		return mass(false, w, h)
	}
	return (mass(true, w, h) + mass(false, w, h)) / 2
}

// mean returns how long after its beginning a frame has its mean activity, in seconds.
func mean(lambda, seconds float64) float64 {
	if lost := lambda * seconds; lost > 0 {
		return math.Log(lost/-math.Expm1(-lost)) / lambda
	}
	return 0
}
