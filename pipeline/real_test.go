package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
)

// withTargets opens the targets that the study names, as the program does.
func withTargets(t *testing.T, parts pipeline.Parts) pipeline.Parts {
	t.Helper()
	for _, spec := range parts.Study.Targets {
		var target ecrf.Target
		var err error
		if spec.Kind == "odm" {
			target, err = odm.New(spec.Name, spec.Path, odm.Options{})
		} else {
			target, err = table.New(spec.Name, spec.Path)
		}
		if err != nil {
			t.Fatal(err)
		}
		parts.Targets = append(parts.Targets, target)
	}
	return parts
}

func dumpOf(t *testing.T, parts pipeline.Parts) string {
	t.Helper()
	var b bytes.Buffer
	if err := ecrf.Dump(t.Context(), &b, parts.Ledger); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// counts writes what a run found and did, without times.
func counts(o *pipeline.Outcome) string {
	var b strings.Builder
	t := &o.Tally
	fmt.Fprintf(&b, "patients %d\nnot enrolled %d\ncomputed %d\n", t.Patients, t.NotEnrolled, t.Computed)
	for _, outcome := range slices.Sorted(maps.Keys(t.Decisions)) {
		for _, reason := range slices.Sorted(maps.Keys(t.Decisions[outcome])) {
			fmt.Fprintf(&b, "%s %s %d\n", outcome, reason, t.Decisions[outcome][reason])
		}
	}
	for _, warning := range slices.Sorted(maps.Keys(t.Warnings)) {
		fmt.Fprintf(&b, "warning %s %d\n", warning, t.Warnings[warning])
	}
	for _, typ := range slices.Sorted(maps.Keys(t.Read)) {
		fmt.Fprintf(&b, "read %s %d\n", typ, t.Read[typ])
	}
	var lines []string
	for k, n := range t.Dropped {
		lines = append(lines, fmt.Sprintf("dropped %s %s %d\n", k.Type, k.Reason, n))
	}
	reasons := map[string]int{}
	for _, r := range t.Rejected {
		reasons[r.Type+": "+r.Reason]++
	}
	for reason, n := range reasons {
		lines = append(lines, fmt.Sprintf("rejected %s %d\n", reason, n))
	}
	for slot, fill := range t.Matrix {
		lines = append(lines, fmt.Sprintf("cells %s.%s filled %d missing %v\n", slot.Form, slot.Item, fill.Filled, fill.Missing))
	}
	for _, f := range t.Failed {
		lines = append(lines, fmt.Sprintf("failed %s: %s\n", f.Stage, f.Reason))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
	fmt.Fprintf(&b, "cells %+v\nimaging %+v\n", t.Cells, t.Imaging)
	return b.String()
}

// stable puts words in place of what a vault draws at random, so that two vaults give the same text.
func stable(text string) string {
	text = regexp.MustCompile(`2\.25\.[0-9]+`).ReplaceAllString(text, "<uid>")
	return regexp.MustCompile(`(MII|SYN|IMG)-[0-9]+`).ReplaceAllString(text, "<number>")
}

// TestTheMIITestDataGiveTheSameCasebookFromFilesAndServer reads the official test data of the core data set from files
// and, into another ledger over the same vault, from an independent server.
func TestTheMIITestDataGiveTheSameCasebookFromFilesAndServer(t *testing.T) {
	data := shared.Dir(t, "data", "mii-kds-testdata", "resources")
	files := withTargets(t, openParts(t, loadStudy(t, "testdata/mii/study.yaml"), data))
	outcome := mustRun(t, files)
	want := dumpOf(t, files)
	golden.Equal(t, "testdata/mii/counts.golden", counts(outcome))
	golden.Equal(t, "testdata/mii/casebook.golden", stable(casebook(t, files)))
	if t.Failed() {
		return
	}
	server, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: shared.Peer(t, data)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	other := loadStudy(t, "testdata/mii/study.yaml")
	copyVault(t, files.Study.State, other.State)
	parts := openParts(t, other, data)
	parts.Source = server
	mustRun(t, parts)
	if got := undigested(dumpOf(t, parts)); got != undigested(want) {
		t.Errorf("the casebooks differ:\n%s", firstDifference(want, got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d:\nfiles  %s\nserver %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines and %d lines", len(w), len(g))
}

// casebook is the dump as a person would compare it: without keys and digests, which a vault draws at random, and in an
// order that does not depend on them.
func casebook(t *testing.T, parts pipeline.Parts) string {
	t.Helper()
	var books []string
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, c := range book.Cells {
			fmt.Fprintf(&b, "%s.%s[%d].%s = %s%s", c.Event, c.Form, c.Repeat, c.Item, c.Value, c.Missing)
			if c.Value != "" {
				fmt.Fprintf(&b, " (%s %s %s)", c.Provenance.Path, c.Provenance.OriginalValue, c.Provenance.OriginalUnit)
			}
			b.WriteByte('\n')
		}
		links := regexp.MustCompile(`"resources":\[[^\]]*\]|"resource":"[^"]*"`).ReplaceAllString(book.Facts.Links, `"resource":"<id>"`)
		books = append(books, stable(fmt.Sprintf("%s %s %s\n%s", book.Facts.Outcome, book.Facts.Reason, links, b.String())))
	}
	slices.Sort(books)
	return strings.Join(books, "\n")
}

// TestSyntheaRunsUnderAPolicyThatSaysNone runs on patients without consent, and sees that every output says that no consent was checked.
func TestSyntheaRunsUnderAPolicyThatSaysNone(t *testing.T) {
	parts := withTargets(t, openParts(t, loadStudy(t, "testdata/synthea/study.yaml"), shared.Dir(t, "data", "synthea", "slim.ndjson.gz")))
	outcome := mustRun(t, parts)
	tally := &outcome.Tally
	if tally.Patients != 120 || tally.Decisions["permitted"]["no-consent-required"] != 120 || tally.Computed != 120 {
		t.Errorf("%d patients, %v, %d computed", tally.Patients, tally.Decisions, tally.Computed)
	}
	for _, slot := range []pipeline.Slot{{Form: "demographics", Item: "sex"}, {Form: "demographics", Item: "birth_year"}, {Form: "labs", Item: "height"}} {
		if f := tally.Matrix[slot]; f == nil || f.Filled < 100 {
			t.Errorf("%v: %+v", slot, f)
		}
	}
	golden.Equal(t, "testdata/synthea/counts.golden", counts(outcome))
	const notice = "No consent was checked"
	for _, path := range []string{
		filepath.Join(parts.Study.Targets[0].Path, "NOTICE.txt"), parts.Study.Targets[1].Path, filepath.Join(parts.Study.Imaging.Folder, "NOTICE.txt"),
	} {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), notice) {
			t.Errorf("%s does not say that no consent was checked (%v)", filepath.Base(path), err)
		}
	}
}

// liveTarget stands for an EDC system that people enter data into.
type liveTarget struct {
	asked bool
	books int // of the last delivery
}

func (*liveTarget) Name() string { return "edc" }
func (*liveTarget) Kind() string { return "redcap" }
func (l *liveTarget) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	l.asked, l.books = true, 0
	for _, err := range d.Casebooks(ctx) {
		if err != nil {
			return ecrf.DeliveryReport{}, err
		}
		l.books++
	}
	return ecrf.DeliveryReport{}, nil
}

func TestALiveTargetRefusesDataThatNobodyConsentedTo(t *testing.T) {
	s := newSite(t, 1, 3)
	parts := openParts(t, loadStudy(t, "testdata/synthea/study.yaml"), s.folder)
	target := &liveTarget{}
	parts.Targets = append(parts.Targets, target)
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(time.UTC)})
	if !errors.Is(err, pipeline.ErrUnprotected) || target.asked || outcome.Tally.Patients != 0 {
		t.Errorf("got %v after %d patients", err, outcome.Tally.Patients)
	}
	consented := openParts(t, exampleStudy(t), s.folder)
	receives(consented.Study, target.Name())
	consented.Targets = append(consented.Targets, target)
	if mustRun(t, consented); !target.asked {
		t.Error("the target got nothing from a study with a consent policy")
	}
}

