package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/synth"
)

// hospital is a site whose consents change, and a study that is run on it again and again.
type hospital struct {
	site
	parts pipeline.Parts
	out   string                        // folder of all deliveries
	trust func(fhir.Source) fhir.Source // puts a trust centre before each run's source; nil is none
}

// newHospital runs the example study once. policy is added to its policy file.
func newHospital(t *testing.T, patients int, policy string) *hospital {
	t.Helper()
	h := preparedHospital(t, patients, policy)
	h.run(t)
	return h
}

// preparedHospital is a hospital before the first run.
func preparedHospital(t *testing.T, patients int, policy string) *hospital {
	t.Helper()
	h := &hospital{site: newSite(t, 21, patients), out: filepath.Join(t.TempDir(), "out")}
	study := exampleStudy(t)
	var err error
	if study.Policy, err = consent.Parse("p.yaml", []byte("kind: broad-consent\n"+policy), nil); err != nil {
		t.Fatal(err)
	}
	study.Targets[0].Path, study.Targets[1].Path = filepath.Join(h.out, "tables"), filepath.Join(h.out, "study.odm.xml")
	study.Imaging.Folder = filepath.Join(h.out, "imaging")
	h.parts = withTargets(t, openParts(t, study, h.folder))
	return h
}

// try runs the study on what the hospital has now.
func (h *hospital) try(t *testing.T, options pipeline.Options) (*pipeline.Outcome, error) {
	t.Helper()
	source, err := ndjson.Open([]string{h.folder}, ndjson.Options{Name: "hospital"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	h.parts.Source = source
	if h.trust != nil {
		h.parts.Source = h.trust(source)
	}
	if options.AsOf.IsZero() {
		options.AsOf = asOfTruth(h.parts.Study.Zone)
	}
	options.Workers = 2
	return pipeline.Run(t.Context(), h.parts, options)
}

func (h *hospital) run(t *testing.T) *pipeline.Outcome {
	t.Helper()
	outcome, err := h.try(t, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// files are all delivered files by name.
func (h *hospital) files(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(h.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, h.out)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// books are the cells of the ledger by subject.
func (h *hospital) books(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for book, err := range h.parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[book.Facts.Subject] = fmt.Sprintf("%+v", *book)
	}
	return all
}

// values are what the ledger holds of each subject, and how the subject stands.
func (h *hospital) values(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for book, err := range h.parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[book.Facts.Subject] = book.Facts.Outcome
		for _, c := range book.Cells {
			all[fmt.Sprint(book.Facts.Subject, c.CellKey)] = c.Value
		}
	}
	return all
}

// with lists the files that hold a text.
func with(files map[string]string, text string) (names []string) {
	for name, content := range files {
		if regexp.MustCompile(`\b` + regexp.QuoteMeta(text) + `\b`).MatchString(content) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// imaged are permitted patients who are one Patient resource and have imaging sessions.
func (h *hospital) imaged(t *testing.T, n int) []*synth.Truth {
	t.Helper()
	sessions := h.files(t)["/imaging/sessions.csv"]
	var some []*synth.Truth
	for _, truth := range permittedOf(h.site) {
		if strings.Contains(sessions, truth.Subject+",") && len(some) < n {
			some = append(some, truth)
		}
	}
	if len(some) < n {
		t.Fatalf("only %d patients with imaging", len(some))
	}
	return some
}

func consentOf(patient, id, when, document, provisions string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":"%s-%s","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"%s","policy":[{"uri":"urn:oid:2.16.840.1.113883.3.1937.777.24.2.%s"}],"provision":{"type":"deny","period":{"start":"2020-01-01","end":"2060-01-01"},"provision":[%s]}}`,
		id, patient, patient, when, document, provisions)
}

func provision(typ, start, end string, codes ...int) string {
	var list []string
	for _, c := range codes {
		list = append(list, fmt.Sprintf(`{"coding":[{"system":"urn:oid:2.16.840.1.113883.3.1937.777.24.5.3","code":"2.16.840.1.113883.3.1937.777.24.5.3.%d"}]}`, c))
	}
	return fmt.Sprintf(`{"type":%q,"period":{"start":%q,"end":%q},"code":[%s]}`, typ, start, end, strings.Join(list, ","))
}

// refuse lets patients withdraw, all in one file.
func (h *hospital) refuse(t *testing.T, patients ...*synth.Truth) {
	t.Helper()
	var lines []string
	for _, p := range patients {
		lines = append(lines, consentOf(p.Patients[0], "no", "2026-06-01", "2720", provision("deny", "2026-06-01", "3000-01-01", 6, 8)))
	}
	h.addFile(t, "refusals.ndjson", lines...)
}

// consentAgain adds a consent that also opens the past.
func (h *hospital) consentAgain(t *testing.T, when string, patients ...*synth.Truth) {
	t.Helper()
	var lines []string
	for _, p := range patients {
		lines = append(lines, consentOf(p.Patients[0], "again", when, "1791", provision("permit", when, "2056-06-30", 6, 8, 45)))
	}
	h.addFile(t, "again.ndjson", lines...)
}

func (h *hospital) remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(filepath.Join(h.folder, file)); err != nil {
		t.Fatal(err)
	}
}

// edit replaces a text in a file of the hospital.
func (h *hospital) edit(t *testing.T, file, old, now string) {
	t.Helper()
	path := filepath.Join(h.folder, file)
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q: %v", file, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, now)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lose takes the consents of patients away.
func (h *hospital) lose(t *testing.T, patients ...*synth.Truth) {
	t.Helper()
	for _, p := range patients {
		h.edit(t, "Consent.ndjson", `"reference":"Patient/`+p.Patients[0]+`"`, `"reference":"Patient/somebody-else"`)
	}
}

// less is a text without the lines that hold a word.
func less(text, word string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if len(with(map[string]string{"": line}, word)) == 0 {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func (h *hospital) list(t *testing.T) *pipeline.Withdrawals {
	t.Helper()
	list, err := pipeline.ListWithdrawals(t.Context(), h.parts, asOfTruth(h.parts.Study.Zone))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func spoken() pipeline.Word {
	return pipeline.Word{By: "Data Protection", Reason: "the patient's letter", At: asOfTruth(time.UTC)}
}

// gone checks that vault, ledger and files know nothing of a subject.
func (h *hospital) gone(t *testing.T, subject string) {
	t.Helper()
	if names := with(h.files(t), subject); len(names) > 0 {
		t.Errorf("%s is still in %v", subject, names)
	}
	if book, err := h.parts.Ledger.Subject(t.Context(), subject); book != nil || err != nil {
		t.Errorf("the ledger has %v, %v", book, err)
	}
	if _, err := h.parts.Vault.SubjectOf(t.Context(), subject); !errors.Is(err, pseudonym.ErrNotEnrolled) {
		t.Errorf("the vault says %v", err)
	}
}

func TestAWithdrawalErasesTheSubjectEverywhereAndNobodyElse(t *testing.T) {
	h := newHospital(t, 50, "")
	victims := h.imaged(t, 2)
	before, books := h.files(t), h.books(t)
	for _, v := range victims {
		if names := with(before, v.Subject); len(names) < 6 || !slices.Contains(names, "/study.odm.xml") || !slices.Contains(names, "/imaging/sessions.csv") {
			t.Fatalf("before, %s is only in %v", v.Subject, names)
		}
	}
	h.refuse(t, victims...)
	outcome := h.run(t)
	if w := outcome.Tally.Withdrawn; w.Done != 2 || w.Waiting+w.Failed != 0 || w.Cells < 50 || outcome.Tally.Tasks != 2 {
		t.Errorf("%+v, %d tasks", w, outcome.Tally.Tasks)
	}
	if kinds := h.audited(t); kinds["withdrawal-begun erased"] != 2 || kinds["erased erased"] != 2 {
		t.Errorf("the audit has %v", kinds)
	}
	after := h.files(t)
	for _, v := range victims {
		h.gone(t, v.Subject)
	}
	for name, text := range before {
		want := text
		for _, v := range victims {
			want = less(want, v.Subject)
		}
		if strings.HasSuffix(name, ".csv") && after[name] != want {
			t.Errorf("%s changed for others, too", name)
		}
	}
	for _, v := range victims {
		delete(books, v.Subject)
	}
	if !maps.Equal(books, h.books(t)) {
		t.Error("the ledger changed for others, too")
	}
	again := h.run(t)
	if again.Tally.Withdrawn != (pipeline.Withdrawn{}) || !maps.Equal(after, h.files(t)) {
		t.Errorf("a further run does something: %+v", again.Tally.Withdrawn)
	}
	h.tasksAreClosed(t, victims)
}

// tasksAreClosed closes the notifications, and sees that the numbers are forgotten with the last one.
func (h *hospital) tasksAreClosed(t *testing.T, victims []*synth.Truth) {
	t.Helper()
	list := h.list(t)
	if len(list.Tasks) != 2 || len(list.Withdrawals) != 2 {
		t.Fatalf("%+v", list)
	}
	for i, task := range list.Tasks {
		if task.What != "notify" || task.Where != "PSMA-PET registry office" || task.State != "open" || task.Deadline != "2026-10-01" || task.Subject == "" {
			t.Errorf("task %+v", task)
		}
		var n int
		if _, err := fmt.Sscanf(task.ID, "T%d", &n); err != nil {
			t.Fatal(err)
		}
		if _, err := pipeline.CloseTask(t.Context(), h.parts, n, spoken()); err != nil {
			t.Fatal(err)
		}
		if _, err := pipeline.CloseTask(t.Context(), h.parts, n, spoken()); !errors.Is(err, pipeline.ErrAlready) {
			t.Errorf("closed twice: %v", err)
		}
		if after := h.list(t); after.Tasks[i].State != "closed" || after.Withdrawals[i].State != pipeline.StateDone || after.Withdrawals[i].Subject != "" {
			t.Errorf("after closing: %+v, %+v", after.Tasks[i], after.Withdrawals[i])
		}
	}
	state := map[string]string{}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "vault.db", "vault.db-wal", "withdrawals.journal"} {
		text, err := os.ReadFile(filepath.Join(h.parts.Study.State, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		state[name] = string(text)
	}
	for _, v := range victims {
		for _, secret := range []string{v.Subject, v.PID, v.Patients[0]} {
			if names := with(state, secret); len(names) > 0 {
				t.Errorf("%v still hold something of the patient", names)
			}
		}
	}
}

func TestWhoWithdrewIsNotEnrolledAgainWithoutALaterConsent(t *testing.T) {
	h := newHospital(t, 40, "")
	victim := h.imaged(t, 1)[0]
	old, err := h.parts.Vault.SubjectOf(t.Context(), victim.Subject)
	if err != nil {
		t.Fatal(err)
	}
	h.refuse(t, victim)
	h.run(t)
	h.remove(t, "refusals.ndjson") // the consent server forgets the refusal
	outcome := h.run(t)
	h.gone(t, victim.Subject)
	if outcome.Tally.Decisions["held"]["not-renewed"] != 1 {
		t.Errorf("decisions %v", outcome.Tally.Decisions)
	}
	h.consentAgain(t, "2026-06-01", victim) // the day of the refusal: not later
	h.run(t)
	h.gone(t, victim.Subject)
	h.consentAgain(t, "2026-07-01", victim)
	outcome = h.run(t)
	h.gone(t, victim.Subject)
	if len(outcome.Tally.Failed) != 1 || !strings.Contains(outcome.Tally.Failed[0].Reason, "enrolment has to give a new one") {
		t.Errorf("under the old number: %+v", outcome.Tally.Failed)
	}
	h.edit(t, "ResearchSubject.ndjson", victim.Subject, "NEW-1")
	h.run(t)
	renewed, err := h.parts.Vault.SubjectOf(t.Context(), "NEW-1")
	if err != nil || renewed.UID("1.2.3") == old.UID("1.2.3") || len(with(h.files(t), "NEW-1")) < 6 {
		t.Errorf("after a new consent: %v, in %v", err, with(h.files(t), "NEW-1"))
	}
	h.gone(t, victim.Subject)
	if w := h.list(t).Withdrawals; len(w) != 1 || !w[0].Renewed {
		t.Errorf("%+v", w)
	}
	h.run(t)
	if len(with(h.files(t), "NEW-1")) < 6 {
		t.Error("the run after lost the subject again")
	}
	h.addFile(t, "third.ndjson", consentOf(victim.Patients[0], "no2", "2026-08-01", "2720", provision("deny", "2026-08-01", "3000-01-01", 6, 8)))
	h.run(t)
	h.gone(t, "NEW-1")
	if w := h.list(t).Withdrawals; len(w) != 2 || w[1].Generation != 2 {
		t.Errorf("%+v", w)
	}
}

// untouched runs and sees that nothing was erased, and nothing delivered.
func (h *hospital) untouched(t *testing.T, what string, want func(error) bool) {
	t.Helper()
	files, values := h.files(t), h.values(t)
	for range 2 {
		if _, err := h.try(t, pipeline.Options{}); !want(err) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if !maps.Equal(files, h.files(t)) {
		t.Errorf("%s: files changed", what)
	}
	now := h.values(t)
	for key, value := range values {
		if value != "" && now[key] == "" {
			t.Fatalf("%s: the ledger lost %s", what, key)
		}
	}
	for facts, err := range h.parts.Ledger.AllFacts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.parts.Vault.SubjectOf(t.Context(), facts.Subject); err != nil {
			t.Errorf("%s: the vault lost %s: %v", what, facts.Subject, err)
		}
	}
}

func isLimit(err error) bool {
	var limit *pipeline.LimitError
	return errors.As(err, &limit)
}

// halve takes every second line out of a file.
func (h *hospital) halve(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join(h.folder, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for i, line := range slices.Collect(strings.Lines(string(text))) {
		if i%2 == 0 {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(kept, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// broken is a source that fails in the middle.
type broken struct{ fhir.Source }

var errOutage = errors.New("the server is gone")

func (b broken) Fetch(context.Context, fhir.Key, fhir.Wanted, func(fhir.Rejected)) (*fhir.Record, error) {
	return nil, errOutage
}

func TestASourceThatIsEmptyHalfLoadedOrGoneErasesNothing(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, h *hospital){
		"no consents":              func(t *testing.T, h *hospital) { h.remove(t, "Consent.ndjson") },
		"half of the consents":     func(t *testing.T, h *hospital) { h.halve(t, "Consent.ndjson") },
		"no patients":              func(t *testing.T, h *hospital) { h.remove(t, "Patient.ndjson") },
		"half of the patients":     func(t *testing.T, h *hospital) { h.halve(t, "Patient.ndjson") },
		"half of the enrolment":    func(t *testing.T, h *hospital) { h.halve(t, "ResearchSubject.ndjson") },
		"consents nobody can read": func(t *testing.T, h *hospital) { h.edit(t, "Consent.ndjson", `"permit"`, `"perm"`) },
		"every consent is a refusal": func(t *testing.T, h *hospital) {
			h.edit(t, "Consent.ndjson", `"permit"`, `"deny"`)
		},
		"nothing but the facts": func(t *testing.T, h *hospital) {
			entries, err := os.ReadDir(h.folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if !slices.Contains([]string{"Patient.ndjson", "Consent.ndjson", "Encounter.ndjson", "ResearchSubject.ndjson"}, e.Name()) {
					h.remove(t, e.Name())
				}
			}
			for _, key := range []string{"gender", "birthDate"} {
				h.edit(t, "Patient.ndjson", `"`+key+`"`, `"_`+key+`Lost"`)
			}
			h.edit(t, "Encounter.ndjson", `"class"`, `"lost"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHospital(t, 40, "")
			damage(t, h)
			h.untouched(t, name, isLimit)
			for _, w := range h.list(t).Withdrawals {
				if w.State != pipeline.StateHeld {
					t.Errorf("a withdrawal is %s", w.State)
				}
			}
			if limit := h.list(t).Limit; limit == nil || limit.Lost <= limit.Allowed || limit.Delivered < 20 || limit.Confirmed {
				t.Errorf("limit %+v", limit)
			}
		})
	}
	t.Run("an outage", func(t *testing.T) {
		h := newHospital(t, 30, "")
		files, dump := h.files(t), dumpOf(t, h.parts)
		source := h.parts.Source
		h.parts.Source = broken{source}
		if _, err := pipeline.Run(t.Context(), h.parts, pipeline.Options{AsOf: asOfTruth(h.parts.Study.Zone), Full: true, Workers: 2}); !errors.Is(err, errOutage) {
			t.Fatal(err)
		}
		if !maps.Equal(files, h.files(t)) || dumpOf(t, h.parts) != dump {
			t.Error("an outage changed something")
		}
	})
}

func TestAFewLostConsentsHoldAndEraseNothing(t *testing.T) {
	h := newHospital(t, 40, "")
	victims := h.imaged(t, 3)
	h.lose(t, victims...)
	h.run(t)
	for _, v := range victims {
		if names := with(h.files(t), v.Subject); len(names) > 0 {
			t.Errorf("a held subject is delivered in %v", names)
		}
		book, err := h.parts.Ledger.Subject(t.Context(), v.Subject)
		if err != nil || book == nil || len(book.Cells) == 0 || book.Facts.Outcome != "held" {
			t.Errorf("the ledger has %+v, %v", book, err)
		}
		if _, err := h.parts.Vault.SubjectOf(t.Context(), v.Subject); err != nil {
			t.Error(err)
		}
	}
	if list := h.list(t); len(list.Withdrawals)+len(list.Tasks) != 0 || list.Limit != nil {
		t.Errorf("%+v", list)
	}
}

func TestAStoppedRunGoesOnAfterAPersonsWord(t *testing.T) {
	h := newHospital(t, 40, "")
	victims := h.imaged(t, 7)
	h.refuse(t, victims...)
	h.untouched(t, "seven withdrawals", isLimit)
	list := h.list(t)
	if len(list.Withdrawals) != 7 || list.Withdrawals[0].State != pipeline.StateHeld || list.Withdrawals[0].Subject == "" || list.Limit.Lost != 7 || list.Limit.Allowed != 5 {
		t.Fatalf("%+v, %+v", list.Withdrawals, list.Limit)
	}
	if _, _, err := pipeline.ConfirmLimit(t.Context(), h.parts, pipeline.Word{By: "somebody"}); err == nil {
		t.Error("a word without a reason counts")
	}
	lost, withdrawn, err := pipeline.ConfirmLimit(t.Context(), h.parts, spoken())
	if lost != 7 || withdrawn != 7 || err != nil {
		t.Fatalf("%d lost, %d withdrawn, %v", lost, withdrawn, err)
	}
	if _, _, err := pipeline.ConfirmLimit(t.Context(), h.parts, spoken()); !errors.Is(err, pipeline.ErrAlready) {
		t.Errorf("a second word: %v", err)
	}
	outcome := h.run(t)
	for _, v := range victims {
		h.gone(t, v.Subject)
	}
	if list := h.list(t); outcome.Tally.Withdrawn.Done != 7 || list.Limit != nil || len(list.Withdrawals) != 7 {
		t.Errorf("%+v, %+v", outcome.Tally.Withdrawn, list)
	}
	if _, _, err := pipeline.ConfirmLimit(t.Context(), h.parts, spoken()); !errors.Is(err, pipeline.ErrNoLimit) {
		t.Errorf("a word to nothing: %v", err)
	}
}

func TestAConfirmedLossCoversNobodyElse(t *testing.T) {
	h := newHospital(t, 40, "")
	victims := permittedOf(h.site)[:14]
	h.lose(t, victims[:7]...)
	h.untouched(t, "seven are lost", isLimit)
	confirm := func(want int) {
		if lost, withdrawn, err := pipeline.ConfirmLimit(t.Context(), h.parts, spoken()); err != nil || withdrawn != 0 || lost != want {
			t.Fatal(lost, withdrawn, err)
		}
	}
	confirm(7)
	h.lose(t, victims[7:]...)
	h.untouched(t, "seven others, too", isLimit)
	if limit := h.list(t).Limit; limit.Confirmed {
		t.Error("the word for the first loss counts for the second")
	}
	confirm(14)
	h.run(t)
	if h.list(t).Limit != nil {
		t.Error("the limit is still there")
	}
	for _, v := range victims {
		book, err := h.parts.Ledger.Subject(t.Context(), v.Subject)
		if err != nil || book == nil || len(book.Cells) == 0 || book.Facts.Outcome != "held" {
			t.Errorf("who has no consent any more was erased: %v", err)
		}
	}
}

func TestADryRunWithdrawsNobody(t *testing.T) {
	h := newHospital(t, 30, "")
	victim := h.imaged(t, 1)[0]
	h.refuse(t, victim)
	files, dump := h.files(t), dumpOf(t, h.parts)
	outcome, err := h.try(t, pipeline.Options{DryRun: true})
	if err != nil || outcome.Tally.Withdrawn.Waiting != 1 {
		t.Errorf("%+v, %v", outcome.Tally.Withdrawn, err)
	}
	if !maps.Equal(files, h.files(t)) || dumpOf(t, h.parts) != dump || len(h.list(t).Withdrawals) != 0 {
		t.Error("a dry run changed something")
	}
}

func TestAPersonStartsAWithdrawal(t *testing.T) {
	h := newHospital(t, 30, "")
	victim := h.imaged(t, 1)[0]
	if _, err := pipeline.OrderWithdrawal(t.Context(), h.parts, "nobody", spoken()); !errors.Is(err, pipeline.ErrNoSubject) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := pipeline.OrderWithdrawal(t.Context(), h.parts, victim.Subject, pipeline.Word{Reason: "a letter"}); err == nil {
		t.Error("nobody's word counts")
	}
	if _, err := pipeline.OrderWithdrawal(t.Context(), h.parts, victim.Subject, spoken()); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.OrderWithdrawal(t.Context(), h.parts, victim.Subject, spoken()); !errors.Is(err, pipeline.ErrAlready) {
		t.Errorf("ordered twice: %v", err)
	}
	if w := h.list(t).Withdrawals; len(w) != 1 || w[0].State != pipeline.StatePending || w[0].Cause != "person" || w[0].Subject != victim.Subject {
		t.Errorf("%+v", w)
	}
	did, failures, err := pipeline.Withdraw(t.Context(), h.parts, asOfTruth(time.UTC))
	if did.Done != 1 || len(failures) != 0 || err != nil {
		t.Errorf("%+v, %v, %v", did, failures, err)
	}
	h.gone(t, victim.Subject)
	outcome := h.run(t) // the consents still permit it, and are older than the person's word
	h.gone(t, victim.Subject)
	if outcome.Tally.Decisions["held"]["not-renewed"] != 1 {
		t.Errorf("%v", outcome.Tally.Decisions)
	}
}

func TestTheJournalOfALaterDayIsMissed(t *testing.T) {
	h := newHospital(t, 30, "")
	h.refuse(t, h.imaged(t, 1)...)
	h.run(t)
	if err := os.Remove(filepath.Join(h.parts.Study.State, "withdrawals.journal")); err != nil {
		t.Fatal(err)
	}
	h.parts.Journal = openJournal(t, h.parts.Study, h.parts.Vault)
	if _, err := h.try(t, pipeline.Options{}); !errors.Is(err, pipeline.ErrOldJournal) {
		t.Errorf("without its journal: %v", err)
	}
	h.parts.Journal = nil
	if _, err := h.try(t, pipeline.Options{}); !errors.Is(err, pipeline.ErrNoJournal) {
		t.Errorf("without a journal: %v", err)
	}
}

func TestAStudyMayAllowAnotherLoss(t *testing.T) {
	h := newHospital(t, 40, "")
	none := 0
	h.parts.Study.MaxLost = &none
	victims := h.imaged(t, 7)
	h.refuse(t, victims[0])
	h.untouched(t, "one withdrawal where none is allowed", isLimit)
	many := 7
	h.parts.Study.MaxLost = &many
	h.refuse(t, victims...)
	h.run(t)
	for _, v := range victims {
		h.gone(t, v.Subject)
	}
}

var _ ecrf.Target = (*edcSystem)(nil)

// audited counts the audit's entries by kind, and whether they can still be read, after checking its chain.
func (h *hospital) audited(t *testing.T) map[string]int {
	t.Helper()
	log := h.parts.Ledger.(interface{ Audit() audit.Log }).Audit() //nolint:errcheck // the ledger of the tests has an audit
	report, err := audit.Verify(t.Context(), log, h.parts.Vault)
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	kinds := map[string]int{}
	for told, err := range audit.Read(t.Context(), log, h.parts.Vault, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if told.Erased {
			kinds[string(told.Entry.Kind)+" erased"]++
		} else {
			kinds[string(told.Entry.Kind)]++
		}
	}
	return kinds
}

// edcSystem is a system that people enter data into. It keeps what it was given by subject.
type edcSystem struct {
	books  map[string]int
	broken bool
}

func (*edcSystem) Name() string { return "edc" }
func (*edcSystem) Kind() string { return "redcap" }
func (e *edcSystem) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	for book, err := range d.Casebooks(ctx) {
		if err != nil {
			return ecrf.DeliveryReport{}, err
		}
		e.books[book.Facts.Subject] = len(book.Cells)
	}
	return ecrf.DeliveryReport{}, nil
}

