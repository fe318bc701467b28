package imaging

import "slices"

// Method says how a study was located: the rungs of the ladder from the surest down.
type Method string

// The methods.
const (
	ByDICOMUID  Method = "dicom-uid"         // identifier of system urn:dicom:uid
	BySystem    Method = "system"            // identifier of a configured system
	ByURI       Method = "uri"               // identifier of system urn:ietf:rfc:3986 with urn:oid:
	BySTU3      Method = "stu3-uid"          // ImagingStudy.uid of FHIR STU3
	ByHash      Method = "hashed-id"         // the resource's id is the hash of a candidate's UID
	ByAccession Method = "accession-patient" // the one candidate with accession number and patient
	BySeries    Method = "series-uid"        // the one candidate that has the series
	ByDate      Method = "patient-date"      // the one candidate of the patient with that modality on that day
	ByNumber    Method = "accession"         // no UID is known: the accession number alone names the study
	ByReview    Method = "review"            // a person decided
)

// Methods lists all methods in the order of the ladder.
func Methods() []Method {
	return []Method{ByDICOMUID, BySystem, ByURI, BySTU3, ByHash, ByAccession, BySeries, ByDate, ByNumber, ByReview}
}

func (m Method) rank() int { return slices.Index(Methods(), m) }

// Quality says how much a link can be trusted.
type Quality string

// The qualities.
const (
	Stated      Quality = "stated"      // the resource itself states the UID, and the PACS, where it was asked, has the study
	Unconfirmed Quality = "unconfirmed" // the resource itself states the UID, and the PACS was asked and does not have the study
	Computed    Quality = "computed"    // the UID was recomputed or looked up, and fits to one study only
	Inferred    Quality = "inferred"    // no number joins them: patient, modality and day fit to one study only
	Partial     Quality = "partial"     // accession number without UID: the PACS must be asked for the study
	Decided     Quality = "decided"     // a person looked
)

func (m Method) quality() Quality {
	switch m {
	case ByDICOMUID, BySystem, ByURI, BySTU3:
		return Stated
	case ByNumber:
		return Partial
	case ByDate:
		return Inferred
	case ByReview:
		return Decided
	}
	return Computed
}

// Type says what of an examination a study is.
type Type string

// The types.
const (
	Whole Type = "study" // one study
	Part  Type = "part"  // one of several studies with one accession number
)

// Link is an imaging study of a subject in pseudonymous terms: it holds no original UID, accession number or id, and
// no date but the subject's.
type Link struct {
	Subject   string   `json:"subject"`
	Session   int      `json:"session"`             // from 1 in the order of the dates
	Resources []string `json:"resources"`           // keyed ids of the ImagingStudy resources, in order
	StudyUID  string   `json:"study_uid,omitempty"` // pseudonymous; empty with method accession
	Accession string   `json:"accession,omitempty"` // pseudonymous; empty when there is none, or no single one
	Date      string   `json:"date,omitempty"`      // YYYY-MM-DD in the study's date mode
	Days      int      `json:"days"`                // signed distance from the index day; see HasDays
	HasDays   bool     `json:"has_days"`
	Modality  []string `json:"modalities"`
	Series    int      `json:"series"` // number of series
	Method    Method   `json:"method"`
	Quality   Quality  `json:"quality"`
	Type      Type     `json:"type"`
	// Candidates is how many studies fitted by the method: always 1, more go to review.
	Candidates int `json:"candidates"`
	// Place says where in the study's window around the index day it lies; "" when there is no window or no day.
	Place Place `json:"place,omitempty"`
	// Ambiguous says that something about the study contradicts itself: dates more than a day apart, or several
	// accession numbers, or one number on different days.
	Ambiguous bool     `json:"ambiguous"`
	Contents  []Series `json:"contents,omitempty"` // its series
}

// Place is where a study lies around the index day.
type Place string

// The places.
const (
	Nearest Place = "nearest" // of its modality the nearest to the index day within the window
	Tied    Place = "tied"    // as near as another one of its modality: a person decides which is meant
	Within  Place = "within"  // in the window, and another one is nearer
	Beyond  Place = "beyond"  // out of the window: an earlier or later examination
)

// Reason says why an ImagingStudy is not linked.
type Reason string

