package pet

import "slices"

// Severity says what a reason does to a series.
type Severity string

// The severities.
const (
	Note    Severity = "note"    // to be known; changes nothing
	Warning Severity = "warning" // the factor may be used by somebody who has read the reason
	Error   Severity = "error"   // the values must not be compared with others
)

// Severities lists them, the least first.
func Severities() []Severity { return []Severity{Note, Warning, Error} }

// Status is whether a series can be quantified.
type Status string

// The statuses.
const (
	Ready    Status = "ready"
	Warned   Status = "ready_with_warnings"
	NotReady Status = "not_ready"
)

// Statuses lists them.
func Statuses() []Status { return []Status{Ready, Warned, NotReady} }

// Reason is a published code for something that was found about a series.
type Reason string

// The reasons.
const (
	MetadataMissing       Reason = "metadata-missing"
	MetadataTooLarge      Reason = "metadata-too-large"
	LegacyConverted       Reason = "legacy-converted"
	UnitsMissing          Reason = "units-missing"
	UnitsUnsupported      Reason = "units-unsupported"
	SUVTypeUnsupported    Reason = "suv-type-unsupported"
	LBMAssumed            Reason = "lbm-formula-assumed"
	SexAveraged           Reason = "sex-averaged"
	HeightMissing         Reason = "height-missing"
	HeightImplausible     Reason = "height-implausible"
	HeightCentimetres     Reason = "height-centimetres"
	WeightMissing         Reason = "weight-missing"
	WeightImplausible     Reason = "weight-implausible"
	WeightGrams           Reason = "weight-grams"
	WeightDiffers         Reason = "weight-differs"
	WeightContradicted    Reason = "weight-contradicted"
	WeightUnconfirmed     Reason = "weight-unconfirmed"
	DoseMissing           Reason = "dose-missing"
	DoseMegabecquerel     Reason = "dose-megabecquerel"
	DoseImplausible       Reason = "dose-implausible"
	DoseBecquerel         Reason = "dose-becquerel"
	DoseUnusual           Reason = "dose-unusual"
	DoseUnit              Reason = "dose-unit"
	ResidualNotSubtracted Reason = "residual-not-subtracted"
	ResidualUnknown       Reason = "residual-unknown"
	HalfLifeMissing       Reason = "half-life-missing"
	HalfLifeFromNuclide   Reason = "half-life-from-nuclide"
	HalfLifeDiffers       Reason = "half-life-differs"
	HalfLifeWrong         Reason = "half-life-wrong"
	ScanTimeMissing       Reason = "scan-time-missing"
	ScanTimeEstimated     Reason = "scan-time-estimated"
	InjectionMissing      Reason = "injection-time-missing"
	InjectionPreviousDay  Reason = "injection-previous-day"
	InjectionAfterScan    Reason = "injection-after-scan"
	TimeZonesMixed        Reason = "time-zones-mixed"
	UptakeTooLong         Reason = "uptake-too-long"
	UptakeOutside         Reason = "uptake-outside-window"
	UptakeUntrusted       Reason = "uptake-untrusted"
	WindowUnknown         Reason = "uptake-window-unknown"
	NotAttenuation        Reason = "not-attenuation-corrected"
	CorrectionsMissing    Reason = "corrections-missing"
	DecayMissing          Reason = "decay-correction-missing"
	DecayAssumed          Reason = "decay-correction-assumed"
	DecayUnsupported      Reason = "decay-correction-unsupported"
	DecayContradicted     Reason = "decay-correction-contradicted"
	DecayMomentMissing    Reason = "decay-moment-missing"
	FrameDurationMissing  Reason = "frame-duration-missing"
	VendorFactorMissing   Reason = "vendor-factor-missing"
	SlopeMissing          Reason = "slope-missing"
	InterceptNotZero      Reason = "intercept-not-zero"
	SlicesDiffer          Reason = "slices-differ"
	TracerUnknown         Reason = "tracer-unknown"
	TracerAmbiguous       Reason = "tracer-ambiguous"
	NuclideUnknown        Reason = "nuclide-unknown"
	NuclideContradicted   Reason = "nuclide-contradicted"
	SeveralAgents         Reason = "several-radiopharmaceuticals"
	GlucoseHigh           Reason = "glucose-high"
	GlucoseMissing        Reason = "glucose-missing"
	Dynamic               Reason = "dynamic"
	NoAnatomy             Reason = "no-anatomy"
	NotAccredited         Reason = "not-accredited"
	NotCalibrated         Reason = "not-calibrated"
	SPECTWithoutSUV       Reason = "spect-without-suv"
)

// ReasonDoc says what a reason means.
type ReasonDoc struct {
	Reason   Reason
	Severity Severity // that it has unless a site's table says otherwise
	Text     string
}

// Reasons is the published list.
func Reasons() []ReasonDoc { return slices.Clone(reasons) }