// erasingEDC can also erase.
type erasingEDC struct{ edcSystem }

func (e *erasingEDC) Erase(_ context.Context, erasure ecrf.Erasure) (cells int, err error) {
	if e.broken {
		return 0, errors.New("the EDC does not answer")
	}
	for _, s := range erasure.Subjects {
		cells += e.books[s]
		delete(e.books, s)
	}
	return cells, nil
}

// addTarget adds a target behind the authorisation's back: only the policy's view of it matters here.
func (h *hospital) addTarget(t *testing.T, target ecrf.Target) {
	t.Helper()
	h.parts.Targets = append(h.parts.Targets, target)
	h.parts.Study.Authorisation.Recipients[0].Outputs = append(slices.Clone(h.parts.Study.Authorisation.Recipients[0].Outputs), target.Name())
	h.run(t)
}

func taskOf(t *testing.T, list *pipeline.Withdrawals, what string) pipeline.ListedTask {
	t.Helper()
	i := slices.IndexFunc(list.Tasks, func(x pipeline.ListedTask) bool { return x.What == what })
	if i < 0 {
		t.Fatalf("no task %s among %+v", what, list.Tasks)
	}
	return list.Tasks[i]
}

func (h *hospital) closeTask(t *testing.T, task pipeline.ListedTask) {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(task.ID, "T%d", &n); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.CloseTask(t.Context(), h.parts, n, spoken()); err != nil {
		t.Fatal(err)
	}
}

