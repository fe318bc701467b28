package pipeline_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
)

const why = "an incidental finding"

// issuing is a study whose numbers crflink issued, after a run, with some of them.
func issuing(t *testing.T) (parts pipeline.Parts, numbers []string) {
	t.Helper()
	study := exampleStudy(t)
	study.Numbering = pseudonym.Issued{Format: pseudonym.NumberFormat{Digits: 6}}
	parts = openParts(t, study, newSite(t, 13, 30).folder)
	mustRun(t, parts)
	for f, err := range parts.Ledger.AllFacts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, f.Subject)
	}
	if len(numbers) < 8 {
		t.Fatalf("only %d subjects", len(numbers))
	}
	return parts, numbers
}

func request(t *testing.T, parts pipeline.Parts, number string) int64 {
	t.Helper()
	n, err := pipeline.RequestIdentity(t.Context(), parts, number, "Dr. A", why)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTwoPeopleTogetherLearnWhoASubjectIs(t *testing.T) {
	parts, numbers := issuing(t)
	n := request(t, parts, numbers[3])
	patients, err := pipeline.ApproveIdentity(t.Context(), parts, auditOf(t, parts), n, "Dr. B", time.Now())
	if err != nil || len(patients) != 1 || patients[0].Subject != numbers[3] || !strings.HasPrefix(patients[0].Resource, "Patient/") || patients[0].System != parts.Study.Identity.System {
		t.Fatalf("%+v, %v", patients, err)
	}
	s, err := parts.Vault.Subject(t.Context(), pseudonym.Identity{System: patients[0].System, Value: patients[0].Value})
	if err != nil || s.Number() != numbers[3] {
		t.Errorf("the patient's number is %v, %v", s, err)
	}
	var a audit.Approval
	entries := told(t, parts, audit.Reidentified)
	if err := json.Unmarshal(entries[0].Detail, &a); err != nil || len(entries) != 1 || entries[0].Subject.Number() != numbers[3] ||
		a != (audit.Approval{Request: n, Requested: "Dr. A", Approved: "Dr. B", Reason: why}) {
		t.Errorf("%d entries, %+v", len(entries), a)
	}
	sound(t, parts)
}

func TestARequestIsApprovedOnceSoonAndByAnother(t *testing.T) {
	parts, numbers := issuing(t)
	log, now := auditOf(t, parts), time.Now()
	n := request(t, parts, numbers[0])
	for name, c := range map[string]struct {
		request int64
		by      string
		now     time.Time
		want    error
	}{
		"the same person":                    {n, "Dr. A", now, pipeline.ErrSamePerson},
		"the same person, written otherwise": {n, " dr.  a ", now, pipeline.ErrSamePerson},
		"nobody":                             {n, " ", now, pipeline.ErrNobody},
		"too late":                           {n, "Dr. B", now.Add(pipeline.RequestLasts + time.Minute), pipeline.ErrNoRequest},
		"before it was made":                 {n, "Dr. B", now.Add(-time.Hour), pipeline.ErrNoRequest},
		"another entry":                      {1, "Dr. B", now, pipeline.ErrNoRequest},
		"an entry that is not there":         {n + 100, "Dr. B", now, pipeline.ErrNoRequest},
		"no entry":                           {0, "Dr. B", now, pipeline.ErrNoRequest},
	} {
		patients, err := pipeline.ApproveIdentity(t.Context(), parts, log, c.request, c.by, c.now)
		if !errors.Is(err, c.want) || patients != nil {
			t.Errorf("%s: %+v, %v", name, patients, err)
		}
	}
	if _, err := pipeline.ApproveIdentity(t.Context(), parts, log, n, "Dr. B", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.ApproveIdentity(t.Context(), parts, log, n, "Dr. C", now.Add(time.Minute)); !errors.Is(err, pipeline.ErrNoRequest) {
		t.Errorf("again: %v", err)
	}
	if len(told(t, parts, audit.RequestDenied)) != 2 {
		t.Errorf("%d refusals are recorded, of the same person 2", len(told(t, parts, audit.RequestDenied)))
	}
}

func TestAfterSomeSubjectsTheLimitIsReached(t *testing.T) {
	parts, numbers := issuing(t)
	log, now := auditOf(t, parts), time.Now().Add(time.Minute)
	for _, number := range numbers[:pipeline.ReidentifyMost] {
		if _, err := pipeline.ApproveIdentity(t.Context(), parts, log, request(t, parts, number), "Dr. B", now); err != nil {
			t.Fatal(err)
		}
	}
	n := request(t, parts, numbers[pipeline.ReidentifyMost])
	if p, err := pipeline.ApproveIdentity(t.Context(), parts, log, n, "Dr. B", now); !errors.Is(err, pipeline.ErrTooMany) || p != nil {
		t.Errorf("%+v, %v", p, err)
	}
	later := now.Add(pipeline.ReidentifyPer - time.Hour) // the request lasts, and the limit still holds
	if _, err := pipeline.ApproveIdentity(t.Context(), parts, log, n, "Dr. B", later); !errors.Is(err, pipeline.ErrTooMany) {
		t.Errorf("an hour before the day is over: %v", err)
	}
}

func TestNumbersThatEnrolmentGaveAndOfErasedSubjectsAreNotResolved(t *testing.T) {
	parts, numbers := issuing(t)
	given, err := parts.Vault.Enrol(t.Context(), pseudonym.Identity{System: "s", Value: "v"}, "GIVEN-1", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{given.Number(), "NOBODY-1", ""} {
		if _, err := pipeline.RequestIdentity(t.Context(), parts, number, "Dr. A", why); !errors.Is(err, pipeline.ErrNotIssued) {
			t.Errorf("%q: %v", number, err)
		}
	}
	if denied := told(t, parts, audit.RequestDenied); len(denied) != 3 || strings.Contains(string(denied[1].Detail), "NOBODY") {
		t.Errorf("%d refusals: %s", len(denied), denied[1].Detail)
	}
	for _, nothing := range []string{"", "  "} {
		if _, err := pipeline.RequestIdentity(t.Context(), parts, numbers[0], nothing, why); !errors.Is(err, pipeline.ErrNobody) {
			t.Errorf("a request of nobody: %v", err)
		}
		if _, err := pipeline.RequestIdentity(t.Context(), parts, numbers[0], "Dr. A", nothing); !errors.Is(err, pipeline.ErrNobody) {
			t.Errorf("a request for nothing: %v", err)
		}
	}
	n := request(t, parts, numbers[1])
	if err := parts.Vault.Destroy(t.Context(), numbers[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.ApproveIdentity(t.Context(), parts, auditOf(t, parts), n, "Dr. B", time.Now()); !errors.Is(err, pipeline.ErrNoRequest) {
		t.Errorf("an erased subject: %v", err)
	}
}
