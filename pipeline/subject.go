package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// subjectResult is what the way of one subject's data came to. change is nil when the input had not changed.
type subjectResult struct {
	read    map[string]int
	drops   consent.Drops
	veil    pseudonym.Report
	imaging imaging.Counts
	change  *ecrf.SubjectChange
	held    []ecrf.CellChange   // that nobody has approved
	emptied bool                // the change takes the last supported value
	drafts  []audit.Draft       // for the audit
	failed  bool                // it counts for nothing
	seen    *note               // for the next run
	asked   *ecrf.SubjectChange // that the PACS was asked and had nothing new; no cell
}

// fail drops what was counted; what the audit says stays.
func (s *subjectResult) fail() *subjectResult { return &subjectResult{drafts: s.drafts, failed: true} }

// say adds what the audit says, if anything.
func (s *subjectResult) say(d audit.Draft, ok bool, err error) error {
	if ok {
		s.drafts = append(s.drafts, d)
	}
	return err
}

// veiled is a subject's de-identified record with what linkage found, ready to be mapped.
type veiled struct {
	record  *pseudonym.Record
	mapped  *mapping.Evaluation
	days    map[string]fhir.Day // of the mapping's events
	parts   *records            // under several policies; record is one of them then
	uids    map[fhir.Key]string
	links   string
	found   imaging.Found // with originals; it is stored nowhere
	entered ecrf.Entries
}

// computeSubject takes one subject the whole way. A failure that concerns this subject only is counted and gives no
// result; an error ends the run.
//
// last is what earlier runs decided about the subject; the zero value when they did not know it.
func (s *shift) computeSubject(ctx context.Context, w work, last ecrf.Facts) (*subjectResult, error) {
	if s.isStill(w, last) {
		return s.asItWas(w, last)
	}
	record, rejected, err := s.fetch(ctx, s.found, w.patient)
	if errors.Is(err, fhir.ErrUnknownPatient) { // a worker elsewhere has found the source's patients anew
		s.done.harvest.Recalled = append(s.done.harvest.Recalled, recalled{Subject: w.subject.Number(), Outcome: outcomeHeld, Reason: reasonNotFound})
		s.done.harvest.fail(Failure{Subject: w.subject.Number(), Stage: "source", Reason: "the source has the patient no more"})
		return (&subjectResult{}).fail(), nil
	}
	if err != nil {
		return nil, err
	}
	defer record.Release()
	result := &subjectResult{read: map[string]int{}}
	for res := range record.Resources() {
		result.read[res.Type]++
	}
	// Consent is decided again on what was fetched: it may have been withdrawn since the cohort was read.
	d, facts, err := s.assessBy(ctx, s.found, record)
	if err != nil {
		return nil, err
	}
	now := standing{outcomePermitted, string(d.Reason())}
	if d.Outcome() != consent.Granted {
		now.outcome = d.Outcome().String()
	}
	if err := result.say(s.decidedAgain(w, newVerdict(d, facts, now))); err != nil {
		return nil, err
	}
	permitted, drops := consent.Admit(record, d, s.Study.Policy)
	result.drops = drops
	if !permitted.Granted() {
		s.done.harvest.Recalled = append(s.done.harvest.Recalled, recalled{w.subject.Number(), now.outcome, now.reason, refusalOf(d, s.AsOf)})
		s.done.harvest.fail(Failure{Subject: w.subject.Number(), Stage: "consent", Reason: "no longer permitted: " + string(d.Reason())})
		return result.fail(), nil
	}
	if rejected == 0 {
		result.seen = s.saw(w, record)
	}
	if s.Study.Imaging.PACS != nil {
		if w.basis = s.basis(record, permitted, w); !s.asks(w.subject, last, w.basis) {
			return result, result.unchanged(last)
		}
	}
	if w.heard, err = s.heardBefore(last); err != nil {
		return nil, err
	}
	if w.studies, err = s.examinations(ctx, permitted); err != nil {
		return nil, err
	}
	digest := s.digest(record, permitted, w)
	known := last.Subject != ""
	if known && !s.Full && !s.parted(w.subject.Number()) && last.Digest == digest && last.Outcome == outcomePermitted {
		return s.askedAgain(result, w, last)
	}
	return s.fill(ctx, w, &admitted{record, permitted, d, digest, known}, result)
}