func TestErasingInAnEDCWaitsForAPerson(t *testing.T) {
	h := newHospital(t, 40, "")
	target := &erasingEDC{edcSystem{books: map[string]int{}}}
	h.addTarget(t, target)
	victim := h.imaged(t, 1)[0]
	h.refuse(t, victim)
	outcome := h.run(t)
	if outcome.Tally.Withdrawn.Waiting != 1 || target.books[victim.Subject] == 0 {
		t.Fatalf("%+v", outcome.Tally.Withdrawn)
	}
	if names := with(h.files(t), victim.Subject); len(names) > 0 {
		t.Errorf("files do not wait, and hold it: %v", names)
	}
	if w := h.list(t).Withdrawals[0]; w.State != pipeline.StateWaiting || w.Subject != victim.Subject {
		t.Errorf("%+v", w)
	}
	h.consentAgain(t, "2026-07-01", victim) // does not overtake the withdrawal
	h.edit(t, "ResearchSubject.ndjson", victim.Subject, "NEW-1")
	h.run(t)
	if len(with(h.files(t), "NEW-1")) > 0 || target.books["NEW-1"] > 0 {
		t.Error("enrolled again before the withdrawal was done")
	}
	h.closeTask(t, taskOf(t, h.list(t), "confirm"))
	target.broken = true
	if outcome := h.run(t); outcome.Tally.Withdrawn.Failed != 1 || outcome.Complete() {
		t.Errorf("a broken EDC: %+v", outcome.Tally.Withdrawn)
	}
	target.broken = false
	h.run(t)
	h.gone(t, victim.Subject)
	if target.books[victim.Subject] != 0 || target.books["NEW-1"] == 0 {
		t.Errorf("the EDC has %d and %d cells", target.books[victim.Subject], target.books["NEW-1"])
	}
}