var reasons = []ReasonDoc{
	{MetadataMissing, Error, "the images' headers were not read: a FHIR server alone does not hold what a factor needs"},
	{MetadataTooLarge, Error, "the images' headers are larger than crflink reads of one series"},
	{LegacyConverted, Error, "the series is a multi-frame conversion of other images, which keeps what a factor needs elsewhere: the original series is to be used"},
	{UnitsMissing, Error, "the series does not say in which units its values are"},
	{UnitsUnsupported, Error, "units other than BQML, CNTS, GML and CM2ML, such as counts per second, are not calibrated"},
	{SUVTypeUnsupported, Error, "the kind of SUV that is stored is none that can be converted to body weight"},
	{LBMAssumed, Warning, "the SUV by lean body mass does not say by which formula; James with 128 was taken"},
	{SexAveraged, Warning, "the formula depends on the sex, which is not stated as M or F; the mean of both was taken"},
	{HeightMissing, Error, "the conversion needs the height, which is missing or 0"},
	{HeightImplausible, Error, "the height is outside 0.3 to 2.6 m"},
	{HeightCentimetres, Warning, "the height was given in centimetres and was converted"},
	{WeightMissing, Error, "the weight is missing or 0"},
	{WeightImplausible, Error, "the weight is outside 2 to 350 kg"},
	{WeightGrams, Warning, "the weight was given in grams and was converted"},
	{WeightDiffers, Warning, "the weight differs by more than 5 % from the one in the clinical record within 30 days"},
	{WeightContradicted, Error, "the weight differs by more than 10 % from the one in the clinical record within 30 days"},
	{WeightUnconfirmed, Note, "the clinical record has no weight within 30 days of the scan"},
	{DoseMissing, Error, "the injected activity is missing or 0"},
	{DoseMegabecquerel, Warning, "the injected activity was given in MBq and was converted"},
	{DoseImplausible, Error, "the injected activity is outside 1 to 20,000 MBq, whatever its unit"},
	{DoseBecquerel, Warning, "the injected activity of an enhanced object was given in Bq instead of MBq and was converted"},
	{DoseUnusual, Warning, "the injected activity is outside the range that the site's table has for the tracer or radionuclide"},
	{DoseUnit, Warning, "the unit that the FHIR server gives contradicts the value; MBq or Bq was decided by the size of the value"},
	{ResidualNotSubtracted, Warning, "the injected activity is the one of the full syringe: what stayed in it was measured and not subtracted"},
	{ResidualUnknown, Note, "nothing says what stayed in the syringe"},
	{HalfLifeMissing, Error, "the half-life is missing and the radionuclide is not known"},
	{HalfLifeFromNuclide, Warning, "the half-life is missing; the one of the radionuclide was taken"},
	{HalfLifeDiffers, Warning, "the half-life differs by more than 1 % from the one of the radionuclide"},
	{HalfLifeWrong, Error, "the half-life differs by more than 10 % from the one of the radionuclide"},
	{ScanTimeMissing, Error, "nothing says when the scan began"},
	{ScanTimeEstimated, Warning, "the moment of decay correction is not stated consistently; the earliest acquisition was taken"},
	{InjectionMissing, Error, "the time of injection is missing"},
	{InjectionPreviousDay, Warning, "only the clock time of injection is stated, and it lies behind the scan's: the day before was taken"},
	{InjectionAfterScan, Error, "the injection lies behind the beginning of the scan"},
	{TimeZonesMixed, Warning, "of injection and scan only one states its offset from UTC; the other was read in the site's time zone"},
	{UptakeTooLong, Error, "more time passed between injection and scan than the tracer allows, or than 6 hours"},
	{UptakeOutside, Warning, "the time between injection and scan is outside the tracer's window"},
	{UptakeUntrusted, Note, "the time between injection and scan comes from a FHIR server, which may have computed it from clock times without dates"},
	{WindowUnknown, Warning, "the site's table has no uptake window for the tracer"},
	{NotAttenuation, Error, "the images were not corrected for attenuation"},
	{CorrectionsMissing, Warning, "the series does not say which corrections were made"},
	{DecayMissing, Error, "neither Decay Correction nor Corrected Image says whether decay was corrected"},
	{DecayAssumed, Warning, "decay was corrected, and nothing says to which moment; the start of the scan was taken"},
	{DecayUnsupported, Error, "Decay Correction is none of START, ADMIN and NONE"},
	{DecayContradicted, Warning, "Decay Correction and Corrected Image contradict each other; the former was taken"},
	{DecayMomentMissing, Error, "decay was corrected, and the enhanced object does not say to which moment"},
	{FrameDurationMissing, Error, "values without decay correction need the frame's duration, which is missing"},
	{VendorFactorMissing, Error, "the values are counts, and the vendor's private factors are missing or 0"},
	{SlopeMissing, Error, "the Rescale Slope is missing or not positive in some image"},
	{InterceptNotZero, Error, "the Rescale Intercept is not 0, which PET does not allow"},
	{SlicesDiffer, Error, "the images of the series state different units, weights, activities, injections or half-lives"},
	{TracerUnknown, Warning, "the radiopharmaceutical is missing or not in the site's table"},
	{TracerAmbiguous, Warning, "the radiopharmaceutical is named so that several of the site's table are meant"},
	{NuclideUnknown, Warning, "the radionuclide is missing or not in the site's table"},
	{NuclideContradicted, Error, "the radionuclide is not the one of the radiopharmaceutical, or several are named"},
	{SeveralAgents, Error, "several radiopharmaceuticals are listed, and nothing says which one the images show"},
	{GlucoseHigh, Warning, "the blood glucose near an FDG scan is above 11 mmol/L"},
	{GlucoseMissing, Note, "the clinical record has no blood glucose of the day of an FDG scan"},
	{Dynamic, Warning, "a dynamic or gated series: the factor belongs to each image, and the series has no single uptake time"},
	{NoAnatomy, Warning, "no CT or MR was taken in the same study"},
	{NotAccredited, Note, "the site's table has no accreditation of the scanner for the day of the scan"},
	{NotCalibrated, Error, "nothing says how the counts of a SPECT series become an activity concentration"},
	{SPECTWithoutSUV, Note, "a SPECT series that is calibrated to activity; no SUV is computed for it"},
}

// severityOf returns the published severity of a reason.
func severityOf(r Reason) (Severity, bool) {
	i := slices.IndexFunc(reasons, func(d ReasonDoc) bool { return d.Reason == r })
	if i < 0 {
		return Error, false
	}
	return reasons[i].Severity, true
}
