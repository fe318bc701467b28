package research

import (
	"strings"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/pet"
)

// The columns that several tables share.
var (
	subjectColumn = Column{Name: "subject", Title: "Subject", Kind: Text, Required: true, Description: "the study number"}
	sessionColumn = Column{Name: "session", Title: "Session", Kind: Integer, Required: true, Min: "1", Description: "number of the imaging study, from 1 in the order of the days; studies without a day come last"}
	seriesColumn  = Column{Name: "series", Title: "Series", Kind: Integer, Required: true, Min: "1", Description: "number of the series within the session; it says nothing about the order of the scan"}
)

const uidPattern = `^2\.25\.(0|[1-9][0-9]{0,38})$`

// reference is a column's reference to another table.
func reference(to string, columns ...string) []Reference {
	return []Reference{{columns, to}}
}

func participantsTable() *Table {
	return &Table{
		Name: "participants", Title: "Participants", Description: "One row per subject that may be used on the day of the export.", Key: []string{"subject"},
		Columns: []Column{
			subjectColumn,
			{Name: "site", Title: "Site", Kind: Text, Description: "the site; empty in a study of one site"},
			{Name: "sessions", Title: "Sessions", Kind: Integer, Required: true, Min: "0", Description: "how many imaging studies are linked"},
		},
	}
}

func sessionsTable() *Table {
	return &Table{
		Name: "sessions", Title: "Sessions", Description: "One row per linked imaging study.", Key: []string{"subject", "session"}, References: reference("participants", "subject"),
		Columns: []Column{
			subjectColumn, sessionColumn,
			{Name: "study_uid", Title: "Study UID", Kind: Text, Pattern: uidPattern, Description: "the pseudonymous StudyInstanceUID; empty where only an accession number is known"},
			{Name: "date", Title: "Date", Kind: Date, Description: "the day of the study as the study's date mode gives it; empty where dates are hidden"},
			{Name: "days_from_index", Title: "Days from index", Kind: Integer, Unit: "d", Description: "signed days from the subject's index event; empty without one"},
			{Name: "modalities", Title: "Modalities", Kind: Text, Pattern: "^([A-Z0-9]{1,10})( [A-Z0-9]{1,10})*$", Description: "DICOM modalities, separated by a space"},
			{Name: "series", Title: "Number of series", Kind: Integer, Required: true, Min: "0", Description: "how many series the study has"},
			{Name: "method", Title: "Link method", Kind: Text, Required: true, Enum: texts(imaging.Methods()), Description: "how the study was found"},
			{Name: "quality", Title: "Link quality", Kind: Text, Required: true, Description: "how far the link can be trusted: stated is the surest"},
			{Name: "type", Title: "Type", Kind: Text, Required: true, Enum: []string{string(imaging.Whole), string(imaging.Part)}, Description: "study, or part of an examination that was split into several studies"},
			{Name: "ambiguous", Title: "Ambiguous", Kind: Boolean, Required: true, Description: "something about the study contradicts itself: days, or accession numbers"},
			{Name: "window", Title: "Window", Kind: Text, Enum: texts([]imaging.Place{imaging.Nearest, imaging.Tied, imaging.Within, imaging.Beyond}), Description: "where in the study's window around the index day it lies; empty where there is no window"},
		},
	}
}

func seriesTable() *Table {
	return &Table{
		Name: "series", Title: "Series", Description: "One row per series of a linked imaging study, as far as it is known.", Key: []string{"subject", "session", "series"},
		References: reference("sessions", "subject", "session"),
		Columns: []Column{
			subjectColumn, sessionColumn, seriesColumn,
			{Name: "series_uid", Title: "Series UID", Kind: Text, Pattern: uidPattern, Description: "the pseudonymous SeriesInstanceUID; empty where none is known"},
			{Name: "modality", Title: "Modality", Kind: Text, Pattern: "^[A-Z0-9]{1,10}$", Description: "DICOM modality"},
			{Name: "instances", Title: "Instances", Kind: Integer, Min: "1", Description: "how many images the series has"},
		},
	}
}

func sessionRow(l *imaging.Link) []string {
	days := ""
	if l.HasDays {
		days = whole(l.Days)
	}
	return []string{
		l.Subject, whole(l.Session), l.StudyUID, l.Date, days, strings.Join(l.Modality, " "), whole(l.Series), string(l.Method), string(l.Quality), string(l.Type), yesNo(l.Ambiguous), string(l.Place),
	}
}