func TestATargetThatCannotDeleteLeavesATask(t *testing.T) {
	h := newHospital(t, 40, "withdrawal: {deadline: 7}\n")
	h.addTarget(t, &edcSystem{books: map[string]int{}})
	victim := h.imaged(t, 1)[0]
	h.refuse(t, victim)
	outcome := h.run(t)
	h.gone(t, victim.Subject)
	task := taskOf(t, h.list(t), "delete")
	if task.Where != "edc" || task.Subject != victim.Subject || task.Deadline != "2026-09-08" || outcome.Tally.Tasks != 2 || outcome.Tally.Overdue != 0 {
		t.Errorf("%+v, %d tasks", task, outcome.Tally.Tasks)
	}
	late, err := h.try(t, pipeline.Options{AsOf: asOfTruth(h.parts.Study.Zone).AddDate(0, 0, 8)})
	if err != nil || late.Tally.Overdue != 2 {
		t.Errorf("%d overdue, %v", late.Tally.Overdue, err)
	}
	for _, task := range h.list(t).Tasks {
		h.closeTask(t, task)
	}
	if after := h.run(t); after.Tally.Tasks != 0 || len(h.list(t).Tasks) != 2 {
		t.Errorf("%d tasks", after.Tally.Tasks)
	}
}

func TestWhatATrialMustKeepStaysAsItIs(t *testing.T) {
	h := newHospital(t, 40, "withdrawal: {default: erase, targets: {odm: keep-and-stop}}\n")
	victim := h.imaged(t, 1)[0]
	book, err := h.parts.Ledger.Subject(t.Context(), victim.Subject)
	if err != nil {
		t.Fatal(err)
	}
	odm := h.files(t)["/study.odm.xml"]
	h.refuse(t, victim)
	for range 2 {
		h.run(t)
		if names := with(h.files(t), victim.Subject); !slices.Equal(names, []string{"/study.odm.xml"}) {
			t.Fatalf("kept in %v", names)
		}
	}
	if h.files(t)["/study.odm.xml"] != odm {
		t.Error("what is kept changed")
	}
	kept, err := h.parts.Ledger.Subject(t.Context(), victim.Subject)
	if err != nil || !slices.Equal(kept.Cells, book.Cells) || kept.Facts.Outcome != ecrf.OutcomeWithdrawn {
		t.Errorf("the ledger has %+v, %v", kept.Facts, err)
	}
	h.consentAgain(t, "2026-07-01", victim)
	h.edit(t, "ResearchSubject.ndjson", victim.Subject, "NEW-1")
	h.run(t)
	if names := with(h.files(t), "NEW-1"); len(names) < 6 {
		t.Errorf("the new generation is only in %v", names)
	}
	if names := with(h.files(t), victim.Subject); !slices.Equal(names, []string{"/study.odm.xml"}) {
		t.Errorf("the old generation is in %v", names)
	}
}

