package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// Limits of re-identification.
const (
	RequestLasts   = 24 * time.Hour // after that nobody can approve it any more
	ReidentifyMost = 5              // approvals in ReidentifyPer
	ReidentifyPer  = 24 * time.Hour
)

// What re-identification may answer.
var (
	ErrNotIssued   = errors.New("crflink did not issue this number: whoever enrolled the subject knows who it is")
	ErrNoRequest   = errors.New("there is no request of this number that can be approved: it was never made, was approved already, is too old, or its subject was erased")
	ErrSamePerson  = errors.New("the person who approves must be another than the one who requests")
	ErrTooMany     = fmt.Errorf("%d subjects were re-identified within %v: the limit is reached; wait", ReidentifyMost, ReidentifyPer)
	ErrNotInSource = errors.New("no patient of the source has this number: the patient is not there any more, or under another identifier")
	ErrNobody      = errors.New("a person and a reason are needed")
)

// Patient is who a subject is. It holds originals.
type Patient struct {
	Subject  string `json:"subject"`
	Resource string `json:"resource"` // Patient/id
	System   string `json:"system"`   // of the identifier
	Value    string `json:"value"`
}

// RequestIdentity records that a person wants to know who a subject is, and returns the number of the request. Only numbers
// that crflink issued can be asked for.
func RequestIdentity(ctx context.Context, parts Parts, number, by, reason string) (request int64, err error) {
	if by = plain(by); by == "" || strings.TrimSpace(reason) == "" {
		return 0, ErrNobody
	}
	s, issued, err := parts.Vault.Issued(ctx, number)
	if err == nil && !issued {
		err = ErrNotIssued
	}
	if errors.Is(err, ErrNotIssued) || errors.Is(err, pseudonym.ErrNotEnrolled) {
		return 0, errors.Join(ErrNotIssued, denied(ctx, parts.Audit, s, by, reason, "not issued"))
	}
	if err != nil {
		return 0, err
	}
	return parts.Audit.RecordOne(ctx, audit.Event{Kind: audit.Requested, Subject: s, Detail: audit.Request{By: by, Reason: reason}})
}

func denied(ctx context.Context, r *audit.Recorder, s pseudonym.Subject, by, reason, why string) error {
	return r.Record(ctx, audit.Event{Kind: audit.RequestDenied, Subject: s, Detail: audit.Request{By: by, Reason: reason, Denied: why}})
}

// plain is a name as it is compared: without case and more space than between words.
func plain(name string) string { return strings.Join(strings.Fields(name), " ") }

// ApproveIdentity answers a request that another person approves at the moment now: it finds the patients of the source who have
// the number. That it is approved is recorded before anything is read.
func ApproveIdentity(ctx context.Context, parts Parts, log audit.Log, request int64, by string, now time.Time) ([]Patient, error) {
	if by = plain(by); by == "" {
		return nil, ErrNobody
	}
	s, asked, err := openRequest(ctx, parts.Vault, log, request, now)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(asked.By, by) {
		return nil, errors.Join(ErrSamePerson, denied(ctx, parts.Audit, s, by, asked.Reason, "the same person"))
	}
	n, err := reidentifiedSince(ctx, log, now.Add(-ReidentifyPer))
	if err != nil {
		return nil, err
	}
	if n >= ReidentifyMost {
		return nil, errors.Join(ErrTooMany, denied(ctx, parts.Audit, s, by, asked.Reason, "too many"))
	}
	err = parts.Audit.Record(ctx, audit.Event{Kind: audit.Reidentified, Subject: s, Detail: audit.Approval{Request: request, Requested: asked.By, Approved: by, Reason: asked.Reason}})
	if err != nil {
		return nil, err
	}
	return patientsOf(ctx, parts, s)
}

// openRequest returns a request that can still be approved.
func openRequest(ctx context.Context, vault *pseudonym.Vault, log audit.Log, request int64, now time.Time) (s pseudonym.Subject, asked audit.Request, err error) {
	found := false
	for e, err := range audit.Read(ctx, log, vault, request) {
		switch {
		case err != nil:
			return s, asked, err
		case e.Entry.Number == request:
			if e.Entry.Kind != audit.Requested || e.Erased || !within(e.Entry.At, now.Add(-RequestLasts), now) {
				return s, asked, ErrNoRequest
			}
			found, s = true, e.Subject
			if err := json.Unmarshal(e.Detail, &asked); err != nil {
				return s, asked, fmt.Errorf("audit: entry %d: %w", request, err)
			}
		case e.Entry.Kind == audit.Reidentified && e.Subject.Number() == s.Number() && !s.IsZero():
			var a audit.Approval
			if err := json.Unmarshal(e.Detail, &a); err != nil || a.Request == request {
				return s, asked, ErrNoRequest
			}
		}
	}
	if !found {
		return s, asked, ErrNoRequest
	}
	return s, asked, nil
}

func within(at string, from, to time.Time) bool {
	t, err := time.Parse(time.RFC3339, at)
	return err == nil && !t.Before(from.Truncate(time.Second)) && !t.After(to)
}

// reidentifiedSince counts approvals. A time that cannot be read counts, too.
func reidentifiedSince(ctx context.Context, log audit.Log, since time.Time) (n int, err error) {
	for e, err := range log.Entries(ctx, 0) {
		if err != nil {
			return 0, err
		}
		if at, bad := time.Parse(time.RFC3339, e.At); e.Kind == audit.Reidentified && (bad != nil || at.After(since)) {
			n++
		}
	}
	return n, nil
}

// patientsOf walks the facts of the source for the patients whose identity leads to the subject.
func patientsOf(ctx context.Context, parts Parts, s pseudonym.Subject) ([]Patient, error) {
	var all []Patient
	for record, err := range parts.Source.Subjects(ctx, func(fhir.Rejected) {}) {
		if err != nil {
			return nil, err
		}
		p, ok, err := patientOf(ctx, parts, s, record)
		record.Release()
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, ErrNotInSource
	}
	return all, nil
}

func patientOf(ctx context.Context, parts Parts, s pseudonym.Subject, record *fhir.Record) (p Patient, ok bool, err error) {
	id, err := parts.Study.Identity.Identify(record.Patient())
	if err != nil {
		return p, false, nil // has never been a subject
	}
	other, err := parts.Vault.Subject(ctx, id)
	if errors.Is(err, pseudonym.ErrNotEnrolled) || err == nil && other.Number() != s.Number() {
		return p, false, nil
	}
	return Patient{Subject: s.Number(), Resource: record.Key().String(), System: id.System, Value: id.Value}, err == nil, err
}