// admitted is a subject's record that its consent has let through.
type admitted struct {
	record    *fhir.Record
	permitted consent.Permitted
	decision  consent.Decision
	digest    string
	known     bool // to the ledger
}

// fill takes an admitted record through veil and mapping, and compares the casebook with the stored one.
func (s *shift) fill(ctx context.Context, w work, a *admitted, result *subjectResult) (*subjectResult, error) {
	v, err := s.veilSubject(ctx, a.permitted, w, result)
	var noAnswer pacsError
	if errors.As(err, &noAnswer) {
		return nil, err
	}
	if err != nil {
		s.done.harvest.fail(Failure{Subject: w.subject.Number(), Stage: "de-identification", Reason: err.Error()})
		return result.fail(), nil
	}
	defer v.release()
	var stored *ecrf.StoredCasebook
	if a.known {
		if stored, err = s.Ledger.Subject(ctx, w.subject.Number()); err != nil {
			return nil, err
		}
	}
	book, err := v.mapped.Casebook()
	if err == nil {
		err = s.uncover(book, a.decision)
	}
	if err != nil {
		s.done.harvest.fail(Failure{Subject: w.subject.Number(), Stage: "mapping", Reason: err.Error()})
		return result.fail(), nil
	}
	if stored != nil {
		book.Bar(barred(a.record, a.permitted, w.subject), a.decision.Withdrawal() == consent.PartialWithdrawal)
	}
	result.change = ecrf.Reconcile(stored, book, outcomePermitted, string(a.decision.Reason()), a.digest)
	result.change.Facts.Links = v.links
	result.held = s.hold(result.change)
	s.keepHeld(result.change, a.decision)
	if result.emptied = emptied(stored, result.change); result.emptied {
		return result, nil // recorded when it is stored
	}
	return result, result.say(s.computed(w.subject, result.change))
}

// barred are the resources of a record that the consent does not let through, as the ledger names them.
func barred(record *fhir.Record, p consent.Permitted, s pseudonym.Subject) map[string]bool {
	names := map[string]bool{}
	for res := range record.Resources() {
		if res.ID != "" && p.Find(res.Key()) == nil {
			names[res.Type+"/"+s.ResourceID(res.Key())] = true
		}
	}
	return names
}

// asItWas is the result for a subject of whom nothing was read, because nothing has changed.
func (r *runner) asItWas(w work, last ecrf.Facts) (*subjectResult, error) {
	result := &subjectResult{seen: w.still}
	if w.still.Imaging != nil {
		return result, json.Unmarshal(w.still.Imaging, &result.imaging)
	}
	err := result.unchanged(last)
	result.veil = pseudonym.Report{}
	return result, err
}

// remember puts into the note what the next run counts when it leaves the subject as it is.
func (s *subjectResult) remember() (err error) {
	if s.seen.Imaging == nil {
		s.seen.Imaging, err = json.Marshal(s.imaging)
	}
	return err
}

// unchanged takes the counts of the run that computed the subject from the same input.
func (s *subjectResult) unchanged(facts ecrf.Facts) error {
	kept, err := readTallied(facts.Links)
	s.veil, s.imaging = pseudonym.Report{Resources: kept.Resources, Kept: kept.Kept}, kept.Counts
	return err
}

// recalled is a subject that is not permitted any more since the run decided.
type recalled struct {
	Subject, Outcome, Reason string
	Refusal                  *refusal // nil where nobody refused
}

// recall takes back that a subject is permitted, so that what the ledger holds of it is not delivered either.
func (r *runner) recall(x recalled) {
	r.known[x.Subject] = standing{x.Outcome, x.Reason}
	r.lost.recalled[x.Subject] = true
	if x.Refusal != nil {
		r.lost.refused[x.Subject] = *x.Refusal
	}
}

func (r *runner) mappingInput(v *veiled) mapping.Input {
	in := mapping.Input{
		Record: v.record, AsOf: r.AsOf, Zone: r.Study.Zone, Source: r.Source.Name(), Entered: v.entered,
		StudyUID: func(k fhir.Key) (string, bool) { uid, ok := v.uids[k]; return uid, ok },
	}
	if v.parts != nil {
		in.Of = v.parts.of
	}
	return in
}