func TestAnAnonymisedSubjectLeadsBackToNobody(t *testing.T) {
	h := newHospital(t, 40, "withdrawal: {default: anonymise}\n")
	victim := h.imaged(t, 1)[0]
	rows := strings.Count(h.files(t)["/tables/cells.csv"], "\n")
	h.refuse(t, victim)
	for range 2 {
		h.run(t)
		h.gone(t, victim.Subject)
	}
	cells := h.files(t)["/tables/cells.csv"]
	if strings.Count(cells, "\n") != rows || strings.Count(cells, "\nX-") < 20 {
		t.Errorf("%d rows, of these %d anonymised, were %d", strings.Count(cells, "\n"), strings.Count(cells, "\nX-"), rows)
	}
	if strings.Contains(h.files(t)["/imaging/sessions.csv"], "X-") {
		t.Error("an anonymised subject has imaging sessions")
	}
}

func TestAFurtherRunFinishesWhatAFailureInterrupted(t *testing.T) {
	for step := range 7 {
		t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
			h := newHospital(t, 30, "")
			victims := h.imaged(t, 2)
			h.refuse(t, victims...)
			ledger := h.parts.Ledger
			h.parts.Ledger = &fullDisk{Ledger: ledger, left: step}
			if _, err := h.try(t, pipeline.Options{}); err == nil {
				t.Fatal("nothing failed")
			}
			h.parts.Ledger = ledger
			if outcome := h.run(t); outcome.Tally.Withdrawn.Done == 0 && step < 5 {
				t.Errorf("%+v", outcome.Tally.Withdrawn)
			}
			for _, v := range victims {
				h.gone(t, v.Subject)
			}
			list := h.list(t)
			if len(list.Withdrawals) != 2 || len(list.Tasks) != 2 || list.Withdrawals[0].State != pipeline.StateDone || list.Withdrawals[1].State != pipeline.StateDone {
				t.Errorf("%+v", list)
			}
		})
	}
}

