package withdrawal

import (
	"time"

	"github.com/crflink/crflink/pseudonym"
)

// Kind says what an entry is about.
type Kind string

// The kinds of entries.
const (
	Began     Kind = "began"     // a withdrawal
	Done      Kind = "done"      // a withdrawal: nothing is left of what had to go
	Renewed   Kind = "renewed"   // the patient consented again and was enrolled as another subject
	Opened    Kind = "opened"    // a task
	Closed    Kind = "closed"    // a task, by a person
	Exceeded  Kind = "exceeded"  // a run lost more patients than the study allows
	Confirmed Kind = "confirmed" // a person says that these patients are lost indeed
	Passed    Kind = "passed"    // a run used the confirmation
)

// Entry is a step in the journal. It holds no number, identifier or name of a patient.
type Entry struct {
	N    int       `json:"n"` // counts from 1
	Kind Kind      `json:"kind"`
	At   time.Time `json:"at"`          // as-of of the run, or time of the command
	Of   int       `json:"of,omitzero"` // the entry of the withdrawal, task or limit that it belongs to

	*Refusal        // of Began
	Handling string `json:"handling,omitzero"` // of Began: what becomes of what the ledger holds
	Task     *Job   `json:"task,omitempty"`    // of Opened
	*Loss           // of Exceeded
}

// Refusal is a subject's no.
type Refusal struct {
	Trace  pseudonym.Trace `json:"trace"`
	Cause  string          `json:"cause"`  // reason code of the decision, or ByPerson
	Moment time.Time       `json:"moment"` // only a consent that is later permits something again
}

// ByPerson is the cause of a withdrawal that a person started.
const ByPerson = "person"

// Job is what a task asks a person to do.
type Job struct {
	What     JobKind   `json:"what"`
	Where    string    `json:"where,omitempty"` // a target's or a recipient's name
	Deadline time.Time `json:"deadline"`
	Subjects []string  `json:"subjects,omitempty"` // of a task that belongs to no withdrawal: traces of numbers, sorted
}

// JobKind is a kind of task.
type JobKind string

// The kinds of tasks.
const (
	Notify JobKind = "notify"  // tell a recipient to delete the subject
	Delete JobKind = "delete"  // delete, or anonymise, in a target that offers a program no way to
	Allow  JobKind = "confirm" // confirm that the subject may be erased in a system into which people enter data
)

// The kinds of tasks that belong to no withdrawal but are about subjects whom the site has merged or parted.
const (
	Merged JobKind = "merged" // see to the data in the targets of the subject that goes, and join the two
	Shared JobKind = "shared" // several patients claim one number: link them, correct the enrolment, or part them
	Parted JobKind = "parted" // mend what was delivered of another patient, by the task's list of cells
)

// aboutSubjects reports whether tasks of the kind belong to no withdrawal.
func (k JobKind) aboutSubjects() bool { return k == Merged || k == Shared || k == Parted }

// Loss is what a run would have lost.
type Loss struct {
	Delivered int       `json:"delivered"` // subjects that were delivered before
	Allowed   int       `json:"allowed"`
	Lost      []string  `json:"lost"`    // traces of numbers, sorted
	Refused   []Refusal `json:"refused"` // those of them, and of others, that would have been withdrawn
}
