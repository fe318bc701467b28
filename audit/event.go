package audit

import "github.com/crflink/crflink/pseudonym"

// Event is what happened.
type Event struct {
	Kind    Kind
	Subject pseudonym.Subject // whom it concerns; the zero Subject: nobody in particular
	// Detail is what the entry says, as JSON. It is sealed: with a Subject under the subject's key, which erasing destroys;
	// without under the vault's. It must hold no study number and nothing else that names a person where there is no Subject.
	Detail any
	Mark   Mark // of a decision
}

// Run is the detail of RunBegun: what a run works from. Hashes are SHA-256 in hexadecimal.
type Run struct {
	AsOf    string            `json:"asOf"` // RFC 3339
	Program string            `json:"program,omitempty"`
	Study   string            `json:"study"`
	Version string            `json:"version"` // of the study
	Policy  Policy            `json:"policy"`
	Inputs  map[string]string `json:"inputs"` // name -> hash
	Full    bool              `json:"full,omitempty"`
}

// Policy is the legal basis.
type Policy struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Hash string `json:"hash"`
}

// Decision is the detail of Decided. It holds what is needed to decide again and compare.
type Decision struct {
	AsOf    string `json:"asOf"`   // RFC 3339
	Policy  string `json:"policy"` // hash
	Facts   string `json:"facts"`  // keyed digest of what was decided from
	Result  string `json:"result"` // keyed digest of the whole decision, windows included
	Consent string `json:"consent"`
	Because string `json:"because"` // the reason's code
	Outcome string `json:"outcome"` // what the run made of it: a permitted patient may be held for another reason
	Reason  string `json:"reason"`
}

// Casebook is the detail of Computed: what was computed for a subject and stored to be delivered.
type Casebook struct {
	Run   int64  `json:"run"`
	Input string `json:"input"` // keyed digest of all that it was computed from
	Cells string `json:"cells"` // keyed digest of the cells that changed
	Count int    `json:"count"` // of these
}

// Delivery is the detail of DeliveryMade.
type Delivery struct {
	Run      int64  `json:"run"`
	Target   string `json:"target"`
	Kind     string `json:"kind"`
	Subjects int    `json:"subjects"`
	Digest   string `json:"digest"` // keyed: of the subjects and the input of each one's casebook
	Cells    int    `json:"cells"`
	Written  int    `json:"written"`
	Rejected int    `json:"rejected,omitempty"`
	Queries  int    `json:"queries,omitempty"`
	Files    []File `json:"files,omitempty"`
	Failed   string `json:"failed,omitempty"`
}

// File is a delivered file.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Finished is the detail of RunFinished.
type Finished struct {
	Run    int64            `json:"run"`
	Counts map[string]int64 `json:"counts"`
	// Outcomes are the consent decisions about all patients of the source: outcome -> reason -> patients.
	Outcomes  map[string]map[string]int `json:"outcomes"`
	Standing  int                       `json:"standing"`  // subjects about whom a decision stands
	Decisions string                    `json:"decisions"` // digest over all of these, see Digest
}

// Stopped is the detail of RunStopped.
type Stopped struct {
	Run    int64  `json:"run,omitempty"`
	Reason string `json:"reason"`
}

// Inspection is the detail of Inspected.
type Inspection struct {
	Command string `json:"command"`
	AsOf    string `json:"asOf"`
	Item    string `json:"item,omitempty"`
}

// Resolved is the detail of Located.
type Resolved struct {
	Reference string `json:"reference"` // keyed
	Reason    string `json:"reason"`
	Found     bool   `json:"found"`
}

// Request is the detail of Requested and RequestDenied.
type Request struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
	Denied string `json:"denied,omitempty"` // why
}

// Approval is the detail of Reidentified.
type Approval struct {
	Request   int64  `json:"request"` // number of the entry
	Requested string `json:"requested"`
	Approved  string `json:"approved"`
	Reason    string `json:"reason"`
}

// Missed is the detail of Gap.
type Missed struct {
	Anchor Head `json:"anchor"` // that the vault knew
	Found  Head `json:"found"`  // the end of the log as it was
}

// VaultChange is the detail of VaultChanged: what a person did to the vault.
type VaultChange struct {
	What string `json:"what"` // key-rotated, moved, joined (the subject that stays), dropped (the one that goes) or parted
}

// LedgerMove is the detail of LedgerMoved: the log itself was moved, with all that stands beside it.
type LedgerMove struct {
	Checksum string         `json:"checksum"` // of all rows
	Rows     map[string]int `json:"rows"`     // by table
}

// QueryDeed is the detail of QueryWorked.
type QueryDeed struct {
	Query int64  `json:"query"`
	Did   string `json:"did"` // assigned, commented or closed
	By    string `json:"by"`
	Text  string `json:"text,omitempty"`
}

// Mapping is the detail of MappingApproved: from now on its rules may change what people work with.
type Mapping struct {
	Mapping  string `json:"mapping"` // hash
	Version  string `json:"version"`
	Author   string `json:"author"`
	Approved string `json:"approved,omitempty"` // by whom; nobody, for the mapping of the first delivery
	Reason   string `json:"reason"`
	Rules    int    `json:"rules"`
}
