package pipeline

import (
	"context"
	"errors"
	"sync"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// Facts gathers what decisions about consent are made from: a patient's own facts, those of the records that
// Patient.link names, and how many the source had to reject. It is safe for concurrent use.
type Facts struct {
	source   fhir.Source
	rejected func(fhir.Rejected)
	*learned
}

// learned is what was found out about the source while facts were gathered.
type learned struct {
	mu        sync.Mutex
	unread    map[fhir.Key]int
	survivors map[fhir.Key]fhir.Key // patients that were merged, by their old key; nil until it is asked for
}

// FactsFrom gathers from a source. What the source rejects goes on to rejected.
func FactsFrom(source fhir.Source, rejected func(fhir.Rejected)) *Facts {
	return &Facts{source: source, rejected: rejected, learned: &learned{unread: map[fhir.Key]int{}}}
}

// telling gathers on; what the source rejects from now on goes to rejected.
func (f *Facts) telling(rejected func(fhir.Rejected)) *Facts {
	return &Facts{f.source, rejected, f.learned}
}

// Again gathers from what a source gives when it is asked again. What was rejected before counts on.
func (f *Facts) Again(source Rereader) *Facts {
	f.mu.Lock()
	defer f.mu.Unlock()
	again := FactsFrom(rereading{f.source, source}, f.rejected)
	again.unread = f.unread
	return again
}

// rereading is a source whose facts are asked for again whenever they are fetched.
type rereading struct {
	fhir.Source
	again Rereader
}

// Fetch returns the patient's facts as they are now.
func (s rereading) Fetch(ctx context.Context, patient fhir.Key, _ fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	records, err := s.again.Reread(ctx, []fhir.Key{patient}, askedAgain(), rej)
	if err != nil {
		return nil, err
	}
	if records[0] == nil {
		return nil, &fhir.UnreachedError{Err: errStopped}
	}
	return records[0], nil
}

// Reject is for the source to call. A Consent or Patient that cannot be read may be a refusal or lead to one, and so may
// a text that does not even tell its type: the patient whose it seems to be is remembered.
func (f *Facts) Reject(x fhir.Rejected) {
	if x.Type == "Consent" || x.Type == "Patient" || x.Type == "" {
		f.mu.Lock()
		for _, k := range append([]fhir.Key{x.Patient}, x.Others...) {
			if k != (fhir.Key{}) {
				f.unread[k]++
			}
		}
		f.mu.Unlock()
	}
	if model.Lookup(x.Type) == nil {
		x.Type = "" // no type of FHIR: it may be anything, also a name
	}
	f.rejected(x)
}

// Unread returns how many facts of a patient were rejected.
func (f *Facts) Unread(patient fhir.Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unread[patient]
}

// Of returns the facts to decide about a record by.
func (f *Facts) Of(ctx context.Context, record *fhir.Record) (consent.Facts, error) {
	return consent.FactsWithLinks(record, func(k fhir.Key) (*fhir.Record, error) { return f.Linked(ctx, k) }, f.Unread)
}

// Linked returns the facts of a record that Patient.link names, also of one that was merged into another, or nil when the
// source has none.
func (f *Facts) Linked(ctx context.Context, patient fhir.Key) (*fhir.Record, error) {
	record, err := f.source.Fetch(ctx, patient, fhir.Wanted{}, f.Reject)
	if !errors.Is(err, fhir.ErrUnknownPatient) {
		return record, err
	}
	survivors, err := f.merged(ctx)
	if err != nil {
		return nil, err
	}
	survivor, ok := survivors[patient]
	if !ok {
		return nil, nil
	}
	return f.source.Fetch(ctx, survivor, fhir.Wanted{}, f.Reject)
}

// merged looks through all facts once for patients that were merged: only links to them need it, and these are rare.
func (f *Facts) merged(ctx context.Context) (map[fhir.Key]fhir.Key, error) {
	f.mu.Lock()
	known := f.survivors
	f.mu.Unlock()
	if known != nil {
		return known, nil
	}
	known = map[fhir.Key]fhir.Key{}
	for record, err := range f.source.Subjects(ctx, f.Reject) {
		if err != nil {
			return nil, err
		}
		for res := range record.OfType("Patient") {
			if res.Key() != record.Key() {
				known[res.Key()] = record.Key()
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.survivors = known
	return known, nil
}