// bildgebung is the folder of the examples, and one with the Patient that they refer to and do not hold.
func bildgebung(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	patient := `{"resourceType":"Patient","id":"PatExample","gender":"male","birthDate":"1950"}`
	if err := os.WriteFile(filepath.Join(dir, "patient.json"), []byte(patient), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{shared.Dir(t, "data", "mii-bildgebung-examples"), dir}
}

func TestAPatientWithoutAPatientResourceWaits(t *testing.T) {
	parts := openParts(t, loadStudy(t, "testdata/bildgebung/study.yaml"), bildgebung(t)[0])
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(time.UTC)})
	if err != nil || len(outcome.Tally.Failed) != 1 || outcome.Tally.Computed != 0 {
		t.Errorf("%v, %+v", err, outcome.Tally.Failed)
	}
}

// TestPETAndNMStudiesOfTheImagingModuleAreLocated runs on the official examples of the imaging module. None of them has
// a date: as they are the consent gate drops them and says why; with a date they are located, or listed with a reason.
func TestPETAndNMStudiesOfTheImagingModuleAreLocated(t *testing.T) {
	parts := openParts(t, loadStudy(t, "testdata/bildgebung/study.yaml"), bildgebung(t)...)
	outcome := mustRun(t, parts)
	golden.Equal(t, "testdata/bildgebung/counts.golden", counts(outcome))
	if n := outcome.Tally.Dropped[pipeline.TypeReason{Type: "ImagingStudy", Reason: "no-date"}]; n != 7 {
		t.Errorf("%d studies are dropped for want of a date, want 7", n)
	}
	parts = openParts(t, loadStudy(t, "testdata/bildgebung/study.yaml"), dated(t, bildgebung(t))...)
	outcome = mustRun(t, parts)
	if i := outcome.Tally.Imaging; i.Resources != 7 || i.Linked+i.OutOfScope+sum(i.Unlinked) != 7 {
		t.Errorf("of 7 studies: %+v", i)
	}
	var text strings.Builder
	for _, name := range []string{"sessions.csv", "sessions_unlinked.csv"} {
		content, err := os.ReadFile(filepath.Join(parts.Study.Imaging.Folder, name))
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	keyed := regexp.MustCompile(`[a-z2-7]{32}`)
	golden.Equal(t, "testdata/bildgebung/sessions.golden", keyed.ReplaceAllString(stable(text.String()), "<id>"))
	for _, modality := range []string{"PT", "NM"} {
		if !strings.Contains(text.String(), modality) {
			t.Errorf("a study of modality %s is neither located nor listed", modality)
		}
	}
}

// dated copies JSON files and gives each ImagingStudy a date.
func dated(t *testing.T, folders []string) []string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			started := fmt.Sprintf(`"resourceType": "ImagingStudy", "started": "2024-05-%02d",`, i%28+1)
			text = bytes.Replace(text, []byte(`"resourceType": "ImagingStudy",`), []byte(started), 1)
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []string{dir}
}

func sum[K comparable](m map[K]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// undigested leaves the digests of the input out of a dump: a server writes meta.lastUpdated and numbers in its own way.
func undigested(dump string) string {
	return regexp.MustCompile(`"Digest":"[0-9a-f]*"`).ReplaceAllString(dump, `"Digest":""`)
}