func seriesRow(l *imaging.Link, n int, s *imaging.Series) []string {
	instances := ""
	if s.Instances > 0 {
		instances = whole(s.Instances)
	}
	return []string{l.Subject, whole(l.Session), whole(n), s.UID, s.Modality, instances}
}

// suvColumns are the columns of suv.csv behind its key, each with what fills it.
var suvColumns = []struct {
	Column
	value func(*pet.Result) string
}{
	{Column{Name: "status", Title: "Status", Kind: Text, Required: true, Enum: texts(pet.Statuses()), Description: "whether the values of the series can be compared with others"}, func(r *pet.Result) string { return string(r.Status) }},
	{Column{Name: "reasons", Title: "Reasons", Kind: Text, Description: "codes of what was found, the worst first, separated by a space; reasons.csv says what they mean"}, func(r *pet.Result) string { return strings.Join(texts(r.Reasons), " ") }},
	{Column{Name: "factor_min", Title: "SUVbw factor, least", Kind: Number, Description: "SUV by body weight in g/ml of one stored value, in the image where it is least; the factor of an image holds for that image only"}, func(r *pet.Result) string { return measured(r.FactorMin) }},
	{Column{Name: "factor_median", Title: "SUVbw factor, median", Kind: Number, Description: "the median over the images"}, func(r *pet.Result) string { return measured(r.FactorMedian) }},
	{Column{Name: "factor_max", Title: "SUVbw factor, greatest", Kind: Number, Description: "in the image where it is greatest"}, func(r *pet.Result) string { return measured(r.FactorMax) }},
	{Column{Name: "calibration", Title: "Calibration", Kind: Number, Unit: "Bq/mL", Description: "activity concentration of one stored value, of a SPECT series that states it"}, func(r *pet.Result) string { return measured(r.Calibration) }},
	{Column{Name: "units", Title: "Units", Kind: Text, Description: "DICOM units of the stored values"}, func(r *pet.Result) string { return r.Units }},
	{Column{Name: "decay_correction", Title: "Decay correction", Kind: Text, Description: "START, ADMIN or NONE, as the series states it; STATED where an enhanced object states the moment itself"}, func(r *pet.Result) string { return r.DecayCorrection }},
	{Column{Name: "decay_reference", Title: "Decay reference", Kind: Text, Enum: texts(pet.ReferenceSources()), Description: "where the moment of decay correction was taken from"}, func(r *pet.Result) string { return string(r.Reference) }},
	{Column{Name: "tracer", Title: "Tracer", Kind: Text, Description: "radiopharmaceutical with its radionuclide, as the site's table names it. Never pool two tracers without thinking: Ga-68-PSMA-11 and F-18-PSMA-1007 are two"}, func(r *pet.Result) string { return r.Tracer }},
	{Column{Name: "ligand", Title: "Ligand", Kind: Text, Description: "the tracer without its radionuclide"}, func(r *pet.Result) string { return r.Ligand }},
	{Column{Name: "radionuclide", Title: "Radionuclide", Kind: Text, Description: "as the series states it; never inferred from the tracer"}, func(r *pet.Result) string { return r.Nuclide }},
	{Column{Name: "uptake_min", Title: "Uptake time", Kind: Number, Unit: "min", Description: "from injection to the beginning of the scan"}, func(r *pet.Result) string { return measured(r.Uptake) }},
	{Column{Name: "activity_mbq", Title: "Injected activity", Kind: Number, Unit: "MBq", Min: "0", Description: "at the time of injection"}, func(r *pet.Result) string { return measured(r.Activity) }},
	{Column{Name: "residual_mbq", Title: "Residual activity", Kind: Number, Unit: "MBq", Description: "what stayed in the syringe, where it was measured"}, func(r *pet.Result) string { return measured(r.Residual) }},
	{Column{Name: "half_life_s", Title: "Half-life", Kind: Number, Unit: "s", Min: "0", Description: "that was used"}, func(r *pet.Result) string { return measured(r.HalfLife) }},
	{Column{Name: "weight_kg", Title: "Weight", Kind: Number, Unit: "kg", Min: "0", Description: "that was used, from the images"}, func(r *pet.Result) string { return measured(r.Weight) }},
	{Column{Name: "weight_difference", Title: "Weight difference", Kind: Number, Description: "of the images' weight from the clinical record's, as a part of the latter"}, func(r *pet.Result) string { return measured(r.WeightDifference) }},
	{Column{Name: "weight_days", Title: "Weight days", Kind: Integer, Unit: "d", Description: "days from the scan to the clinical record's weight; negative before it"}, func(r *pet.Result) string { return wholeOf(r.WeightDays) }},
	{Column{Name: "height_m", Title: "Height", Kind: Number, Unit: "m", Min: "0", Description: "from the images"}, func(r *pet.Result) string { return measured(r.Height) }},
	{Column{Name: "glucose_mmol_l", Title: "Blood glucose", Kind: Number, Unit: "mmol/L", Min: "0", Description: "of the day of an FDG scan, from the clinical record"}, func(r *pet.Result) string { return measured(r.Glucose) }},
	{Column{Name: "manufacturer", Title: "Manufacturer", Kind: Text, Description: "of the scanner"}, func(r *pet.Result) string { return r.Manufacturer }},
	{Column{Name: "model", Title: "Model", Kind: Text, Description: "of the scanner"}, func(r *pet.Result) string { return r.Model }},
	{Column{Name: "software", Title: "Software", Kind: Text, Description: "versions of the scanner's software"}, func(r *pet.Result) string { return r.Software }},
	{Column{Name: "reconstruction", Title: "Reconstruction", Kind: Text, Description: "method of reconstruction"}, func(r *pet.Result) string { return r.Reconstruction }},
	{Column{Name: "kernel", Title: "Kernel", Kind: Text, Description: "convolution kernel or filter"}, func(r *pet.Result) string { return r.Kernel }},
	{Column{Name: "voxel_row_mm", Title: "Voxel, row", Kind: Number, Unit: "mm", Min: "0", Description: "distance of rows"}, func(r *pet.Result) string { return measured(r.VoxelRow) }},
	{Column{Name: "voxel_column_mm", Title: "Voxel, column", Kind: Number, Unit: "mm", Min: "0", Description: "distance of columns"}, func(r *pet.Result) string { return measured(r.VoxelColumn) }},
	{Column{Name: "voxel_slice_mm", Title: "Voxel, slice", Kind: Number, Unit: "mm", Min: "0", Description: "thickness of slices"}, func(r *pet.Result) string { return measured(r.VoxelSlice) }},
	{Column{Name: "accreditation", Title: "Accreditation", Kind: Text, Description: "of the scanner on the day of the scan, such as EARL1, from the site's table"}, func(r *pet.Result) string { return r.Accreditation }},
	{Column{Name: "images", Title: "Images", Kind: Integer, Min: "0", Description: "whose headers were read; 0 when only the FHIR server was asked"}, func(r *pet.Result) string { return whole(r.Images) }},
}

