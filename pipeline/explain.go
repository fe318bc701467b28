package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
)

// ExplanationFormat is the format of an Explanation as JSON. Within it fields are added, never renamed or removed.
const ExplanationFormat = "crflink.explain/1"

// Asked names the cell that is to be explained.
type Asked struct {
	Subject    string // study number
	Form, Item string
	Event      string // "" is the first event in which the mapping fills the form
	Repeat     int    // repeat number; 0 for a form that does not repeat, or when there is one instance only
	AsOf       time.Time
}

// Status says how far an explanation came.
type Status string

// The statuses.
const (
	StatusExplained    Status = "explained"     // the cell was computed
	StatusNoRule       Status = "no-rule"       // people enter the item
	StatusWhichRepeat  Status = "which-repeat"  // the form has several instances, listed
	StatusNoInstance   Status = "no-instance"   // the form has no instance of that repeat number
	StatusNotPermitted Status = "not-permitted" // consent does not allow it
	StatusNotEnrolled  Status = "not-enrolled"  // the source no longer gives the patient this number
	StatusNotComputed  Status = "not-computed"  // no run has taken the subject in yet
	StatusShared       Status = "shared"        // several patients of the source claim the number
	StatusOther        Status = "other-person"  // what people entered says that the subject is somebody else
	StatusNotFound     Status = "not-found"     // the subject is known, and the source has no such patient any more
	StatusUnknown      Status = "unknown"       // nobody has the number
	StatusFailed       Status = "failed"        // a stage failed for this subject
)

// Statuses lists them in that order.
func Statuses() []Status {
	return []Status{StatusExplained, StatusNoRule, StatusWhichRepeat, StatusNoInstance, StatusNotPermitted, StatusNotEnrolled,
		StatusNotComputed, StatusShared, StatusNotFound, StatusUnknown, StatusFailed}
}

// Explanation is how one cell came to its value or to none. It is made from the source anew and stored nowhere. All
// that it holds is pseudonymous: no original id, no identifier, no date that the study's date mode forbids.
type Explanation struct {
	Format  string        `json:"format"`
	Study   string        `json:"study"`
	Version string        `json:"version"` // of the study
	AsOf    string        `json:"asOf"`    // RFC 3339
	Subject string        `json:"subject,omitempty"`
	Item    ExplainedItem `json:"item"`
	Status  Status        `json:"status"`
	Says    string        `json:"says"` // the sentence that a person needs

	Consent *ConsentStep    `json:"consent,omitempty"`
	Veil    []VeilStep      `json:"veil,omitempty"`   // what de-identification took from the paths that the rule reads
	Events  []mapping.Steps `json:"events,omitempty"` // those that the rule counts from
	Form    *mapping.Steps  `json:"form,omitempty"`   // of a repeating form: which resources have an instance
	Repeats []RepeatStep    `json:"repeats,omitempty"`
	Rule    *mapping.Steps  `json:"rule,omitempty"`
	Ledger  *LedgerStep     `json:"ledger,omitempty"`

	ValueLabel string `json:"valueLabel,omitempty"` // of a choice
}

// ExplainedItem names the item.
type ExplainedItem struct {
	Name   string `json:"name"` // form.item
	Label  string `json:"label,omitempty"`
	Event  string `json:"event"`
	Repeat int    `json:"repeat,omitempty"`
	Type   string `json:"type"`
	Unit   string `json:"unit,omitempty"`
}

// ConsentStep is the decision about the patient, and what it kept from the rule.
type ConsentStep struct {
	Outcome  string   `json:"outcome"`
	Reason   string   `json:"reason"`
	Means    string   `json:"means"`
	Windows  []string `json:"windows,omitempty"` // intervals of days; only in a study whose dates stay as they are
	Warnings []string `json:"warnings,omitempty"`
	Read     int      `json:"read"`               // resources of the rule's types
	Dropped  []Drop   `json:"dropped,omitempty"`  // of these, by type and reason
	Others   int      `json:"droppedOfOthers"`    // resources of other types that were dropped
	Withheld []string `json:"withheld,omitempty"` // the dropped ones of the rule's types, by keyed reference
}

// Drop counts resources of one type that consent dropped for one reason.
type Drop struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Means  string `json:"means"`
	Count  int    `json:"count"`
}

