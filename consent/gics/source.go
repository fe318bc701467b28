package gics

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/gather"
	"github.com/crflink/crflink/internal/wire"
)

// SignerSystem is what the systems of person identifiers begin with; the name of the signer id type follows.
const SignerSystem = "https://ths-greifswald.de/fhir/gics/identifiers/"

// Ask says which operation of gICS is asked.
type Ask string

// The ways to ask.
const (
	Domain Ask = "domain" // $allConsentsForDomain, all documents of the domain page by page: for cohorts
	Person Ask = "person" // $allConsentsForPerson, for each patient
	States Ask = "states" // $currentPolicyStatesForPerson, for each patient: what gICS itself makes of the documents
)

// Operations of gICS. All of them only read.
const (
	opDomain = "$allConsentsForDomain"
	opPerson = "$allConsentsForPerson"
	opStates = "$currentPolicyStatesForPerson"
)

// Options describe a gICS and how its persons are found among a source's patients.
type Options struct {
	Wire      wire.Options // the base ends in /ttp-fhir/fhir/gics; time-outs default to 5 minutes
	Domain    string
	Ask       Ask    // Domain when empty
	Person    string // system of person identifiers; that of the signer id type Pseudonym when empty
	Patient   string // system of the Patient.identifier that has a person identifier's value
	PatientID bool   // Patient.id has it instead
	Keep      bool   // keep the Consents of the source beside those of gICS
	Page      int    // documents in a page; 100 when 0
	Folder    string // for the spool; "" is the system's folder for temporary files
}

// Source adds the Consents of gICS to the records of another source.
type Source struct {
	inner   fhir.Source
	options Options
	wire    *wire.Operator

	loading sync.Mutex // one load at a time
	mu      sync.Mutex // of what follows
	spool   *gather.Spool
	loaded  bool
	held    map[string][]span   // Consents by person identifier
	claims  map[string]fhir.Key // the patient that has a person identifier
	shared  map[string]bool     // person identifiers that several patients have
	told    map[fhir.Key]bool   // patients that were reported
}

// span is where a Consent waits in the spool, and its place in gICS's answers.
type span struct {
	offset  int64
	length  int
	ordinal int64
}

var _ fhir.Source = (*Source)(nil)

// New puts gICS before a source, which it then owns. Nothing is sent before the first Subjects or Fetch.
func New(inner fhir.Source, o Options) (*Source, error) {
	s, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if s.spool, err = gather.NewSpool(o.Folder); err != nil {
		return nil, err
	}
	s.inner = inner
	return s, nil
}

// prepare checks the options.
func prepare(o Options) (*Source, error) {
	switch {
	case o.Domain == "":
		return nil, errors.New("gICS: no domain is configured")
	case (o.Patient == "") == !o.PatientID:
		return nil, errors.New("gICS: configure either the identifier system of patients that gICS knows, or Patient.id")
	}
	switch o.Ask {
	case "":
		o.Ask = Domain
	case Domain, Person, States:
	default:
		return nil, fmt.Errorf("gICS: ask must be %s, %s or %s", Domain, Person, States)
	}
	if o.Person == "" {
		o.Person = SignerSystem + "Pseudonym"
	}
	if o.Page <= 0 {
		o.Page = 100
	}
	if o.Wire.Timeout <= 0 {
		o.Wire.Timeout = 5 * time.Minute
	}
	if o.Wire.MaxBody <= 0 {
		o.Wire.MaxBody = maxAnswer
	}
	operator, err := wire.NewOperator(o.Wire, opDomain, opPerson, opStates)
	if err != nil {
		return nil, fmt.Errorf("gICS: %w", err)
	}
	return &Source{options: o, wire: operator, held: map[string][]span{}, claims: map[string]fhir.Key{}, shared: map[string]bool{}, told: map[fhir.Key]bool{}}, nil
}

// Name returns the name of the source behind.
func (s *Source) Name() string { return s.inner.Name() }

// Behind returns the source behind.
func (s *Source) Behind() fhir.Source { return s.inner }

// Close closes the source behind, too.
func (s *Source) Close() error {
	s.wire.Close()
	return errors.Join(s.spool.Close(), s.inner.Close())
}