func suvTable() *Table {
	t := &Table{
		Name: "suv", Title: "Quantification", Description: "One row per PET or SPECT series: whether its values can be compared, by which factor, and what harmonisation has to know.",
		Key: []string{"subject", "session", "series"}, References: reference("series", "subject", "session", "series"),
		Columns: []Column{
			subjectColumn, sessionColumn, seriesColumn,
			{Name: "modality", Title: "Modality", Kind: Text, Required: true, Enum: []string{"NM", "PT"}, Description: "PT or NM"},
			{Name: "centre", Title: "Centre", Kind: Text, Description: "the site; empty in a study of one site"},
		},
	}
	for i := range suvColumns {
		t.Columns = append(t.Columns, suvColumns[i].Column)
	}
	return t
}

func suvRow(l *imaging.Link, n int, s *imaging.Series, centre string) []string {
	row := []string{l.Subject, whole(l.Session), whole(n), s.Modality, centre}
	for i := range suvColumns {
		row = append(row, suvColumns[i].value(s.PET))
	}
	return row
}

func reasonsTable() *Table {
	return &Table{
		Name: "reasons", Title: "Reasons", Description: "What the codes in suv.reasons mean.", Key: []string{"reason"},
		Columns: []Column{
			{Name: "reason", Title: "Reason", Kind: Text, Required: true, Description: "the code"},
			{Name: "severity", Title: "Severity", Kind: Text, Required: true, Enum: texts(pet.Severities()), Description: "what it does to a series, unless the site decided otherwise"},
			{Name: "meaning", Title: "Meaning", Kind: Text, Required: true, Description: "what it says"},
		},
	}
}

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = string(x)
	}
	return out
}

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
