package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// EnteredSpec names where the study reads what people entered in the target.
type EnteredSpec struct {
	File   string // a CSV that was exported from it; "" where Target is set
	Target string // the name of a target that can be read
}

// entered reads where the dates stand that people entered. It comes before the mapping, which is checked against it.
func (l *loader) entered(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f := v.Fields("file", "target")
	l.study.Entered = &EnteredSpec{File: l.path(f["file"].Text()), Target: f["target"].Text()}
	if f["file"].Exists() == f["target"].Exists() {
		v.Errorf("file: FILE.csv, or target: NAME of a target of kind redcap", "what people entered is read either from an export or from a target")
	}
}

// enteredTarget checks the target from which is read what people entered. It comes behind the targets.
func (l *loader) enteredTarget(v yamldoc.Value) {
	if l.study.Entered == nil || l.study.Entered.Target == "" {
		return
	}
	for _, t := range l.study.Targets {
		if t.Name == l.study.Entered.Target && kindOf(t.Kind).entered {
			return
		}
	}
	v.Errorf("name a target of kind redcap", "no target that can be read is named %q", l.study.Entered.Target)
}

// unentered warns of a file that nothing reads.
func (l *loader) unentered(v yamldoc.Value) {
	if v.Exists() && l.study.Mapping != nil && !l.study.ReadsEntered() {
		line, col := v.Pos()
		l.further = append(l.further, finding.Finding{
			File: l.doc.File, Line: line, Col: col, Severity: finding.Warning, Message: "no event of the mapping is a date that a person entered, and subject has no check: nothing is read from here",
		})
	}
}

// ReadsEntered reports whether a run reads what people entered.
func (s *Study) ReadsEntered() bool { return s.Check != nil || len(s.Mapping.Entered()) > 0 }

// entries reads what people entered for the subjects, by study number, where an event of the mapping needs it.
func (r *runner) entries(ctx context.Context, all []work) (map[string]ecrf.Entries, error) {
	cells := r.Study.Mapping.Entered()
	return r.entriesOf(ctx, all, cells)
}

func (r *runner) entriesOf(ctx context.Context, all []work, cells []ecrf.CellKey) (map[string]ecrf.Entries, error) {
	if len(cells) == 0 || len(all) == 0 {
		return nil, nil
	}
	if r.Entered == nil {
		return nil, errors.New("the study needs what people entered, and no target was opened to read it from")
	}
	subjects := make([]string, len(all))
	for i, w := range all {
		subjects[i] = w.subject.Number()
	}
	entries, err := r.Entered.Entered(ctx, subjects, cells)
	if err != nil {
		return nil, fmt.Errorf("read what people entered: %w", err)
	}
	return entries, nil
}

// withEntries is the work with what people entered for its subject.
func (r *runner) withEntries(ctx context.Context, w work) (work, error) {
	entries, err := r.entries(ctx, []work{w})
	w.entered = entries[w.subject.Number()]
	return w, err
}
