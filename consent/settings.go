package consent

import "github.com/crflink/crflink/fhir"

// Kind is the legal basis of a policy.
type Kind string

// The kinds of policies.
const (
	BroadConsent Kind = "broad-consent" // codes of the MII Broad Consent
	StudyConsent Kind = "study-consent" // the study's own consent form
	Statutory    Kind = "statutory"     // a law or an approval instead of consent
	NoPolicy     Kind = "none"          // no protection; must be asked for and is reported
)

// Choices of a policy; the first of each is the built-in one.
const (
	RejectOpenEnded   = "reject"
	CodeSystemPeriods = "codesystem"
	SamePatient       = "samePatient"
	SameResource      = "sameResource"
	Forget            = "forget"
	Revive            = "revive"
	HoldUnreadLinks   = "hold"
	IgnoreUnreadLinks = "ignore"
)

// settings is everything a policy says, in resolved form. Its JSON is the canonical form that is hashed.
type settings struct {
	Kind            Kind                `json:"kind"`
	Name            string              `json:"name"`
	Gate            []Code              `json:"gate"`
	Window          []Code              `json:"window"`
	Retrospective   []Code              `json:"retrospective"`
	LookBack        fhir.Day            `json:"lookBack"`
	Types           map[string]typeRule `json:"types"`
	TimeZone        string              `json:"timeZone"`
	EncounterShift  bool                `json:"encounterShift"`
	OpenEndedPermit string              `json:"openEndedPermit"`
	Package         string              `json:"package"`
	AfterWithdrawal string              `json:"afterWithdrawal"`
	UnreadLinks     string              `json:"unreadLinks"`
	Recognise       recognition         `json:"recognise"`
	SiteCodes       []siteCode          `json:"siteCodes"`
	Dates           map[string]dateRule `json:"dates"`
	WholeForm       bool                `json:"wholeForm"`
	Study           study               `json:"study"`
	Approval        approval            `json:"approval"`
	Withdrawal      withdrawing         `json:"withdrawal,omitzero"`
}

// typeRule demands further codes for one resource type.
type typeRule struct {
	Gate   []Code `json:"gate"`
	Window []Code `json:"window"`
}

// recognition says which Consents are of the policy's form.
type recognition struct {
	Profiles       []string `json:"profiles"`
	Categories     []Code   `json:"categories"`
	PolicyURIs     []string `json:"policyUris"`
	MIIDocuments   bool     `json:"miiDocuments"`
	SignedPolicies bool     `json:"signedPolicies"`
	WithdrawalURIs []string `json:"withdrawalUris"`
}

// siteCode maps a code of a local system, as gICS writes it, to a policy code.
type siteCode struct {
	Local Code `json:"local"`
	Means Code `json:"means"`
}

// study is the ResearchStudy whose ResearchSubjects name the consent.
type study struct {
	Reference string   `json:"reference"`
	Statuses  []string `json:"statuses"`
}

// approval is the legal basis of a statutory policy. Objections are keys of patients: type/id.
type approval struct {
	Number     string   `json:"number"`
	ValidFrom  fhir.Day `json:"validFrom"`
	ValidUntil fhir.Day `json:"validUntil"`
	Data       Interval `json:"data"`
	Objections []string `json:"objections"`
}

// withdrawing says what becomes of what was delivered when a patient withdraws. The zero value erases it.
type withdrawing struct {
	Default  Handling            `json:"default,omitzero"`
	Targets  map[string]Handling `json:"targets,omitempty"`
	Unasked  bool                `json:"unasked,omitzero"` // erasing in a live system needs no person's word
	Deadline int                 `json:"deadline,omitzero"`
}

// dateRule is what the date-element map says of a resource type: elements, or one of the words.
type dateRule struct {
	Elements []string `json:"elements,omitempty"`
	Word     string   `json:"word,omitempty"`
}

// The words of the date-element map.
const (
	wordUndated    = "undated"
	wordReferenced = "referenced"
	wordWithheld   = "withheld"
)
