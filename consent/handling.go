package consent

import (
	"maps"
	"slices"

	"github.com/crflink/crflink/internal/yamldoc"
)

// Handling is what becomes of a patient's delivered data when they withdraw.
type Handling string

// The ways to handle a withdrawal. Nothing new is delivered in any of them.
const (
	Erase       Handling = "erase"         // removed
	KeepAndStop Handling = "keep-and-stop" // what was delivered until then stays, as a trial may have to keep it
	Anonymise   Handling = "anonymise"     // the values stay under a new number that nobody can trace
)

// usualDeadline is the month that a controller has to answer a data subject's request (GDPR, Art. 12 (3)).
const usualDeadline = 30

// Handling says what a withdrawal does in a target. The imaging sessions go by the name imaging.
func (p *Policy) Handling(target string) Handling {
	w := &p.set.Withdrawal
	if h, ok := w.Targets[target]; ok {
		return h
	}
	if w.Default != "" {
		return w.Default
	}
	return Erase
}

// HandledTargets returns the names of the targets for which the policy has a rule of their own, in order.
func (p *Policy) HandledTargets() []string {
	return slices.Sorted(maps.Keys(p.set.Withdrawal.Targets))
}

// AsksBeforeErasing reports whether a person must confirm each erasure in a system into which people enter data.
func (p *Policy) AsksBeforeErasing() bool { return !p.set.Withdrawal.Unasked }

// Deadline returns the days within which a task that a withdrawal opens must be done.
func (p *Policy) Deadline() int {
	if d := p.set.Withdrawal.Deadline; d > 0 {
		return d
	}
	return usualDeadline
}

// withdrawal reads what a withdrawal does.
func (r *policyReader) withdrawal(v yamldoc.Value) {
	f := v.Fields("default", "targets", "confirmEdc", "deadline")
	w := &r.set.Withdrawal
	if d, ok := f["default"]; ok {
		w.Default = handling(d)
	}
	for _, e := range f["targets"].Entries() {
		if w.Targets == nil {
			w.Targets = map[string]Handling{}
		}
		w.Targets[e.Key()] = handling(e)
	}
	if c, ok := f["confirmEdc"]; ok {
		w.Unasked = !c.Bool()
	}
	if d, ok := f["deadline"]; ok {
		if w.Deadline = d.Int(); w.Deadline < 1 {
			d.Errorf("write a number of days, such as 30", "a deadline is at least one day")
		}
	}
	r.mixture(v)
}

func handling(v yamldoc.Value) Handling {
	return Handling(v.OneOf(string(Erase), string(KeepAndStop), string(Anonymise)))
}

// mixture refuses to keep and to anonymise the same data: who compares the two would know the person again.
func (r *policyReader) mixture(v yamldoc.Value) {
	w := &r.set.Withdrawal
	seen := map[Handling]bool{w.Default: true}
	for _, h := range w.Targets {
		seen[h] = true
	}
	if seen[KeepAndStop] && seen[Anonymise] {
		v.Errorf("choose one of the two for all targets that do not erase", "the same data would be kept under the old number and under a new one")
	}
}
