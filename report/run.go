package report

import "time"

// Format is the version of the JSON form.
const Format = "crflink-report/1"

// Run is the account of one run.
type Run struct {
	Format     string     `json:"format"`
	Version    string     `json:"version"` // of crflink
	Study      Study      `json:"study"`
	AsOf       string     `json:"as_of"`
	DryRun     bool       `json:"dry_run"`
	Suppressed bool       `json:"suppressed"` // small numbers are hidden; see Suppress
	Started    time.Time  `json:"started,omitzero"`
	Seconds    float64    `json:"seconds"` // duration of the whole run
	Verdict    Verdict    `json:"verdict"`
	Policy     Policy     `json:"policy"`
	Inputs     []Input    `json:"inputs"`
	Sources    []Source   `json:"sources,omitempty"` // of a study with several
	Patients   Patients   `json:"patients"`
	Resources  Resources  `json:"resources"`
	Rejected   []Rejected `json:"rejected"`
	Cells      Cells      `json:"cells"`
	Forms      []Form     `json:"forms"` // in the order of the dictionary
	Imaging    Imaging    `json:"imaging"`
	Targets    []Target   `json:"targets"`
	Stages     []Stage    `json:"stages"`
	Warnings   []string   `json:"warnings"`
	AuditHead  string     `json:"audit_head,omitempty"` // number and digest of the audit's last entry, to be held against the log
}

// Study names the study.
type Study struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Version string `json:"version"`
}

// Verdict is how the run ended.
type Verdict struct {
	Exit int    `json:"exit"` // the exit code of the command
	Text string `json:"text"` // what that means; empty takes the standing words for the code
}

// Policy is the legal basis of the run.
type Policy struct {
	Kind    string `json:"kind"` // broad-consent, study-consent, statutory or none
	Name    string `json:"name"`
	Version string `json:"version"`
}

// NoConsentChecked reports whether the policy is none: every rendering then says so first.
func (p Policy) NoConsentChecked() bool { return p.Kind == "none" }

// Input is a file that determines the result.
type Input struct {
	Kind    string `json:"kind"` // study, mapping, dictionary, policy, profile
	Name    string `json:"name"`
	Version string `json:"version"`
	Hash    string `json:"hash"` // SHA-256, hexadecimal
}

// Source is how one of several sources stood.
type Source struct {
	Name     string `json:"name"`
	Patients Count  `json:"patients"`
	Silent   string `json:"silent,omitempty"` // why nothing can be had of it
}

// Patients counts patients. Found is the sum of Permitted, Held and Excluded; Permitted of Enrolled, NotEnrolled and
// Unidentified; Enrolled of Delivered and Failed.
type Patients struct {
	Found        Count `json:"found"`
	Permitted    Count `json:"permitted"`
	Held         Tally `json:"held"`         // may not be used now, by reason
	Excluded     Tally `json:"excluded"`     // said no, by reason
	NotEnrolled  Count `json:"not_enrolled"` // have no subject number yet
	Unidentified Tally `json:"unidentified"` // cannot be told apart for certain, by reason
	Enrolled     Count `json:"enrolled"`
	Failed       Tally `json:"failed"` // could not be worked off, by reason
	Delivered    Count `json:"delivered"`
}

// Resources counts the resources of permitted patients.
type Resources struct {
	Read     Count `json:"read"`
	Kept     Count `json:"kept"`
	Dropped  Tally `json:"dropped"`  // by reason
	Rejected Tally `json:"rejected"` // could not be read, by reason; Run.Rejected lists them
}

// Rejected is a resource that could not be used.
type Rejected struct {
	Type   string `json:"type"`   // resource type, "" when it could not be read
	Origin string `json:"origin"` // source and position
	Reason string `json:"reason"`
}

// Cells counts cells of the casebook, and what happened to them since the last run.
type Cells struct {
	Filled    Count `json:"filled"`
	New       Count `json:"new"`       // had no value before
	Changed   Count `json:"changed"`   // had another value before
	Unchanged Count `json:"unchanged"` // had the same value before
	Vanished  Count `json:"vanished"`  // had a value before and have none
	Conflicts Count `json:"conflicts"` // a person entered something else in the target
	Empty     Tally `json:"empty"`     // by missing reason
}

// Form is one form of the dictionary with the completeness of its items.
type Form struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Items []Item `json:"items"`
}

