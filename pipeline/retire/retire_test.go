package retire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pipeline/retire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/journal"
	vaultstore "github.com/crflink/crflink/store/vault"
	"github.com/crflink/crflink/synth"
	"github.com/crflink/crflink/withdrawal"
)

type quiet struct{}

func (quiet) Stage(string, int) {}
func (quiet) Add(int)           {}

// ran is a study that ran, opened for its end.
type ran struct {
	retire.Parts
	log   audit.Log
	close func()
}

func clock() time.Time { return time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC) }

func open(t *testing.T, study *pipeline.Study) ran {
	t.Helper()
	key, err := pseudonym.NewKey([]byte("a key for tests only, never for patients 0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := vaultstore.Open(t.Context(), filepath.Join(study.State, "vault.db"))
	if err != nil {
		t.Fatal(err)
	}
	vault, err := pseudonym.OpenVault(t.Context(), rows, key, study.ID)
	if errors.Is(err, pseudonym.ErrEmptyVault) {
		vault, err = pseudonym.CreateVault(t.Context(), rows, key, study.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := store.OpenLedger(t.Context(), filepath.Join(study.State, "ledger.db"), study.Dictionary)
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := audit.NewRecorder(t.Context(), ledger.Audit(), vault, audit.Actor{Account: "tester"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	return ran{retire.Parts{Study: study, Ledger: ledger, Vault: vault, Audit: recorder, Clock: clock}, ledger.Audit(), func() {
		if err := errors.Join(ledger.Close(), rows.Close()); err != nil {
			t.Error(err)
		}
	}}
}

// study runs the example study over a small hospital and returns it with the numbers of its subjects.
func study(t *testing.T) (*pipeline.Study, []string) {
	t.Helper()
	s, _, err := pipeline.LoadStudy("../../configs/psma-registry/study.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.State = t.TempDir()
	folder := filepath.Join(t.TempDir(), "hospital")
	if _, err := synth.Write(t.Context(), synth.Config{Seed: 4, Patients: 25}, folder); err != nil {
		t.Fatal(err)
	}
	source, err := ndjson.Open([]string{folder}, ndjson.Options{Name: "hospital"})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	r := open(t, s)
	defer r.close()
	log, err := journal.Open(filepath.Join(s.State, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	withdrawals, err := withdrawal.Open(log, pipeline.JournalSigner(r.Vault))
	if err != nil {
		t.Fatal(err)
	}
	parts := pipeline.Parts{Study: s, Source: source, Vault: r.Vault, Ledger: r.Ledger, Audit: r.Audit, Journal: withdrawals, Progress: quiet{}, Clock: clock}
	s.Imaging.Folder = filepath.Join(t.TempDir(), "imaging")
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: time.Date(2026, 9, 1, 12, 0, 0, 0, s.Zone), Workers: 1}); err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for f, err := range r.Ledger.AllFacts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, f.Subject)
	}
	if len(numbers) < 10 {
		t.Fatalf("only %d subjects", len(numbers))
	}
	return s, numbers
}

var order = retire.Order{By: "A. Officer", Reason: "the study ended"}

// holding returns a file of the state folder that holds one of the texts.
func holding(t *testing.T, folder string, texts []string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				return name
			}
		}
	}
	return ""
}

func TestARetiredStudyHoldsNothingOfItsSubjects(t *testing.T) {
	s, numbers := study(t)
	for name, content := range map[string]string{"crflink-spool-1": numbers[0], "imaging-map.csv": numbers[0], "notes.txt": "of somebody else"} {
		if err := os.WriteFile(filepath.Join(s.State, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if holding(t, s.State, numbers) == "" {
		t.Fatal("no file holds a number before: the search finds nothing")
	}
	r := open(t, s)
	survey, err := retire.Survey(t.Context(), r.Parts, order)
	if err != nil || survey.Erased.Subjects != len(numbers) || survey.Finished != nil || retire.Check(s.State) != nil {
		t.Fatalf("a survey: %+v, %v", survey, err)
	}
	c, err := retire.Retire(t.Context(), r.Parts, order)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(t.Context(), r.log, r.Vault)
	if err != nil || !report.Sound() {
		t.Errorf("the audit after the end: %+v, %v", report, err)
	}
	r.close()
	if c.Erased.Subjects != len(numbers) || c.Erased.VaultRows < len(numbers) || c.Erased.Cells < 100 || len(c.Erased.Files) != 3 {
		t.Errorf("erased %+v", c.Erased)
	}
	if name := holding(t, s.State, numbers); name != "" {
		t.Errorf("%s still holds a number", name)
	}
	if _, err := os.Stat(filepath.Join(s.State, "notes.txt")); err != nil {
		t.Error("a file that is not of crflink is gone")
	}
	if err := retire.Check(s.State); !errors.Is(err, retire.ErrRetired) {
		t.Errorf("the study can be used: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(s.State, retire.CertificateText))
	if err != nil || string(text) != c.String() || c.AuditHead == "" {
		t.Errorf("the certificate is %q, %v", text, err)
	}
	for _, want := range []string{"use-and-access UAC-2026-012", "A. Officer", "the study ended", "PSMA-PET registry office office@psma-registry.example", "by 2036-06-30", "ledger.db", "notes.txt"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the certificate does not say %q", want)
		}
	}
	var again retire.Certificate
	written, err := os.ReadFile(filepath.Join(s.State, retire.CertificateJSON))
	if err != nil || json.Unmarshal(written, &again) != nil || again.String() != c.String() {
		t.Errorf("the certificate cannot be read again: %v", err)
	}
}

// failing is a ledger that fails after some subjects.
type failing struct {
	ecrf.Ledger
	left int
}

func (f *failing) Forget(ctx context.Context, subjects ...string) (int, error) {
	_, err := f.Ledger.Forget(ctx, subjects[:f.left]...)
	return 0, errors.Join(err, errors.New("the disk is gone"))
}

func TestAnInterruptedRetirementIsFinishedByDoingItAgain(t *testing.T) {
	s, numbers := study(t)
	var began time.Time
	for _, left := range []int{0, 3} {
		r := open(t, s)
		parts := r.Parts
		parts.Ledger = &failing{r.Ledger, left}
		if _, err := retire.Retire(t.Context(), parts, order); err == nil {
			t.Fatal("a ledger that fails is not noticed")
		}
		r.close()
		if err := retire.Check(s.State); !errors.Is(err, retire.ErrRetired) || !strings.Contains(err.Error(), "not finished") {
			t.Errorf("in the middle: %v", err)
		}
	}
	for i := range 2 {
		r := open(t, s)
		c, err := retire.Retire(t.Context(), r.Parts, retire.Order{By: "Another", Reason: "again"})
		r.close()
		if err != nil || c.Erased.Subjects != len(numbers) || c.By != order.By || c.Finished == nil {
			t.Fatalf("time %d: %+v, %v", i, c, err)
		}
		if i > 0 && !c.Finished.Equal(began) {
			t.Error("a certificate changed")
		}
		began = *c.Finished
	}
	if name := holding(t, s.State, numbers); name != "" {
		t.Errorf("%s still holds a number", name)
	}
}
