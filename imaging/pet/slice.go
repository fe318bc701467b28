package pet

import (
	"math"
	"time"
)

// Number is a number that a header may or may not state.
type Number struct {
	Value float64
	Known bool
}

// Num returns a known number. What is no finite number is not known.
func Num(v float64) Number {
	return Number{v, !math.IsNaN(v) && !math.IsInf(v, 0)}
}

func (n Number) positive() bool { return n.Known && n.Value > 0 }

// Code is a code with the system that it is of, as DICOM designators write it: SCT, SRT, DCM, NCIt.
type Code struct{ System, Value string }

// Slice is what one image, or one frame of an image, states. Times are instants; the zero time is not stated.
type Slice struct {
	Units           string // (0054,1001)
	SUVType         string // (0054,1006)
	DecayCorrection string // (0054,1102)
	SeriesType      string // first value of (0054,1000)
	Corrected       []string
	Sex             string

	Slope, Intercept       Number
	Weight, Height         Number // kg and m as stated
	FrameReference         Number // ms
	FrameDuration          Number // ms
	Dose                   Number // (0018,1074) as stated
	HalfLife               Number // s
	SeriesStart, Acquired  time.Time
	Injected               time.Time // from Radiopharmaceutical Start DateTime
	InjectedClock          time.Time // from Start Time only: with the date of the acquisition
	MixedZones             bool      // the injection states an offset from UTC and the series none, or the other way round
	Tracers, Nuclides      []Code
	TracerText             string // (0018,0031)
	Vendor                 Vendor
	Manufacturer, Model    string
	Software               string
	Reconstruction, Kernel string
	Spacing                Voxel
	RealWorld              Number // slope of a real world value mapping in Bq/ml
	SeveralAgents          bool   // several radiopharmaceuticals are listed, and nothing says which one the image shows

	// Of frames of enhanced objects.
	Enhanced     bool
	Converted    bool      // of an object that was made of the images of an older class; nothing else of it is read
	CorrectedTo  time.Time // (0018,9701), to which decay was corrected
	Unattenuated bool      // the object says that attenuation was not corrected
}

// corrected stands for the Decay Correction of an enhanced object, which states to which moment decay was corrected.
const corrected = "STATED"

// Vendor is what private tags state, found by their creator.
type Vendor struct {
	Reference      time.Time // to which the values were decay corrected: GEMS_PETD_01 xx0D, SIEMENS MED PT xx22
	SUVFactor      Number    // Philips PET Private Group xx00
	ActivityFactor Number    // Philips PET Private Group xx09
	Measured       Number    // GEMS_PETD_01 xx38: activity of the syringe before injection, MBq
	MeasuredAt     time.Time
	Residual       Number // GEMS_PETD_01 xx3C: activity that stayed in it, MBq
	ResidualAt     time.Time
}

// Voxel is the size of a voxel in mm; zero when not stated.
type Voxel struct{ Row, Column, Slice float64 }

// Series is all slices of one series, in the order of the scan or not.
type Series struct {
	Modality string // PT or NM
	Slices   []Slice
	Anatomy  Answer // whether CT or MR was taken in the same study
	TooLarge bool   // its headers are more than is read of one series
}

// Answer is yes, no, or not known.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)