// veilSubject de-identifies the permitted resources and locates the imaging studies among them.
func (r *runner) veilSubject(ctx context.Context, p consent.Permitted, w work, result *subjectResult) (*veiled, error) {
	record, parts, report, err := r.apply(p, w.subject)
	if err != nil {
		return nil, err
	}
	result.veil = report
	v := &veiled{record: record, parts: parts, uids: map[fhir.Key]string{}, entered: w.entered}
	v.mapped = r.Study.Mapping.Evaluate(r.mappingInput(v))
	if v.days, err = v.mapped.Events(); err != nil {
		return nil, err
	}
	located, err := imaging.Locate(p, w.subject, r.imagingRules(w), r.imagingDates(record, v.days))
	if err != nil {
		return nil, err
	}
	if err := r.quantify(ctx, p, w.subject, &located); err != nil {
		return nil, err
	}
	v.found, result.imaging = located, located.Counts
	for _, link := range located.Links {
		for _, id := range link.Resources {
			key := fhir.Key{Type: "ImagingStudy", ID: id}
			if other, several := v.uids[key]; link.StudyUID != "" && (!several || link.StudyUID < other) {
				v.uids[key] = link.StudyUID // of several that a person chose the same one each time
			}
		}
	}
	text, err := json.Marshal(sessions{
		tallied{located.Counts, report.Resources, report.Kept},
		located.Links, located.Unlinked, located.Unclaimed, r.indexDay(v.days), r.sits(w.patient), r.heard(w), r.inquired(w),
	})
	if err != nil {
		return nil, errors.New("imaging links cannot be written")
	}
	v.links = string(text)
	return v, nil
}

// sessions is what the ledger keeps of a subject's imaging linkage, with the counts for the reports of runs that leave the
// subject as it is.
type sessions struct {
	tallied
	Links     []imaging.Link      `json:"links"`
	Unlinked  []imaging.Unlinked  `json:"unlinked"`
	Unclaimed []imaging.Unclaimed `json:"unclaimed,omitempty"`
	Index     string              `json:"index,omitempty"`   // day of the study's index event, as the ledger's dates are; in mode relative
	Sources   []string            `json:"sources,omitempty"` // of a study with several: those that have the patient
	Heard     []string            `json:"heard,omitempty"`   // those that said whether they have the patient, now or when the subject was computed before
	Inquired  *inquired           `json:"inquired,omitempty"`
}

// tallied is what the reports of runs count of a subject. It stands before the rest, which a run that leaves the subject as it is need not read.
type tallied struct {
	Counts    imaging.Counts `json:"counts"`
	Resources int            `json:"resources"` // that de-identification read
	Kept      int            `json:"kept"`      // of these
}

// readTallied reads the beginning of what readSessions reads.
func readTallied(text string) (tallied, error) {
	var c tallied
	d := json.NewDecoder(strings.NewReader(text))
	_, err := d.Token()
	for _, part := range []struct {
		name string
		into any
	}{{"counts", &c.Counts}, {"resources", &c.Resources}, {"kept", &c.Kept}} {
		var name json.Token
		if err == nil {
			name, err = d.Token()
		}
		if err != nil || name != part.name { // an earlier version wrote them last, and of nothing there is no text
			s, err := readSessions(text)
			return s.tallied, err
		}
		err = d.Decode(part.into)
	}
	if err != nil {
		return c, fmt.Errorf("the ledger's imaging links: %w", err)
	}
	return c, nil
}

func readSessions(text string) (s sessions, err error) {
	if text == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("the ledger's imaging links: %w", err)
	}
	return s, nil
}

func (r *runner) imagingRules(w work) *imaging.Rules {
	return r.Study.Imaging.rules().Of(w.studies)
}

func (r *runner) imagingDates(record *pseudonym.Record, days map[string]fhir.Day) imaging.Dates {
	d := imaging.Dates{Mode: r.Study.Dates.Mode, Zone: r.Study.Zone, Move: record.Day}
	d.Index, d.HasIndex = days[r.Study.Imaging.Event]
	return d
}