// The reasons.
const (
	SeveralUIDs       Reason = "several-uids"       // the resource, or its id and identifier, name different studies
	SeveralCandidates Reason = "several-candidates" // several studies fit
	SeveralNumbers    Reason = "several-accessions" // several accession numbers and no UID
	OtherPatient      Reason = "other-patient"      // the PACS knows the study under another patient
	OtherDate         Reason = "other-date"         // the PACS knows the study on another day
	SameNumber        Reason = "same-accession"     // another study has the accession number: the same, or the other half of a split one
	NoSuchStudy       Reason = "not-in-pacs"        // the PACS's list has no study with the accession number and patient
	SeriesOnly        Reason = "series-only"        // only series UIDs: the PACS must be asked for the study
	InvalidUID        Reason = "invalid-uid"        // what stands for a UID is none
	NoKey             Reason = "no-key"             // neither UID nor accession number nor series UID
	UnknownModality   Reason = "unknown-modality"   // the study asks for modalities and the resource names none
	NotDone           Reason = "status"             // cancelled or entered in error
	OutsideConsent    Reason = "outside-consent"    // the PACS has the study on a day that consent does not cover, or on none
	Taken             Reason = "taken"              // the only study that fits stands for another resource
	Refuted           Reason = "refuted"            // a person said that no study is the one
	StaleDecision     Reason = "stale-decision"     // a person chose a study that the PACS does not have any more
)

// Reasons lists all reasons.
func Reasons() []Reason {
	return []Reason{SeveralUIDs, SeveralCandidates, SeveralNumbers, OtherPatient, OtherDate, SameNumber, NoSuchStudy, SeriesOnly, InvalidUID, NoKey, UnknownModality, NotDone, OutsideConsent, Taken, Refuted, StaleDecision}
}

// Unlinked is an ImagingStudy without a link, in pseudonymous terms.
type Unlinked struct {
	Subject    string   `json:"subject"`
	Resource   string   `json:"resource"` // keyed id
	Date       string   `json:"date,omitempty"`
	Days       int      `json:"days"`
	HasDays    bool     `json:"has_days"`
	Modality   []string `json:"modalities"`
	Series     int      `json:"series"`
	Reason     Reason   `json:"reason"`
	Candidates int      `json:"candidates"`       // how many studies fitted
	Offers     []Offer  `json:"offers,omitempty"` // studies at the PACS from which a person may choose, the likeliest first
}

// Offer is a study at the PACS that may be the one, in pseudonymous terms.
type Offer struct {
	StudyUID string   `json:"study_uid"`
	Date     string   `json:"date,omitempty"`
	Days     int      `json:"days"`
	HasDays  bool     `json:"has_days"`
	Modality []string `json:"modalities"`
	Series   int      `json:"series"`
	Score    int      `json:"score"` // from 0 to 100
	For      []string `json:"for"`   // what speaks for it: uid, accession, patient, series, same-day, near-day, modality
}

// Unclaimed is a study at the PACS, of the wanted modalities, that no resource stands for.
type Unclaimed struct {
	Subject string `json:"subject"`
	Offer
}

// Counts sums up locating. Every ImagingStudy is linked, unlinked or out of scope.
type Counts struct {
	Resources  int            `json:",omitempty"` // ImagingStudy resources
	Linked     int            `json:",omitempty"` // of these: sources of a link
	Unlinked   map[Reason]int `json:",omitempty"` // of these: not linked
	OutOfScope int            `json:",omitempty"` // of these: of other modalities than the study's
	Links      map[Method]int `json:",omitempty"` // links by method
	Unclaimed  int            `json:",omitempty"` // studies at the PACS that no resource stands for
	Orders     int            `json:",omitempty"` // orders with an accession number for which neither FHIR server nor PACS has a study
	PACS       Asked          `json:",omitzero"`
	Refused    Refused        `json:",omitzero"`
}

// Refused counts values that are not what they stand for.
type Refused struct{ StudyUIDs, SeriesUIDs, Accessions, Modalities int }

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.Resources += o.Resources
	c.Linked += o.Linked
	c.OutOfScope += o.OutOfScope
	c.Unclaimed += o.Unclaimed
	c.Orders += o.Orders
	c.PACS.Subjects += o.PACS.Subjects
	c.PACS.Examinations += o.PACS.Examinations
	c.PACS.Outside += o.PACS.Outside
	c.PACS.Foreign += o.PACS.Foreign
	c.PACS.Unaskable += o.PACS.Unaskable
	c.Unlinked = sum(c.Unlinked, o.Unlinked)
	c.Links = sum(c.Links, o.Links)
	c.Refused.StudyUIDs += o.Refused.StudyUIDs
	c.Refused.SeriesUIDs += o.Refused.SeriesUIDs
	c.Refused.Accessions += o.Refused.Accessions
	c.Refused.Modalities += o.Refused.Modalities
}

func sum[K comparable](a, b map[K]int) map[K]int {
	if a == nil {
		a = make(map[K]int, len(b))
	}
	for k, n := range b {
		a[k] += n
	}
	return a
}