// fullDisk is a ledger that fails in the middle of a withdrawal.
type fullDisk struct {
	ecrf.Ledger
	left int
}

var errLedger = errors.New("the disk is full")

func (f *fullDisk) step() error {
	if f.left--; f.left < 0 {
		return errLedger
	}
	return nil
}

func (f *fullDisk) NameWithdrawn(ctx context.Context, n int, number string) error {
	return errors.Join(f.step(), f.Ledger.NameWithdrawn(ctx, n, number))
}

func (f *fullDisk) Recipients(ctx context.Context) ([]ecrf.Recipient, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Ledger.Recipients(ctx)
}

func (f *fullDisk) Forget(ctx context.Context, subjects ...string) (int, error) {
	if err := f.step(); err != nil {
		return 0, err
	}
	return f.Ledger.Forget(ctx, subjects...)
}

func (f *fullDisk) SeeJournal(ctx context.Context, n int) error {
	return errors.Join(f.step(), f.Ledger.SeeJournal(ctx, n))
}

func (f *fullDisk) Finish(ctx context.Context, run ecrf.RunID, counts map[string]int64) error {
	return errors.Join(f.step(), f.Ledger.Finish(ctx, run, counts))
}

// The list of cases is a person's file, and loses who withdrew as the deliveries do; what was decided about others stays.
func TestAWithdrawalTakesTheSubjectsCasesToo(t *testing.T) {
	h := newHospital(t, 50, "")
	victim := h.imaged(t, 1)[0]
	review := filepath.Join(t.TempDir(), imaging.ReviewFile)
	rows := []imaging.ReviewRow{
		{Subject: victim.Subject, Resource: "r1", StudyUID: "2.25.1", Choice: imaging.Accept, By: "Dr. Weber"},
		{Subject: "OTHER-1", Resource: "r2", StudyUID: "2.25.2", Choice: imaging.Reject, By: "Dr. Weber"},
	}
	var text bytes.Buffer
	if err := imaging.WriteReview(&text, rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(review, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h.parts.Study.Imaging.Review = review
	h.refuse(t, victim)
	h.run(t)
	h.gone(t, victim.Subject)
	left, err := pipeline.ReadReview(review)
	if err != nil || len(left) != 1 || left[0].Subject != "OTHER-1" || left[0].Choice != imaging.Reject {
		t.Errorf("%d rows are left, %v", len(left), err)
	}
}