// Item counts the cells of one item over all subjects, events and repeats.
type Item struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Filled Count  `json:"filled"`
	Empty  Tally  `json:"empty"` // by missing reason
}

// notApplicable is the missing reason of cells that nobody expects to be filled.
const notApplicable = "not-applicable"

// Expected is how many cells could have been filled: all but those that do not apply.
func (i Item) Expected() Count {
	n := i.Filled.lower()
	for reason, c := range i.Empty {
		if reason != notApplicable {
			n += c.lower()
		}
	}
	return n
}

// Completeness is the share of the expected cells that is filled, from 0 to 1; ok is false when none is expected.
func (i Item) Completeness() (share float64, ok bool) { return ratio(i.Filled, i.Expected()) }

// Completeness is the share over all items of the form.
func (f Form) Completeness() (share float64, ok bool) {
	var filled, expected Count
	for _, i := range f.Items {
		filled += i.Filled.lower()
		expected += i.Expected()
	}
	return ratio(filled, expected)
}

func ratio(part, whole Count) (float64, bool) {
	if whole <= 0 {
		return 0, false
	}
	return min(1, float64(part.lower())/float64(whole)), true
}

// Imaging counts ImagingStudy resources and the links made of them.
type Imaging struct {
	Resources  Count `json:"resources"`
	Linked     Count `json:"linked"`       // resources that are the source of a link
	OutOfScope Count `json:"out_of_scope"` // of modalities that the study does not ask for
	Links      Tally `json:"links"`        // links by method
	Unlinked   Tally `json:"unlinked"`     // resources by reason
	Refused    Tally `json:"refused"`      // values that are not what they stand for, by kind
}

// Target is where forms were delivered.
type Target struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Rows    Count  `json:"rows"`    // written
	Cells   Count  `json:"cells"`   // written
	Queries Count  `json:"queries"` // raised
	Error   string `json:"error"`   // why nothing, or not all, was delivered
	// Live is what became of the cells of a target where people work; nil for files.
	Live *Live `json:"live,omitempty"`
	// Disclosure is what kept the delivery from singling anybody out; nil where the study wants no such control.
	Disclosure *Disclosure `json:"disclosure,omitempty"`
}

// Live counts the cells of a delivery into a system where people work.
type Live struct {
	Written   Count    `json:"written"`
	Unchanged Count    `json:"unchanged"`
	Conflicts Count    `json:"conflicts"` // a person's entry differs
	Queries   Count    `json:"queries"`   // a person must look for another reason
	Rejected  Count    `json:"rejected"`
	Locked    Count    `json:"locked"`
	Notes     []string `json:"notes,omitempty"`
}

// Disclosure tells how a delivery was made k-anonymous. All counts are of subjects but Classes.
type Disclosure struct {
	K          Count    `json:"k"`
	AtRisk     Count    `json:"at_risk"` // in classes of fewer than K, before anything was done
	Classes    Count    `json:"classes"` // that are delivered
	Smallest   Count    `json:"smallest"`
	Steps      []string `json:"steps"`      // generalisations
	Suppressed Count    `json:"suppressed"` // without values of quasi-identifiers
	Withheld   Count    `json:"withheld"`   // not delivered at all
}

// Stage is a part of the run with its duration.
type Stage struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"` // what Count counts, in the plural
	Count   int64   `json:"count"`
	Seconds float64 `json:"seconds"`
}

// Rate is the count per second; 0 for a stage too short to measure.
func (s Stage) Rate() float64 {
	if s.Seconds <= 0 {
		return 0
	}
	return float64(s.Count) / s.Seconds
}

// Exit codes of the command that writes the report.
const (
	exitDone     = 0
	exitRejected = 5
)

var verdicts = map[int]string{
	exitDone: "Done.", 1: "Stopped: the command or its configuration is wrong.", 2: "Stopped: the mapping is not valid.",
	3: "Stopped: nothing could be evaluated.", 4: "Stopped: a server could not be used, or a safety limit was reached.",
	exitRejected: "Done. Some resources or cells were rejected; the report lists them.",
}

// String returns the verdict in words.
func (v Verdict) String() string {
	if v.Text != "" {
		return v.Text
	}
	if s := verdicts[v.Exit]; s != "" {
		return s
	}
	return "Stopped."
}
