package imaging

import (
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/pseudonym"
)

// Rules says how a site names its studies. The zero Rules knows the standard forms only.
type Rules struct {
	Systems          []string // further systems of ImagingStudy.identifier whose value is the StudyInstanceUID
	AccessionSystems []string // systems of identifiers that are accession numbers without carrying the type ACSN
	Modalities       []string // only studies with one of these, such as PT; empty is every study
	Without          []Method // methods by which nothing is linked at this site
	Window           Window   // days around the index day

	// How the PACS names patients and studies.
	PatientSystems []string // systems of Patient.identifier whose value is the PatientID (0010,0020)
	PatientPrefix  string   // written before the value
	PatientDigits  int      // digits to which the value is filled up with zeros from the left
	Issuer         string   // (0010,0021) that rows must have where they have any; "" is any
	HashSystems    []string // systems of which the id of an ImagingStudy may be a hash, with the UID

	Candidates *Candidates // what the PACS has of the patient; nil when it was not asked
	Decisions  *Decisions  // what people decided; nil is nothing

	Quantification *pet.Table // by which PET and SPECT series are examined; nil leaves it
}

// Of returns the rules with what the PACS has of one patient.
func (r Rules) Of(c *Candidates) *Rules {
	r.Candidates = c
	return &r
}

// patientID writes an identifier as the PACS does.
func (r *Rules) patientID(value string) string {
	if value == "" {
		return ""
	}
	return r.PatientPrefix + strings.Repeat("0", max(0, r.PatientDigits-len(value))) + value
}

func (r *Rules) uses(m Method) bool { return !slices.Contains(r.Without, m) }

// Window is the days before and after the index day in which studies belong to the index event. The zero Window is none.
type Window struct {
	Before, After int
	Set           bool
}

// Dates says how the days of one subject are written. A zero Dates writes none.
type Dates struct {
	Mode     pseudonym.DateMode      // None and Shift write a date, Relative only the distance
	Zone     *time.Location          // the site's: an instant counts on its local day
	Move     func(fhir.Day) fhir.Day // from the true day to the subject's, as pseudonym.Record.Day does
	Index    fhir.Day                // the index day, already moved
	HasIndex bool                    // the subject has an index day
}

// tolerance in days, within which two systems name the same study: one counts in UTC, or across midnight.
const tolerance = 1

// day returns the true local day, if the date names a single one.
func (d Dates) day(at fhir.DateTime) (fhir.Day, bool) {
	if d.Zone == nil || at.Precision == 0 {
		return 0, false
	}
	first, last := at.Days(d.Zone)
	return first, first == last
}

// written fills date and distance from a true day, as far as the mode allows.
func (d Dates) written(day fhir.Day) (date string, distance int, known bool) {
	if d.Move == nil || d.Mode == pseudonym.NoMode {
		return "", 0, false
	}
	moved := d.Move(day)
	if d.Mode != pseudonym.Relative {
		date = moved.String()
	}
	if d.HasIndex {
		distance, known = int(moved-d.Index), true
	}
	return date, distance, known
}

func (r *Rules) isStudySystem(system string) bool { return slices.Contains(r.Systems, system) }

// inScope reports whether any of the modalities is wanted.
func (r *Rules) inScope(modalities []string) bool {
	return len(r.Modalities) == 0 || slices.ContainsFunc(modalities, func(m string) bool { return slices.Contains(r.Modalities, m) })
}

// accessionTypes are the systems of HL7 v2 table 0203 in R4 and before it; some servers write the code alone.
var accessionTypes = []string{"http://terminology.hl7.org/CodeSystem/v2-0203", "http://hl7.org/fhir/v2/0203", "http://hl7.org/fhir/identifier-type", ""}

func (r *Rules) isAccession(id fhir.Node) bool {
	for c := range id.Path("type", "coding").Elements() {
		if c.Get("code").Text() == "ACSN" && slices.Contains(accessionTypes, c.Get("system").Text()) {
			return true
		}
	}
	system := id.Get("system").Text()
	return system != "" && slices.Contains(r.AccessionSystems, system)
}

// studyUID reports whether an identifier of an ImagingStudy is the StudyInstanceUID, and in which form.
func (r *Rules) studyUID(id fhir.Node) (Method, bool) {
	system := strings.TrimSpace(id.Get("system").Text())
	switch {
	case id.Get("use").Text() == "old":
		return "", false
	case strings.EqualFold(system, "urn:dicom:uid"):
		return ByDICOMUID, true
	case r.isStudySystem(system):
		return BySystem, true
	case r.isAccession(id):
		return "", false
	case strings.EqualFold(system, "urn:ietf:rfc:3986"):
		oid, _ := cutOID(trimPadding(id.Get("value").Text()))
		return ByURI, oid
	}
	return "", false
}