// Subjects yields the records of the source behind with the Consents of gICS.
func (s *Source) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		if err := s.load(ctx, rej); err != nil {
			yield(nil, err)
			return
		}
		for record, err := range s.inner.Subjects(ctx, rej) {
			if err == nil {
				err = s.decorate(ctx, record, rej)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// Fetch returns the record of the source behind with the Consents of gICS.
func (s *Source) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	if err := s.load(ctx, rej); err != nil {
		return nil, err
	}
	record, err := s.inner.Fetch(ctx, patient, wanted, rej)
	if err != nil {
		return nil, err
	}
	if err := s.decorate(ctx, record, rej); err != nil {
		return nil, err
	}
	return record, nil
}

// Admit tells the source behind who is permitted, if it has to know.
func (s *Source) Admit(ctx context.Context, patients []fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) error {
	if inner, ok := s.inner.(fhir.Admitter); ok {
		return inner.Admit(ctx, patients, wanted, rej)
	}
	return nil
}

// Reread returns the patients' facts with what gICS says of them since the last Refresh. The Consents of the source behind are
// asked for again where they count beside those of gICS.
func (s *Source) Reread(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	if err := s.load(ctx, rej); err != nil {
		return nil, err
	}
	if !s.options.Keep {
		types = slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return typ == "Consent" })
	}
	records, err := s.behindAgain(ctx, patients, types, rej)
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		if record == nil { // a source among several does not answer
			continue
		}
		if err := s.decorate(ctx, record, rej); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// behindAgain rereads the source behind if it can be; files stay as they are.
func (s *Source) behindAgain(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	type rereader interface {
		Reread(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error)
	}
	if inner, ok := s.inner.(rereader); ok {
		return inner.Reread(ctx, patients, types, rej)
	}
	records := make([]*fhir.Record, 0, len(patients))
	for _, patient := range patients {
		record, err := s.inner.Fetch(ctx, patient, fhir.Wanted{}, rej)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// decorate puts the Consents of gICS into a record.
func (s *Source) decorate(ctx context.Context, record *fhir.Record, rej func(fhir.Rejected)) error {
	ids := s.persons(record)
	switch {
	case len(ids) == 0:
		s.reject(record.Key(), "the patient has no identifier by which gICS could be asked; nothing is known about consent", rej)
		record.SetType("Consent", nil)
		return nil
	case s.isShared(ids, record.Key()):
		s.reject(record.Key(), "several patients have the same identifier for gICS; link them with Patient.link or correct it", rej)
		record.SetType("Consent", nil)
		return nil
	}
	consents := newMerger(record, s.options.Keep, s.Name()+" gICS")
	for _, id := range ids {
		spans, err := s.spansOf(ctx, id)
		if err != nil {
			return err
		}
		for _, at := range spans {
			text, err := s.spool.Read(at.offset, at.length)
			if err != nil {
				return err
			}
			if err := consents.add(text, at.ordinal); err != nil {
				return err
			}
		}
	}
	record.SetType("Consent", consents.all)
	return nil
}

// persons returns the person identifiers of all of a record's Patients, also of merged ones and old ones: a refusal may
// stand under any of them.
func (s *Source) persons(record *fhir.Record) (ids []string) {
	seen := map[string]bool{"": true}
	add := func(value string) {
		if !seen[value] {
			seen[value] = true
			ids = append(ids, strings.Clone(value)) // not the whole Patient
		}
	}
	for patient := range record.OfType("Patient") {
		if s.options.PatientID {
			add(patient.ID)
			continue
		}
		for id := range patient.Get("identifier").Elements() {
			if id.Get("system").Text() == s.options.Patient {
				add(id.Get("value").Text())
			}
		}
	}
	return ids
}

// isShared notes whose the identifiers are, and reports whether another patient has one of them, too. It is found out at
// the second patient; the first is then refused when its data are fetched and decided about again.
func (s *Source) isShared(ids []string, patient fhir.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared := false
	for _, id := range ids {
		if first, ok := s.claims[id]; ok && first != patient {
			s.shared[id] = true
		} else {
			s.claims[id] = patient
		}
		shared = shared || s.shared[id]
	}
	return shared
}

// reject reports a patient once; the caller holds it then.
func (s *Source) reject(patient fhir.Key, reason string, rej func(fhir.Rejected)) {
	s.mu.Lock()
	told := s.told[patient]
	s.told[patient] = true
	s.mu.Unlock()
	if !told {
		rej(fhir.Rejected{Origin: fhir.Origin{Source: s.Name() + " gICS"}, Type: "Patient", Reason: reason, Patient: patient})
	}
}
