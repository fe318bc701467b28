// Package pet says whether the values of a PET or SPECT series can be compared: by which factor its stored values become
// standardised uptake values, and what speaks against trusting that factor.
//
//   - A Slice is what one image of a series states; a Series is all slices of one series.
//   - The factor of a slice, times a stored value, is the SUV by body weight (SUVbw, g/ml). It holds for that slice only:
//     half of all series have another RescaleSlope in each.
//   - A Reason is a published code for what was found. Each has a Severity; the worst of a series is its Status.
//   - A Table is what a site knows: tracers with their uptake windows, radionuclides, accredited scanners.
//   - A tracer is a radiopharmaceutical with its radionuclide. The two are told apart everywhere: Ga-68-PSMA-11 and
//     F-18-PSMA-1007 bind alike and are not to be pooled.
//   - An Account is what the clinical record says about the same patient near the scan: weight, glucose.
//
// The rules follow DICOM PS3.3 (C.8.9.1, C.8.9.4), the QIBA profile's vendor-neutral SUV calculation, and what headers of
// the field hold. The package computes; it asks nobody, and its results hold no identifier and no date.
package pet
