package consent

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/crflink/crflink/fhir"
)

// CheckOptions says what Check writes.
type CheckOptions struct {
	Resources bool // also the verdict on each resource
	// Linked returns a record that Patient.link names, or nil when the source has none. Without it a patient whose
	// link leads out of the own record is held.
	Linked func(fhir.Key) (*fhir.Record, error)
	// Unread returns how many Consents of the patient the source has rejected; nil is none. A patient with any is held.
	Unread func(fhir.Key) int
}

// CheckSummary counts what Check wrote.
type CheckSummary struct {
	Patients int
	Outcomes map[Outcome]int
	Reasons  map[Reason]int
	Drops    Drops
}

// checkLine is one line of Check. It holds ids of the source: the user asked for them about files of their own.
type checkLine struct {
	Patient   string          `json:"patient"`
	Permitted bool            `json:"permitted"`
	Outcome   string          `json:"outcome"`
	Reason    Reason          `json:"reason"`
	Window    []checkSpan     `json:"window"`
	Consents  []string        `json:"consents"`
	Withdrawn string          `json:"withdrawal,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"`
	Resources []checkResource `json:"resources,omitempty"`
}

type checkSpan struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type checkResource struct {
	Resource string     `json:"resource"`
	Kept     bool       `json:"kept"`
	Reason   DropReason `json:"reason"`
}

// Check decides about each record and writes one JSON line for each. It holds one record at a time. An error of the
// iterator or the writer ends it.
func Check(w io.Writer, records iter.Seq2[*fhir.Record, error], policy *Policy, asOf time.Time, o CheckOptions) (CheckSummary, error) {
	sum := CheckSummary{Outcomes: map[Outcome]int{}, Reasons: map[Reason]int{}}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for rec, err := range records {
		if err != nil {
			return sum, fmt.Errorf("read the patients: %w", err)
		}
		facts, err := FactsWithLinks(rec, o.Linked, o.Unread)
		if err != nil {
			return sum, err
		}
		d := Evaluate(facts, policy, asOf)
		_, verdicts := admit(rec, d, policy)
		line := lineOf(rec, d)
		sum.take(rec, d, verdicts)
		if o.Resources {
			line.Resources = resourceLines(rec, verdicts)
		}
		if err := out.Encode(line); err != nil {
			return sum, fmt.Errorf("write the decisions: %w", err)
		}
	}
	return sum, nil
}

// FactsWithLinks gathers the facts of a record and of those that its links name, as far as they go, and counts what of
// all of them the source has rejected. Linked and unread are as in CheckOptions and may be nil.
func FactsWithLinks(rec *fhir.Record, linked func(fhir.Key) (*fhir.Record, error), unread func(fhir.Key) int) (Facts, error) {
	facts := FactsOf(rec)
	for linked != nil && len(facts.Looked) <= maxLinks {
		key, ok := facts.unreadLink()
		if !ok {
			break
		}
		other, err := linked(key)
		if err != nil {
			return facts, fmt.Errorf("read a linked patient: %w", err)
		}
		facts.Looked = append(facts.Looked, key)
		if other != nil {
			facts.add(other)
		}
	}
	if unread != nil {
		facts.countUnread(unread)
	}
	return facts, nil
}

// countUnread adds up what was rejected of the record, of its Patients and of the records that were looked for.
func (f *Facts) countUnread(unread func(fhir.Key) int) {
	keys := append([]fhir.Key{f.Patient}, f.Looked...)
	for _, res := range f.Patients {
		keys = append(keys, res.Key())
	}
	seen := map[fhir.Key]bool{}
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			f.Unread += unread(k)
		}
	}
}

// unreadLink returns the key of a record that Patient.link names and that the facts do not hold yet.
func (f *Facts) unreadLink() (fhir.Key, bool) {
	p := f.person()
	for _, keys := range [][]fhir.Key{p.own[1:], p.linked, f.LinkedFrom} {
		for _, key := range keys {
			if !isKnown(key, f.Patients, f.Looked) {
				return key, true
			}
		}
	}
	return fhir.Key{}, false
}

func (s *CheckSummary) take(rec *fhir.Record, d Decision, verdicts []DropReason) {
	s.Patients++
	s.Outcomes[d.Outcome()]++
	s.Reasons[d.Reason()]++
	i := 0
	for res := range rec.Resources() {
		if !verdicts[i].keeps() {
			s.Drops.add(res.Type, verdicts[i], 1)
		}
		i++
	}
}

func lineOf(rec *fhir.Record, d Decision) checkLine {
	line := checkLine{Patient: rec.Key().ID, Permitted: d.Outcome() == Granted, Outcome: d.Outcome().String(),
		Reason: d.Reason(), Window: []checkSpan{}, Consents: []string{}, Warnings: d.Warnings().Codes()}
	for _, w := range d.windows {
		line.Window = append(line.Window, checkSpan{w.Start.String(), w.End.String()})
	}
	line.Consents = append(line.Consents, d.consents...)
	if d.Withdrawal() != NoWithdrawal {
		line.Withdrawn = d.Withdrawal().String()
	}
	return line
}

func resourceLines(rec *fhir.Record, verdicts []DropReason) []checkResource {
	lines := make([]checkResource, 0, len(verdicts))
	for res := range rec.Resources() {
		v := verdicts[len(lines)]
		name := res.Type
		if res.ID != "" {
			name = res.Key().String()
		}
		lines = append(lines, checkResource{name, v.keeps(), v})
	}
	return lines
}