// VeilStep counts what de-identification dropped on a path that the rule reads, in all resources of the subject.
type VeilStep struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// RepeatStep is an instance of a repeating form with what it holds of the item.
type RepeatStep struct {
	Repeat   int                `json:"repeat"`
	Key      string             `json:"key"`
	Resource string             `json:"resource"`
	Date     string             `json:"date,omitempty"`
	Value    string             `json:"value,omitempty"`
	Missing  ecrf.MissingReason `json:"missing,omitempty"`
	New      bool               `json:"new,omitempty"` // the ledger does not have it yet
}

// LedgerStep compares the ledger with what was computed now.
type LedgerStep struct {
	Known   bool               `json:"known"` // the ledger has the cell
	Value   string             `json:"value,omitempty"`
	Missing ecrf.MissingReason `json:"missing,omitempty"`
	State   ecrf.State         `json:"state,omitempty"`
	Run     int64              `json:"run,omitempty"`     // the newest run of the ledger
	RunAsOf string             `json:"runAsOf,omitempty"` // RFC 3339
	Equal   bool               `json:"equal"`
	Says    string             `json:"says"`
}

// Explain computes one cell anew and tells how. It writes nothing but that it was asked: into the audit, before anything is read. An error means that
// source, vault or ledger could not be read, or that the cell does not exist; what concerns the subject is in the
// Explanation. Targets of the parts are not used. The source must be newly opened: what it rejects, which may be a
// refusal, it reports once.
func Explain(ctx context.Context, parts Parts, asked Asked) (*Explanation, error) {
	e, err := newExplanation(parts.Study, asked)
	if err != nil {
		return nil, err
	}
	veil, err := parts.Study.Veil(parts.Study.Dates)
	if err != nil {
		return nil, err
	}
	x := &explainer{
		runner: &runner{Parts: parts, Options: Options{AsOf: asked.AsOf, DryRun: true}, veil: veil, out: &Outcome{Tally: newTally()}},
		asked:  asked, out: e,
	}
	x.facts = FactsFrom(parts.Source, x.runner.out.Tally.reject)
	if e.Status == StatusNoRule {
		return e, nil
	}
	if err := x.inspected(ctx); err != nil {
		return nil, err
	}
	if x.stored, err = parts.Ledger.Subject(ctx, asked.Subject); err != nil {
		return nil, err
	}
	if err := x.explain(ctx); err != nil {
		return nil, err
	}
	return e, x.compare(ctx)
}

// explainer is the state of one explanation.
type explainer struct {
	*runner
	asked  Asked
	out    *Explanation
	stored *ecrf.StoredCasebook // nil when the ledger does not know the subject
	trace  mapping.Trace
}

func newExplanation(study *Study, asked Asked) (*Explanation, error) {
	form := study.Dictionary.Form(asked.Form)
	if form == nil || form.Item(asked.Item) == nil {
		return nil, fmt.Errorf("the dictionary has no item %s.%s", asked.Form, asked.Item)
	}
	event := asked.Event
	if event == "" {
		event = usualEvent(study, asked.Form)
	}
	if !study.Dictionary.Has(event, asked.Form) {
		return nil, fmt.Errorf("form %s is not filled in event %q; its events are %q", asked.Form, event, study.Dictionary.EventsOf(asked.Form))
	}
	if asked.Repeat < 0 || asked.Repeat > 0 && !form.Repeating {
		return nil, fmt.Errorf("form %s has no repeat %d: it does not repeat", asked.Form, asked.Repeat)
	}
	item := form.Item(asked.Item)
	e := &Explanation{
		Format: ExplanationFormat, Study: study.ID, Version: study.Version, AsOf: asked.AsOf.Format(time.RFC3339),
		Item: ExplainedItem{Name: asked.Form + "." + asked.Item, Label: item.Label, Event: event, Repeat: asked.Repeat, Type: string(item.Type), Unit: item.Unit},
	}
	if !study.Mapping.Fills(event, e.Item.Name) {
		e.conclude(StatusNoRule, "No rule of the mapping fills this item: people enter it.")
	}
	return e, nil
}

// usualEvent is the event that is meant where none is named: the first in which the mapping fills the form, or else the
// first of the dictionary.
func usualEvent(study *Study, form string) string {
	for _, events := range [][]string{study.Mapping.EventsOf(form), study.Dictionary.EventsOf(form)} {
		if len(events) > 0 {
			return events[0]
		}
	}
	return ""
}

func (e *Explanation) conclude(status Status, format string, args ...any) {
	e.Status, e.Says = status, fmt.Sprintf(format, args...)
}
