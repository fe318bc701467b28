package pipeline

import (
	"io"
	"slices"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/agefile"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/mapping"
)

// authorisation reads what the study is allowed. The profile and the mapping are read behind it: both depend on its scope.
func (l *loader) authorisation(v yamldoc.Value) {
	l.study.Authorisation, l.outputs = authorisation.Read(v)
}

// authorised compares the study's outputs with the recipients. A study without an authorisation may write files, with a
// warning; systems into which people enter a running study's data are refused.
func (l *loader) authorised(v, targets yamldoc.Value) {
	a := l.study.Authorisation
	if a == nil {
		l.unauthorised(targets)
		return
	}
	outputs := []string{authorisation.ImagingOutput, authorisation.ExportOutput}
	for i, item := range targets.Items() {
		if i >= len(l.study.Targets) {
			break
		}
		name := l.study.Targets[i].Name
		outputs = append(outputs, name)
		if a.To(name) != nil {
			item.Errorf("name the target in authorisation.recipients, or take it out", "nobody is authorised to receive the target %q", name)
		}
	}
	if l.study.Imaging.Folder != "" && a.To(authorisation.ImagingOutput) != nil {
		v.Errorf("name "+authorisation.ImagingOutput+" in authorisation.recipients, or take imaging.folder out", "nobody is authorised to receive the imaging sessions")
	}
	l.sealed(v)
	for _, o := range l.outputs {
		if !slices.Contains(outputs, o.Text()) {
			o.Errorf(finding.DidYouMean(o.Text(), outputs), "the study has no output %q", o.Text())
		}
	}
}

// sealed finds recipients of a research package without a key beside others that have one: they could not read it.
func (l *loader) sealed(v yamldoc.Value) {
	with, without := "", ""
	var keys []string
	for _, r := range l.study.Authorisation.RecipientsOf(authorisation.ExportOutput) {
		if len(r.Age) > 0 {
			with = r.Name
			keys = append(keys, r.Age...)
		} else {
			without = r.Name
		}
	}
	switch {
	case with == "":
	case without != "":
		v.Errorf("age: the recipient's public key", "packages are encrypted to %s, and %s has no key to read them", with, without)
	default:
		if _, err := agefile.Encrypt(io.Discard, keys...); err != nil {
			v.Errorf("use keys of one kind", "the keys of the recipients of research packages cannot be used together: %v", err)
		}
	}
}

func (l *loader) unauthorised(targets yamldoc.Value) {
	const hint = "add authorisation: with approvals, recipients, modules or elements, valid-until and erase-by (docs/consent.md)"
	for i, item := range targets.Items() {
		if i < len(l.study.Targets) && liveKind(l.study.Targets[i].Kind) {
			item.Errorf(hint, "the target %q holds a running study's data, and the study names no authorisation", l.study.Targets[i].Name)
			return
		}
	}
	line, col := l.doc.Root().Pos()
	l.further = append(l.further, finding.Finding{File: l.doc.File, Line: line, Col: col, Severity: finding.Warning,
		Message: "the study names no authorisation: every output says so", Hint: hint})
}

// scope is what the study is authorised to use; nil when it says nothing.
func (s *Study) scope() *authorisation.Scope {
	if s.Authorisation == nil {
		return nil
	}
	return s.Authorisation.Scope
}

// within is what the mapping is checked against of the authorisation.
func (l *loader) within() []mapping.Option {
	if scope := l.study.scope(); scope != nil {
		return []mapping.Option{mapping.Within(scope)}
	}
	return nil
}

// beyond reports whether resources of the type may not be read at all. Facts of consent are not asked here: they decide.
func (s *Study) beyond(typ string) bool {
	return !fhir.IsFact(typ) && s.scope().Type(typ) == authorisation.Nothing
}
