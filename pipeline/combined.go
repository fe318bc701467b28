package pipeline

import (
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// combination is what a run knows of patients where a study's forms are under several policies.
type combination struct {
	decisions map[fhir.Key]consent.Decision // the newest of each patient
}

// judged remembers a decision under several policies.
func (r *runner) judged(d consent.Decision) consent.Decision {
	if !r.Study.Policy.Combined() {
		return d
	}
	r.combining.Lock()
	defer r.combining.Unlock()
	if r.combination.decisions == nil {
		r.combination.decisions = map[fhir.Key]consent.Decision{}
	}
	r.combination.decisions[d.Patient()] = d
	return d
}

// decision returns the newest decision about a patient under several policies.
func (r *runner) decision(patient fhir.Key) consent.Decision {
	r.combining.Lock()
	defer r.combining.Unlock()
	return r.combination.decisions[patient]
}

// digestParts writes what is permitted under each policy.
func digestParts(h hash.Hash, p consent.Permitted) {
	parts := p.Parts()
	if len(parts) == 1 {
		return
	}
	for i, part := range parts {
		_, _ = fmt.Fprintf(h, "part %d %s %t\n", i, p.Decision().Parts()[i].Outcome(), part.HidesDeath())
		for res := range part.Resources() {
			_, _ = fmt.Fprintf(h, "%s %q\n", res.Key(), res.Raw())
		}
	}
}

// records are a subject's de-identified records under several policies.
type records struct {
	permitted consent.Permitted
	by        map[string]*pseudonym.Record // by the policies that permit it
	policies  *consent.Policy
}

// veilParts de-identifies what each policy permits, and what several of them permit together. The first record is that under
// the default policy, or, where that permits nothing, under the first that does.
func (r *runner) veilParts(p consent.Permitted, s pseudonym.Subject) (*pseudonym.Record, *records, pseudonym.Report, error) {
	all := &records{permitted: p, by: map[string]*pseudonym.Record{}, policies: r.Study.Policy}
	var first *pseudonym.Record
	var report pseudonym.Report
	for _, forms := range r.Study.Mapping.Crossings() {
		key := all.key(forms)
		if _, known := all.by[key]; known {
			continue
		}
		part := p.Across(forms...)
		if !part.Granted() || part.Patient() == nil {
			all.by[key] = nil
			continue
		}
		record, one, err := r.veil.Apply(part, s)
		if err != nil {
			all.release()
			return nil, nil, report, err
		}
		all.by[key] = record
		if !strings.Contains(key, " ") {
			report.Add(one)
		}
		if first == nil {
			first = record
		}
	}
	if first == nil {
		return nil, nil, report, errors.New("no form is under a policy that permits the subject")
	}
	return first, all, report, nil
}

// apply de-identifies what is permitted.
func (r *runner) apply(p consent.Permitted, s pseudonym.Subject) (*pseudonym.Record, *records, pseudonym.Report, error) {
	if r.Study.Policy.Combined() {
		return r.veilParts(p, s)
	}
	record, report, err := r.veil.Apply(p, s)
	return record, nil, report, err
}

// release gives the memory of the subject's records back.
func (v *veiled) release() {
	v.mapped.End()
	if v.parts != nil {
		v.parts.release()
		return
	}
	v.record.Release()
}

// key names the policies of forms.
func (a *records) key(forms []string) string {
	var hashes []string
	for _, f := range forms {
		hashes = append(hashes, a.policies.For(f).Hash())
	}
	slices.Sort(hashes)
	return strings.Join(slices.Compact(hashes), " ")
}

// of is mapping.Input.Of.
func (a *records) of(forms ...string) *pseudonym.Record { return a.by[a.key(forms)] }

func (a *records) release() {
	if a == nil {
		return
	}
	for _, record := range a.by {
		if record != nil {
			record.Release()
		}
	}
}

// uncover tells the casebook which items their policy's refusal takes away.
func (r *runner) uncover(book *ecrf.Casebook, d consent.Decision) error {
	for _, form := range r.refusedForms(d) {
		for _, item := range r.Study.Dictionary.Form(form).Items {
			if err := book.Uncovered(item.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusedForms are those whose policy the patient refused.
func (r *runner) refusedForms(d consent.Decision) []string { return r.formsOf(d, consent.Excluded) }

func (r *runner) formsOf(d consent.Decision, outcome consent.Outcome) []string {
	var forms []string
	if !r.Study.Policy.Combined() {
		return nil
	}
	for _, f := range r.Study.Dictionary.Forms {
		if d.For(f.Name).Outcome() == outcome {
			forms = append(forms, f.Name)
		}
	}
	return forms
}

// keepHeld takes out of a change what would touch stored values of forms whose policy holds: they stay as they are.
func (r *runner) keepHeld(change *ecrf.SubjectChange, d consent.Decision) {
	held := r.formsOf(d, consent.Held)
	if len(held) == 0 {
		return
	}
	change.Cells = slices.DeleteFunc(change.Cells, func(c ecrf.CellChange) bool {
		return c.Before != nil && c.Before.Value != "" && slices.Contains(held, c.Cell.Form)
	})
}

// withheld leaves out of a casebook what the consent does not cover now, and the forms whose policy does not permit the patient.
func (r *runner) withheld(book *ecrf.StoredCasebook) *ecrf.StoredCasebook {
	if book != nil && slices.ContainsFunc(book.Cells, func(c ecrf.StoredCell) bool { return c.KeptBack() }) {
		left := *book
		left.Cells = slices.DeleteFunc(slices.Clone(book.Cells), func(c ecrf.StoredCell) bool { return c.KeptBack() })
		book = &left
	}
	if !r.Study.Policy.Combined() || book == nil {
		return book
	}
	held := r.formsOf(r.decision(r.patientOf(book.Facts.Subject)), consent.Held)
	if len(held) == 0 {
		return book
	}
	left := *book
	left.Cells = slices.DeleteFunc(slices.Clone(book.Cells), func(c ecrf.StoredCell) bool { return slices.Contains(held, c.Form) && c.Value != "" })
	left.Instances = slices.DeleteFunc(slices.Clone(book.Instances), func(i ecrf.Numbered) bool { return slices.Contains(held, i.Form) })
	return &left
}

// patientOf returns the patient of a subject of this run.
func (r *runner) patientOf(subject string) fhir.Key {
	i, ok := slices.BinarySearchFunc(r.work, subject, func(w work, number string) int { return strings.Compare(w.subject.Number(), number) })
	if !ok {
		return fhir.Key{}
	}
	return r.work[i].patient
}
