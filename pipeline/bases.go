package pipeline

import (
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// policy reads the policy that a value names.
func (l *loader) policy(v yamldoc.Value) *consent.Policy {
	name := v.Text()
	if name != consent.BuiltInName {
		name = l.path(name)
	}
	policy, err := consent.Load(name)
	l.blame(v, err)
	return policy
}

// combine reads a default policy and those of single forms. Whether there are such forms is known later.
func (l *loader) combine(v yamldoc.Value) {
	f := v.Fields("default", "forms")
	if !f["default"].Exists() {
		v.Errorf("default: FILE, the policy of all forms that are not named", "default is missing")
		return
	}
	standard := l.policy(f["default"])
	forms := map[string]*consent.Policy{}
	for _, e := range f["forms"].Entries() {
		l.formsAt = append(l.formsAt, e)
		if p := l.policy(e); p != nil {
			forms[e.Key()] = p
		}
	}
	if standard == nil || len(forms) < len(l.formsAt) {
		return
	}
	policy, err := consent.Combine(standard, forms)
	l.blame(v, err)
	l.study.Policy = policy
}

// formsWithPolicy reports policies of forms that the dictionary does not have.
func (l *loader) formsWithPolicy() {
	d := l.study.Dictionary
	for _, e := range l.formsAt {
		if d != nil && d.Form(e.Key()) == nil {
			line, col := e.KeyPos()
			l.doc.Findings.Add(l.doc.File, line, col, finding.DidYouMean(e.Key(), d.FormNames()), "the dictionary has no form %q", e.Key())
		}
	}
}
