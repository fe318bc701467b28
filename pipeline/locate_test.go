package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

// someReference returns a keyed reference of a type that a cell of the ledger has, and its subject.
func someReference(t *testing.T, parts pipeline.Parts, typ string) (reference, subject string) {
	t.Helper()
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range book.Cells {
			if strings.HasPrefix(c.Provenance.Resource, typ+"/") {
				return c.Provenance.Resource, book.Facts.Subject
			}
		}
	}
	t.Fatalf("no cell comes from a %s", typ)
	return "", ""
}

func TestAKeyedReferenceLeadsBackToItsResource(t *testing.T) {
	study := exampleStudy(t)
	folder := newSite(t, 12, 30).folder
	parts := openParts(t, study, folder)
	mustRun(t, parts)
	options := pipeline.Options{AsOf: asOfTruth(study.Zone)}
	for _, typ := range []string{"Observation", "Patient"} {
		reference, subject := someReference(t, parts, typ)
		for _, narrowed := range []string{"", subject} {
			place, err := pipeline.Locate(t.Context(), openParts(t, study, folder), options, pipeline.Sought{Reference: reference, Subject: narrowed, Reason: "a value looks wrong"})
			if err != nil {
				t.Fatal(err)
			}
			_, id, _ := strings.Cut(place.Resource, "/")
			s, err := parts.Vault.SubjectOf(t.Context(), subject)
			if err != nil || place.Subject != subject || typ+"/"+s.ResourceID(fhir.Key{Type: typ, ID: id}) != reference {
				t.Errorf("%s leads to %+v, %v", reference, place, err)
			}
		}
	}
	located := told(t, parts, audit.Located)
	var r audit.Resolved
	if err := json.Unmarshal(located[0].Detail, &r); err != nil || len(located) != 4 || located[0].Subject.IsZero() || !r.Found || r.Reason != "a value looks wrong" {
		t.Errorf("%d entries, the first %s", len(located), located[0].Detail)
	}
	if kinds := sound(t, parts); kinds[audit.Inspected] != 4 {
		t.Errorf("%v", kinds)
	}
}

func TestAReferenceThatNobodyHasOrMayBeReadIsNotLocated(t *testing.T) {
	study := exampleStudy(t)
	folder := newSite(t, 12, 30).folder
	parts := openParts(t, study, folder)
	mustRun(t, parts)
	reference, subject := someReference(t, parts, "Observation")
	expired := pipeline.Options{AsOf: asOfTruth(study.Zone).AddDate(60, 0, 0)}
	for name, c := range map[string]struct {
		options pipeline.Options
		sought  pipeline.Sought
		want    error
	}{
		"nobody has it":           {pipeline.Options{AsOf: asOfTruth(study.Zone)}, pipeline.Sought{Reference: "Observation/" + strings.Repeat("a", 32)}, pipeline.ErrNotLocated},
		"another subject's":       {pipeline.Options{AsOf: asOfTruth(study.Zone)}, pipeline.Sought{Reference: reference, Subject: "PSMA-00000000"}, pipeline.ErrNotLocated},
		"the consent has expired": {expired, pipeline.Sought{Reference: reference, Subject: subject}, pipeline.ErrNotLocated},
		"an original id":          {expired, pipeline.Sought{Reference: "Observation/4711"}, pipeline.ErrNoReference},
		"something else":          {expired, pipeline.Sought{Reference: "Mustermann"}, pipeline.ErrNoReference},
		"more than one reference": {expired, pipeline.Sought{Reference: reference + "\n" + reference}, pipeline.ErrNoReference},
	} {
		source := openParts(t, study, folder)
		watched := &watchedSource{Source: source.Source}
		source.Source = watched
		place, err := pipeline.Locate(t.Context(), source, c.options, c.sought)
		if !errors.Is(err, c.want) || place != nil {
			t.Errorf("%s: %+v, %v", name, place, err)
		}
		if name == "the consent has expired" && watched.clinical > 0 {
			t.Errorf("%s, and %d times its data were fetched", name, watched.clinical)
		}
	}
	var r audit.Resolved
	located := told(t, parts, audit.Located)
	if err := json.Unmarshal(located[0].Detail, &r); err != nil || len(located) != 3 || r.Found || !located[0].Subject.IsZero() {
		t.Errorf("%d entries, the first %s", len(located), located[0].Detail)
	}
}

// watchedSource counts fetches beyond facts.
type watchedSource struct {
	fhir.Source
	clinical int
}

func (w *watchedSource) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rejected func(fhir.Rejected)) (*fhir.Record, error) {
	if wanted.Has("Observation") {
		w.clinical++
	}
	return w.Source.Fetch(ctx, patient, wanted, rejected)
}

func TestNothingIsLocatedUnlessItIsRecorded(t *testing.T) {
	study := exampleStudy(t)
	parts := openParts(t, study, newSite(t, 12, 3).folder)
	parts.Audit = nil
	_, err := pipeline.Locate(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone)}, pipeline.Sought{Reference: "Observation/" + strings.Repeat("a", 32)})
	if !errors.Is(err, audit.ErrNoActor) {
		t.Errorf("%v", err)
	}
}
