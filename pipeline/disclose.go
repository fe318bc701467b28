package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/disclosure"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// DisclosureSpec says how a study keeps what it hands on from singling anybody out.
type DisclosureSpec struct {
	Rules   *disclosure.Rules // nil when only reports are meant
	Targets []string          // names of the targets that the rules hold for
	Reports bool              // small numbers are hidden in the report's files
}

func (l *loader) disclosure(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f := v.Fields("k", "quasi-identifiers", "generalise", "targets", "reports")
	s := &DisclosureSpec{Reports: f["reports"].OneOf("exact", "suppressed") == "suppressed"}
	l.study.Disclosure = s
	if !f["k"].Exists() && !f["quasi-identifiers"].Exists() {
		for _, name := range []string{"generalise", "targets"} {
			if f[name].Exists() {
				f[name].Errorf("", "%s belongs to k and quasi-identifiers, which are missing", name)
			}
		}
		return
	}
	s.Rules = &disclosure.Rules{K: f["k"].Int(), Items: f["quasi-identifiers"].Texts()}
	for _, item := range f["generalise"].Items() {
		g := item.Fields("item", "band", "prefix", "precision")
		s.Rules.Steps = append(s.Rules.Steps, disclosure.Step{Item: g["item"].Text(), Band: g["band"].Int(), Prefix: g["prefix"].Int(), Precision: g["precision"].Text()})
	}
	if l.study.Dictionary != nil {
		for _, problem := range s.Rules.Check(l.deliveredForms()) {
			v.Errorf("", "%s", problem)
		}
	}
	l.disclosedTargets(f["targets"], s)
}

// deliveredForms is the dictionary as targets get it.
func (l *loader) deliveredForms() *ecrf.Dictionary {
	d := ecrf.Delivery{Dictionary: l.study.Dictionary}
	if l.study.Dates.Mode == pseudonym.Relative {
		d = d.RelativeTo(func(ecrf.Facts) (string, bool) { return "", false })
	}
	return d.Dictionary
}

// disclosedTargets reads for which targets the rules hold; left out, for all files. What people enter data into is never
// generalised.
func (l *loader) disclosedTargets(v yamldoc.Value, s *DisclosureSpec) {
	for _, t := range l.study.Targets {
		if !v.Exists() && !liveKind(t.Kind) {
			s.Targets = append(s.Targets, t.Name)
		}
	}
	for _, name := range v.Texts() {
		i := slices.IndexFunc(l.study.Targets, func(t TargetSpec) bool { return t.Name == name })
		switch {
		case i < 0:
			v.Errorf("", "there is no target named %q", name)
		case liveKind(l.study.Targets[i].Kind):
			v.Errorf("", "people enter data into target %q: nothing is generalised there", name)
		default:
			s.Targets = append(s.Targets, name)
		}
	}
}

// disclose applies the study's disclosure control to what a target is given; nil where it has none.
func (r *runner) disclose(ctx context.Context, t ecrf.Target, d ecrf.Delivery) (ecrf.Delivery, *disclosure.Report, error) {
	s := r.Study.Disclosure
	if s == nil || s.Rules == nil || !slices.Contains(s.Targets, t.Name()) {
		return d, nil, nil
	}
	return s.apply(ctx, d)
}

// apply makes a delivery k-anonymous, and says so in it.
func (s *DisclosureSpec) apply(ctx context.Context, d ecrf.Delivery) (ecrf.Delivery, *disclosure.Report, error) {
	d, report, err := s.Rules.Apply(ctx, d)
	if err != nil {
		return d, nil, err
	}
	d.Notices = append(slices.Clone(d.Notices), notice(report))
	return d, &report, nil
}

// notice tells those who get a file what was done to it.
func notice(r disclosure.Report) string {
	if r.Withheld > 0 {
		return fmt.Sprintf("Nobody is in this delivery: fewer than %d subjects could not be told apart.", r.K)
	}
	return fmt.Sprintf("Quasi-identifiers were generalised or suppressed so that every combination of them belongs to at least %d subjects.", r.K)
}
