package pipeline_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/journal"
	vaultstore "github.com/crflink/crflink/store/vault"
	"github.com/crflink/crflink/synth"
	"github.com/crflink/crflink/withdrawal"
)

// site is a synthetic hospital with the truth about it.
type site struct {
	folder string
	truth  []synth.Truth
}

const patientsOfSite = 200

func newSite(t *testing.T, seed uint64, patients int) site {
	t.Helper()
	s := site{folder: filepath.Join(t.TempDir(), "hospital")}
	config := synth.Config{Seed: seed, Patients: patients}
	if _, err := synth.Write(t.Context(), config, s.folder); err != nil {
		t.Fatal(err)
	}
	g, err := synth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	err = g.Each(func(string, []byte) error { return nil }, func(truth *synth.Truth) error {
		copied := *truth
		copied.Cells = append([]synth.Cell(nil), truth.Cells...)
		copied.Imaging = append([]synth.Image(nil), truth.Imaging...)
		s.truth = append(s.truth, copied)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asOfTruth is the moment that the generator's truth is about.
func asOfTruth(zone *time.Location) time.Time {
	y, m, d := synth.DefaultAsOf.Date()
	return time.Date(y, time.Month(m), d, 12, 0, 0, 0, zone)
}

type quiet struct{}

func (quiet) Stage(string, int) {}
func (quiet) Add(int)           {}

// exampleStudy is the example study with its state in a temporary folder.
func exampleStudy(t *testing.T) *pipeline.Study {
	t.Helper()
	study, findings, err := pipeline.LoadStudy("../configs/psma-registry/study.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("the example study has a finding: %s", f)
	}
	study.State = t.TempDir()
	return study
}

// opened is everything that a run of a study needs.
func openParts(t *testing.T, study *pipeline.Study, inputs ...string) pipeline.Parts {
	t.Helper()
	ctx := context.Background()
	source, err := ndjson.Open(inputs, ndjson.Options{Name: "hospital"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := pseudonym.NewKey([]byte("a key for tests only, never for patients 0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := vaultstore.Open(ctx, filepath.Join(study.State, "vault.db"))
	if err != nil {
		t.Fatal(err)
	}
	vault, err := pseudonym.OpenVault(ctx, rows, key, study.ID)
	if err != nil {
		if vault, err = pseudonym.CreateVault(ctx, rows, key, study.ID); err != nil {
			t.Fatal(err)
		}
	}
	ledger, err := store.OpenLedger(ctx, filepath.Join(study.State, "ledger.db"), study.Dictionary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{ledger, rows, source} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	recorder, err := audit.NewRecorder(ctx, ledger.Audit(), vault, audit.Actor{Account: "test"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Parts{Study: study, Source: source, Vault: vault, Ledger: ledger, Audit: recorder, Journal: openJournal(t, study, vault), Progress: quiet{}, Clock: time.Now, Workshop: elsewhere{}}
}

func openJournal(t *testing.T, study *pipeline.Study, vault *pseudonym.Vault) *withdrawal.Journal {
	t.Helper()
	log, err := journal.Open(filepath.Join(study.State, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	j, err := withdrawal.Open(log, pipeline.JournalSigner(vault))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustRun(t *testing.T, parts pipeline.Parts) *pipeline.Outcome {
	t.Helper()
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range outcome.Tally.Failed {
		t.Errorf("failed: %+v", f)
	}
	return outcome
}

// seeds is how many hospitals the truth is compared for; the pass with the race detector looks at one.
func seeds() uint64 {
	if testing.Short() {
		return 1
	}
	return 5
}

func TestEveryCellEqualsTheTruth(t *testing.T) {
	for seed := uint64(1); seed <= seeds(); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			s := newSite(t, seed, patientsOfSite)
			parts := openParts(t, exampleStudy(t), s.folder)
			mustRun(t, parts)
			compare(t, parts, s, unchanged)
		})
	}
}

// unchanged expects values as they are in the truth.
func unchanged(_, value string, _ *ecrf.Item) string { return value }

// compare holds the ledger against the truth. expected gives the value that a true one must have in the ledger.
func compare(t *testing.T, parts pipeline.Parts, s site, expected func(subject, value string, item *ecrf.Item) string) {
	t.Helper()
	left := map[string]*synth.Truth{}
	for i := range s.truth {
		if truth := &s.truth[i]; truth.Decision.Outcome == "permitted" {
			left[truth.Subject] = truth
		}
	}
	different := 0
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		truth := left[book.Facts.Subject]
		if truth == nil {
			t.Errorf("subject %s has a casebook and no truth", book.Facts.Subject)
			continue
		}
		delete(left, book.Facts.Subject)
		different += compareBook(t, parts, book, truth, expected)
	}
	for subject := range left {
		t.Errorf("subject %s has no casebook", subject)
	}
	if different > 0 {
		t.Errorf("%d cells differ from the truth", different)
	}
}

func compareBook(t *testing.T, parts pipeline.Parts, book *ecrf.StoredCasebook, truth *synth.Truth, expected func(subject, value string, item *ecrf.Item) string) int {
	t.Helper()
	want := map[string]string{}
	for _, c := range truth.Cells {
		item := parts.Study.Dictionary.Item(c.Item)
		value := expected(truth.Subject, c.Value, item)
		if c.Item == "study_uid" && c.Value != "" {
			value = pseudonymOf(t, parts, truth.Subject).UID(c.Value)
		}
		repeat := c.Repeat
		if !parts.Study.Dictionary.Form(c.Form).Repeating {
			repeat = 0
		}
		want[fmt.Sprintf("%s.%s[%d].%s", c.Event, c.Form, repeat, c.Item)] = value + "|" + c.Missing
	}
	different := 0
	for _, c := range book.Cells {
		key := fmt.Sprintf("%s.%s[%d].%s", c.Event, c.Form, c.Repeat, c.Item)
		if got := c.Value + "|" + string(c.Missing); got != want[key] {
			different++
			if different <= 5 {
				t.Errorf("%s %s: got %q, true is %q", truth.Subject, key, got, want[key])
			}
		}
		delete(want, key)
	}
	for key, value := range want {
		different++
		if different <= 8 {
			t.Errorf("%s %s: not there, true is %q", truth.Subject, key, value)
		}
	}
	return different
}

func pseudonymOf(t *testing.T, parts pipeline.Parts, subject string) pseudonym.Subject {
	t.Helper()
	s, err := parts.Vault.SubjectOf(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
