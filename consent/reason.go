package consent

// Outcome is what a decision comes to.
type Outcome uint8

// The outcomes. The zero value is Held: a decision that nobody made permits nothing.
const (
	Held     Outcome = iota // nothing is delivered; what was delivered stays and is no longer changed
	Granted                 // permitted: data inside the windows may be used
	Excluded                // the patient said no, in a form that could be read: a withdrawal begins
)

// String returns permitted, held or excluded.
func (o Outcome) String() string {
	switch o {
	case Granted:
		return "permitted"
	case Excluded:
		return "excluded"
	}
	return "held"
}

// Reason says why a decision came out as it did. The codes are published: they are written to reports and do not
// change their meaning.
type Reason string

// The reasons of decisions.
const (
	Consented       Reason = "granted"
	ByStatute       Reason = "statutory-approval"
	ByNoPolicy      Reason = "no-consent-required"
	Withdrawn       Reason = "withdrawn"
	Denied          Reason = "denied"
	Objected        Reason = "objected"
	NoDecision      Reason = "no-decision"
	NoConsent       Reason = "no-consent"
	NotRecognised   Reason = "not-recognised"
	NotActive       Reason = "not-active"
	Unreadable      Reason = "unreadable"
	IncompleteCodes Reason = "incomplete-codes"
	Expired         Reason = "expired"
	NotYetValid     Reason = "not-yet-valid"
	NoWindow        Reason = "no-window"
	Review          Reason = "review"
	CameOfAge       Reason = "came-of-age"
	AgeUnknown      Reason = "age-unknown"
	LinkUnread      Reason = "link-unread"
	NotEnrolled     Reason = "not-enrolled"
	ApprovalExpired Reason = "approval-expired"
	ApprovalNotYet  Reason = "approval-not-yet"
	PartlyRefused   Reason = "partly-refused"
	CohortConsent   Reason = "cohort-consent"
	CohortSubject   Reason = "cohort-research-subject"
	CohortMember    Reason = "cohort-member"
	CohortList      Reason = "cohort-ids"
	CohortSearch    Reason = "cohort-search"
	CohortPatient   Reason = "cohort-patient"
	NotRenewed      Reason = "not-renewed"
)

// ReasonDoc explains a reason.
type ReasonDoc struct {
	Reason  Reason
	Outcome Outcome
	Text    string
}

var reasonDocs = []ReasonDoc{
	{Consented, Granted, "every required code is permitted today and the window holds at least one day"},
	{ByStatute, Granted, "a law or an ethics committee's approval permits the use without consent, and the patient has not objected"},
	{ByNoPolicy, Granted, "the study's policy is none: consent is not asked for at all"},
	{Withdrawn, Excluded, "what an earlier Consent permitted is denied by a later one that can be read"},
	{Denied, Excluded, "a Consent that can be read denies what is needed, and no earlier one permitted it"},
	{Objected, Excluded, "the patient is on the policy's objection list"},
	{NoDecision, Held, "nobody has decided about this patient"},
	{NoConsent, Held, "there is no Consent of this patient"},
	{NotRecognised, Held, "there are Consents, but none is of the form that the policy recognises"},
	{NotActive, Held, "no recognised Consent is active"},
	{Unreadable, Held, "a required code occurs, but its permit cannot be read completely (type, period, dateTime, patient)"},
	{IncompleteCodes, Held, "not all required codes are permitted"},
	{Expired, Held, "the period in which the data may be used is over"},
	{NotYetValid, Held, "the period in which the data may be used has not begun"},
	{NoWindow, Held, "the permitted codes have no day in common"},
	{Review, Held, "a refusal that cannot be placed or read completely, or contradicting Consents: a person must look"},
	{CameOfAge, Held, "a parental or minor's consent ended on the 18th birthday and there is no own consent yet"},
	{AgeUnknown, Held, "a parental or minor's consent, but no birth date that can be read"},
	{LinkUnread, Held, "Patient.link names another record of this person that was not read; it may hold a refusal"},
	{NotEnrolled, Held, "no ResearchSubject of the study with an accepted status"},
	{ApprovalExpired, Held, "the approval is no longer valid"},
	{ApprovalNotYet, Held, "the approval is not valid yet"},
	{CohortConsent, Held, "not in the study's cohort: a policy that it asks for does not permit"},
	{CohortSubject, Held, "not in the study's cohort: no ResearchSubject of the study with an accepted status and a period that can be read, or no data in it"},
	{CohortMember, Held, "not in the study's cohort: not a member of its Group or List"},
	{CohortList, Held, "not in the study's cohort: not in its file of ids"},
	{CohortSearch, Held, "not in the study's cohort: its search finds nothing of the patient"},
	{CohortPatient, Held, "not in the study's cohort: its condition on the Patient does not hold"},
	{PartlyRefused, Held, "the forms are under several policies: the patient refused what one needs, and none permits: a person must look"},
	{NotRenewed, Held, "the patient withdrew before, and no consent that is later than that permits the use"},
}

// Reasons returns every reason of a decision with its outcome and meaning.
func Reasons() []ReasonDoc { return append([]ReasonDoc(nil), reasonDocs...) }

// DropReason says why a resource was kept or dropped. The codes are published like those of Reason.
type DropReason string

// What Admit says of a resource.
const (
	InWindow        DropReason = "in-window"
	WithoutDate     DropReason = "undated-type"
	Reached         DropReason = "referenced"
	NotPermitted    DropReason = "patient-not-permitted"
	OtherDecision   DropReason = "decision-of-another-patient-or-policy"
	OutsideWindow   DropReason = "outside-window"
	NoDate          DropReason = "no-date"
	DateUnreadable  DropReason = "date-not-usable"
	OtherPatient    DropReason = "other-patient"
	NoPatient       DropReason = "no-patient"
	NotReached      DropReason = "not-referenced"
	TypeWithheld    DropReason = "type-withheld"
	TypeWithoutRule DropReason = "type-without-rule"
	ContainedFails  DropReason = "contained-outside"
)

// DropReasonDoc explains a drop reason.
type DropReasonDoc struct {
	Reason DropReason
	Kept   bool
	Text   string
}

var dropReasonDocs = []DropReasonDoc{
	{InWindow, true, "the date or period lies completely inside one interval of the window"},
	{WithoutDate, true, "the type has no clinical date and the policy keeps it whenever the patient is permitted"},
	{Reached, true, "a resource that is kept refers to it"},
	{NotPermitted, false, "the patient is held or excluded, or a code that this type needs is not permitted"},
	{OtherDecision, false, "the decision was made for another patient or under another policy"},
	{OutsideWindow, false, "the date or period is not completely inside one interval of the window"},
	{NoDate, false, "the element that the policy names for the type is missing"},
	{DateUnreadable, false, "the date is partial, open, not a date, or given more than once"},
	{OtherPatient, false, "the resource belongs to another patient"},
	{NoPatient, false, "the resource does not say, in a readable form, to whom it belongs"},
	{NotReached, false, "no resource that is kept refers to it"},
	{TypeWithheld, false, "the policy never hands out this type"},
	{TypeWithoutRule, false, "the policy has no rule for this type"},
	{ContainedFails, false, "a resource contained in it would itself be dropped"},
}

// DropReasons returns every drop reason with its meaning.
func DropReasons() []DropReasonDoc { return append([]DropReasonDoc(nil), dropReasonDocs...) }
