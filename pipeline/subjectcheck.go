package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// SubjectCheck says which of what people entered has to agree with the hospital's record of the same subject.
type SubjectCheck struct {
	BirthYear *CheckedCell // nil is not compared
	Sex       *CheckedCell
	Codes     map[string]string // the sex item's codes by administrative gender
}

// CheckedCell is a cell of the target that people fill.
type CheckedCell struct {
	Key  ecrf.CellKey
	item *ecrf.Item
}

// subjectCheck reads which entries are compared. It comes behind dictionary and mapping.
func (l *loader) subjectCheck() {
	v := l.checkAt
	if !v.Exists() || l.study.Dictionary == nil || l.study.Mapping == nil {
		return
	}
	f := v.Fields("birth-year", "sex")
	c := &SubjectCheck{BirthYear: l.checked(f["birth-year"], ecrf.Integer, ecrf.Date, ecrf.PartialDate)}
	if sex := f["sex"]; sex.Exists() {
		parts := sex.Fields("item", "codes")
		l.required(sex, parts, "item")
		c.Sex = l.checked(parts["item"], ecrf.Choice, ecrf.Text)
		c.Codes = l.sexCodes(parts["codes"], c.Sex)
	}
	if c.BirthYear == nil && c.Sex == nil {
		v.Errorf("birth-year: FORM.ITEM, or sex: {item: FORM.ITEM}", "nothing is checked here")
	}
	if l.study.Entered == nil {
		v.Errorf("name a file with what people entered: entered: {file: FILE.csv}", "the study names no target that could be read")
	}
	l.study.Check = c
}

// checked returns the cell that v names, which people fill and no rule, or nil.
func (l *loader) checked(v yamldoc.Value, types ...ecrf.Type) *CheckedCell {
	if !v.Exists() {
		return nil
	}
	key, item := l.study.Dictionary.EnteredCell(v)
	if item == nil {
		return nil
	}
	if !slices.Contains(types, item.Type) {
		v.Errorf(fmt.Sprintf("name an item of one of the types %v", types), "item %s is of type %s", v.Text(), item.Type)
	}
	if l.study.Mapping.Fills(key.Event, key.Form+"."+key.Item) {
		v.Errorf("name an item that people fill", "a rule fills item %s: it would be compared with itself", v.Text())
	}
	return &CheckedCell{key, item}
}

// sexCodes reads the codes of the item by administrative gender. Without a map the item has FHIR's codes.
func (l *loader) sexCodes(v yamldoc.Value, cell *CheckedCell) map[string]string {
	codes := map[string]string{}
	if !v.Exists() {
		for _, g := range pseudonym.Genders() {
			codes[g] = g
		}
	}
	for _, entry := range v.Entries() {
		codes[entry.Key()] = entry.Text()
		if !slices.Contains(pseudonym.Genders(), entry.Key()) {
			entry.Errorf("male, female, other or unknown", "%q is no administrative gender", entry.Key())
		}
		if cell != nil && cell.item.Check(entry.Text()) != nil {
			entry.Errorf("", "item %s cannot hold this", cell.item.Name)
		}
	}
	if codes["male"] == "" || codes["female"] == "" || codes["male"] == codes["female"] {
		v.Errorf("codes: {male: CODE, female: CODE}", "the codes do not tell male and female apart")
	}
	return codes
}

// cells returns the cells that are compared.
func (c *SubjectCheck) cells() (all []ecrf.CellKey) {
	for _, cell := range []*CheckedCell{c.BirthYear, c.Sex} {
		if cell != nil {
			all = append(all, cell.Key)
		}
	}
	return all
}

// differs returns the reason for which the entries of a subject hold it, or "" when they agree as far as they say anything.
func (c *SubjectCheck) differs(t pseudonym.Traits, entries ecrf.Entries) string {
	year := c.BirthYear != nil && !t.BornIn(c.BirthYear.year(entries))
	sex := c.Sex != nil && !t.OfSex(entries[c.Sex.Key], c.Codes)
	switch {
	case year && sex:
		return reasonBoth
	case year:
		return reasonBirthYear
	case sex:
		return reasonSex
	}
	return ""
}

// year returns the year that was entered, "" when nothing was. What is no value of the item is returned as it is: it agrees
// with no year.
func (c *CheckedCell) year(entries ecrf.Entries) string {
	text := entries[c.Key]
	canonical, err := c.item.Canonical(text)
	if text == "" || err != nil {
		return text
	}
	return canonical[:min(len(canonical), len("2006"))]
}

// holdOthers holds the subjects whose entries say that they are another person.
func (r *runner) holdOthers(ctx context.Context) error {
	if r.Study.Check == nil {
		return nil
	}
	entries, err := r.entriesOf(ctx, r.work, r.Study.Check.cells())
	if err != nil {
		return err
	}
	var failed error
	r.work = slices.DeleteFunc(r.work, func(w work) bool {
		n := w.subject.Number()
		reason := r.Study.Check.differs(w.traits, entries[n])
		if reason == "" {
			return false
		}
		r.known[n] = standing{outcomeHeld, reason}
		failed = errors.Join(failed, r.note(w.subject, &verdict{standing: r.known[n]}))
		r.out.Tally.fail(Failure{Subject: n, Stage: StageSubject, Reason: fmt.Sprintf(
			"subject %s is held: %s. Compare its record in the target with the hospital's, then correct the enrolment or the entry", n, differsText[reason])})
		return true
	})
	return failed
}

// differsText says what differs, without the values.
var differsText = map[string]string{
	reasonBirthYear: "the birth year that people entered differs from the hospital's, or cannot be read",
	reasonSex:       "the sex that people entered differs from the hospital's, or cannot be read",
	reasonBoth:      "birth year and sex that people entered differ from the hospital's, or cannot be read",
}
