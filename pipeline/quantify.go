package pipeline

import (
	"context"
	"os"
	"slices"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// quantification reads the site's table of tracers, radionuclides and scanners; without one the table of the program counts.
func (l *loader) quantification(v yamldoc.Value) *pet.Table {
	if !v.Exists() {
		return pet.Default()
	}
	path := l.path(v.Text())
	text, err := os.ReadFile(path) // #nosec G304 -- a file that the study names
	if err != nil {
		l.blame(v, err)
		return pet.Default()
	}
	table, err := pet.Parse(path, text)
	l.blame(v, err)
	if table == nil {
		return pet.Default()
	}
	return table
}

// unconfirmed warns of a table of tracers and uptake windows that nobody of the site has checked, where PET or SPECT is linked.
func (l *loader) unconfirmed(at, named yamldoc.Value) {
	s := &l.study.Imaging
	linked := len(s.Modalities) == 0 || slices.ContainsFunc(s.Modalities, func(m string) bool { return m == "PT" || m == "NM" })
	if !at.Exists() || !linked || s.Quantification.Confirmed().By != "" {
		return
	}
	message, hint := "tracers and uptake windows are the program's, and nobody of the site has confirmed them", "quantification: FILE, in which confirmed-by: {name: NAME, date: YYYY-MM-DD} names the physicist who checked them (docs/imaging.md)"
	if named.Exists() {
		at, message, hint = named, "nobody of the site has confirmed this table of tracers and uptake windows", "confirmed-by: {name: NAME, date: YYYY-MM-DD} in it, when the site's physicist has checked it and what it takes from the program's"
	}
	line, col := at.KeyPos()
	l.further = append(l.further, finding.Finding{File: l.doc.File, Line: line, Col: col, Severity: finding.Warning, Message: message, Hint: hint})
}

// accountDemand is what quantification reads of the clinical record: weights and glucoses near a scan. It reads nothing where
// no PACS is asked, or where the authorisation does not give it the whole type.
func (s *Study) accountDemand() (mapping.Demand, bool) {
	scope := s.scope()
	if s.Imaging.PACS == nil || scope != nil && scope.Type(pet.AccountType) != authorisation.Whole {
		return mapping.Demand{}, false
	}
	codes := fhir.Criterion{Parameter: "code", Element: "code", Codes: pet.AccountCodes()}
	return mapping.Demand{Type: pet.AccountType, Any: []fhir.Criterion{codes}}, true
}

// pacsError is a PACS that gave no answer: the run stops, as it does when linkage gets none.
type pacsError struct{ error }

func (e pacsError) Unwrap() error { return e.error }

// quantify examines the PET and SPECT series that were linked, by the headers that the PACS has.
func (r *runner) quantify(ctx context.Context, p consent.Permitted, subject pseudonym.Subject, found *imaging.Found) error {
	if r.Study.Imaging.PACS == nil || r.PACS == nil {
		return nil
	}
	q := imaging.Quantification{PACS: r.PACS, Table: r.Study.Imaging.Quantification, Zone: r.Study.Zone}
	if _, may := r.Study.accountDemand(); may {
		q.Account = func(scan fhir.Day) pet.Account { return pet.Near(p.Parts()[0].Resources(), scan, r.Study.Zone) }
	}
	if err := found.Quantify(ctx, subject, q); err != nil {
		return pacsError{err}
	}
	return nil
}
