package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/pseudonym"
)

// OriginalsAsked says who wants the table of originals, why, and where it goes.
type OriginalsAsked struct {
	AsOf       time.Time
	By, Reason string
	Folder     string
	Review     bool // the originals of the cases that a person decides, instead of those of the links
}

// Originals counts what was written.
type Originals struct {
	Subjects int       `json:"subjects"`
	Studies  int       `json:"studies"`
	Rows     int       `json:"rows"`
	Shared   int       `json:"shared"`  // originals of two subjects, which are in the table and in no lookup table
	Without  int       `json:"without"` // links that the PACS does not have
	Failed   []Failure `json:"failed,omitempty"`
}

// errPlace is a folder that others read.
var errPlace = errors.New("the table of originals never goes where a delivery or the study's state is: name a folder of its own")

// WriteOriginals writes the table that a PACS-side anonymiser needs of the permitted subjects' linked studies, with recipes.
// It reads source and PACS anew, since originals are kept nowhere, and writes into the audit who asked, for each subject before
// the PACS is asked for it.
func WriteOriginals(ctx context.Context, parts Parts, asked OriginalsAsked) (*Originals, error) {
	asked.By = plain(asked.By)
	switch {
	case asked.By == "" || strings.TrimSpace(asked.Reason) == "":
		return nil, ErrNobody
	case parts.Study.Imaging.PACS == nil || parts.PACS == nil:
		return nil, errors.New("the study names no PACS: the UIDs of series, instances and frames of reference stand there alone")
	}
	if err := parts.Study.apart(asked.Folder); err != nil {
		return nil, err
	}
	veil, err := parts.Study.Veil(parts.Study.Dates)
	if err != nil {
		return nil, err
	}
	o := &originals{
		runner: &runner{Parts: parts, Options: Options{AsOf: asked.AsOf, DryRun: true}, veil: veil, out: &Outcome{Tally: newTally()}}, asked: asked, done: &Originals{},
	}
	o.facts = FactsFrom(parts.Source, o.runner.out.Tally.reject)
	all, err := o.permitted(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.admitWork(ctx, []shard{{work: all}}); err != nil {
		return nil, err
	}
	for _, w := range all {
		if err := o.take(ctx, w); err != nil {
			return nil, err
		}
	}
	return o.done, o.write()
}

// apart refuses a folder in, or around, one that recipients or the program itself use.
func (s *Study) apart(folder string) error {
	places := []string{s.Imaging.Folder, s.State}
	for _, t := range s.Targets {
		places = append(places, t.Path)
	}
	own, err := filepath.Abs(folder)
	if err != nil || folder == "" {
		return errPlace
	}
	for _, place := range places {
		other, err := filepath.Abs(place)
		if place == "" || err != nil {
			continue
		}
		for _, pair := range [][2]string{{own, other}, {other, own}} {
			if below, err := filepath.Rel(pair[0], pair[1]); err == nil && below != ".." && !strings.HasPrefix(below, ".."+string(filepath.Separator)) {
				return errPlace
			}
		}
	}
	return nil
}

type originals struct {
	*runner
	asked OriginalsAsked
	done  *Originals
	all   []imaging.Restricted
}

// permitted finds the subjects that runs have computed and that are permitted now. Nobody is enrolled by it, and a number that
// two patients claim is nobody's.
func (o *originals) permitted(ctx context.Context) ([]work, error) {
	claims := map[string]int{}
	var all []work
	for record, err := range o.Source.Subjects(ctx, o.facts.Reject) {
		if err != nil {
			return nil, err
		}
		w, ok, err := o.one(ctx, record)
		record.Release()
		if err != nil {
			return nil, err
		}
		if !w.subject.IsZero() {
			claims[w.subject.Number()]++
		}
		if ok {
			all = append(all, w)
		}
	}
	var alone []work
	for _, w := range all {
		if claims[w.subject.Number()] == 1 {
			alone = append(alone, w)
		}
	}
	return alone, nil
}

func (o *originals) one(ctx context.Context, record *fhir.Record) (w work, ok bool, err error) {
	id, err := o.Study.Identity.Identify(record.Patient())
	if err != nil {
		return w, false, nil // has never been a subject
	}
	w.patient = record.Key()
	if w.subject, err = o.Vault.Subject(ctx, id); err != nil {
		if errors.Is(err, pseudonym.ErrNotEnrolled) {
			err = nil
		}
		return work{}, false, err
	}
	d, err := o.judge(ctx, record)
	if err != nil || d.Outcome() != consent.Granted {
		return w, false, err
	}
	var facts map[string]ecrf.Facts
	facts, err = o.Ledger.Facts(ctx, []string{w.subject.Number()})
	return w, err == nil && facts[w.subject.Number()].Outcome == outcomePermitted, err
}

// take asks for the originals of one subject. What concerns this subject only is counted.
func (o *originals) take(ctx context.Context, w work) error {
	record, err := o.Source.Fetch(ctx, w.patient, o.wantedOf(w.patient), o.facts.Reject)
	if err != nil {
		return err
	}
	defer record.Release()
	d, err := o.judge(ctx, record)
	if err != nil {
		return err
	}
	permitted, _ := consent.Admit(record, d, o.Study.Policy)
	if !permitted.Granted() {
		return nil
	}
	err = o.Audit.Record(ctx, audit.Event{Kind: audit.OriginalsGiven, Subject: w.subject, Detail: audit.Request{By: o.asked.By, Reason: o.asked.Reason}})
	if err != nil {
		return err
	}
	if w.studies, err = o.examinations(ctx, permitted); err != nil {
		return err
	}
	v, err := o.veilSubject(ctx, permitted, w, &subjectResult{})
	var gone pacsError
	if errors.As(err, &gone) {
		return err
	}
	if err != nil {
		o.done.Failed = append(o.done.Failed, Failure{Subject: w.subject.Number(), Stage: "de-identification", Reason: err.Error()})
		return nil
	}
	defer v.release()
	o.done.Subjects++
	if o.asked.Review {
		o.all = append(o.all, imaging.ReviewOriginals(w.studies, w.subject, v.found))
		return nil
	}
	return o.links(ctx, w, v)
}

func (o *originals) links(ctx context.Context, w work, v *veiled) error {
	for _, e := range v.found.Examinations {
		if e.IsZero() {
			o.done.Without++
			continue
		}
		r, err := imaging.Originals(ctx, o.PACS, e, w.subject, int(v.record.Day(0)))
		switch {
		case errors.Is(err, imaging.ErrNoInstance):
			o.done.Failed = append(o.done.Failed, Failure{Subject: w.subject.Number(), Stage: "imaging", Reason: err.Error()})
		case err != nil:
			return err
		default:
			o.done.Studies++
			o.all = append(o.all, r)
		}
	}
	return nil
}

func (o *originals) write() error {
	name := imaging.MapFile
	if o.asked.Review {
		name = imaging.ReviewMapFile
	}
	written, err := imaging.WriteRestricted(o.asked.Folder, name, o.all)
	if err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	o.done.Rows = written.Rows
	if o.asked.Review {
		return nil
	}
	o.done.Shared, err = imaging.WriteRecipes(o.asked.Folder, o.all)
	return err
}
