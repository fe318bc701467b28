package pipeline

import (
	"slices"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// withdrawals reads how many patients a run may lose, and holds what the policy says about targets against the study's.
func (l *loader) withdrawals(policy, maxLost yamldoc.Value) {
	if maxLost.Exists() {
		n := maxLost.Int()
		if n < 0 {
			maxLost.Errorf("0 has a person confirm each loss", "the number of patients that a run may lose is negative")
		}
		l.study.MaxLost = &n
	}
	if l.study.Policy == nil {
		return
	}
	outputs := []string{authorisation.ImagingOutput}
	for _, t := range l.study.Targets {
		outputs = append(outputs, t.Name)
	}
	for _, name := range l.study.Policy.HandledTargets() {
		if !slices.Contains(outputs, name) {
			policy.Errorf(finding.DidYouMean(name, outputs), "the policy says what a withdrawal does in the target %q, and the study has none of that name", name)
		}
	}
}
