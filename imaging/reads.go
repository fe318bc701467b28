package imaging

import "slices"

// reads are the elements that linkage looks at, by type.
var reads = map[string][]string{
	"ImagingStudy":     {"accession", "basedOn", "contained", "identifier", "modality", "modalityList", "series", "started", "status", "uid"},
	"ServiceRequest":   {"basedOn", "contained", "identifier"},
	"DiagnosticReport": {"basedOn", "contained", "identifier", "imagingStudy"},
	"Patient":          {"identifier"},
}

// Types are the resource types in which linkage looks for study UIDs and accession numbers.
func Types() []string { return []string{"ImagingStudy", "ServiceRequest", "DiagnosticReport"} }

// Reads returns the elements of a type that linkage looks at, before de-identification; none for types that it does not read.
func Reads(typ string) []string { return slices.Clone(reads[typ]) }
