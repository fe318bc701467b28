package dicomweb_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

const (
	pidSystem = "https://hospital.example/pid"
	// ofYears lets data of 2022 to 2024 through.
	ofYears = "kind: statutory\napproval: {number: EK 1, validFrom: 2020-01-01, validUntil: 2030-12-31, data: {start: 2022-01-01, end: 2024-12-31}}\n"
)

// admit takes resources of Patient/p1 through the real gate.
func admit(t testing.TB, policy string, texts ...string) consent.Permitted {
	t.Helper()
	p, err := consent.Parse("policy.yaml", []byte(policy), nil)
	if err != nil {
		t.Fatal(err)
	}
	return admitAs(t, p, "p1", texts)
}

func admitAs(t testing.TB, p *consent.Policy, id string, texts []string) consent.Permitted {
	t.Helper()
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: id})
	for _, text := range texts {
		res, err := fhir.ReadResource(text, fhir.Origin{Source: "test"})
		if err != nil {
			t.Fatal(err)
		}
		rec.Add(res)
	}
	permitted, _ := consent.Admit(rec, consent.Evaluate(consent.FactsOf(rec), p, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), p)
	return permitted
}

// link takes a patient's resources the whole way to links: gate, PACS, ladder.
func link(t testing.TB, subject pseudonym.Subject, pacs imaging.PACS, patient string, texts []string, rules imaging.Rules) imaging.Found {
	t.Helper()
	policy, err := consent.Parse("policy.yaml", []byte("kind: none\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	permitted := admitAs(t, policy, patient, texts)
	dates := imaging.Dates{Zone: berlin(t), Mode: pseudonym.None, Move: func(d fhir.Day) fhir.Day { return d }}
	candidates, err := imaging.Survey(t.Context(), pacs, permitted, &rules, dates)
	if err != nil {
		t.Fatal(err)
	}
	found, err := imaging.Locate(permitted, subject, rules.Of(candidates), dates)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func person(pids ...string) string {
	identifiers := ""
	for i, pid := range pids {
		if i > 0 {
			identifiers += ","
		}
		identifiers += fmt.Sprintf(`{"system":%q,"value":%q}`, pidSystem, pid)
	}
	return `{"resourceType":"Patient","id":"p1","identifier":[` + identifiers + `]}`
}

func rulesOf() *imaging.Rules { return &imaging.Rules{PatientSystems: []string{pidSystem}} }

// ask is the inquiry of a patient with these PatientIDs, and data of 2022 to 2024.
func ask(t testing.TB, pids ...string) imaging.Inquiry {
	t.Helper()
	q, err := imaging.Inquire(admit(t, ofYears, person(pids...)), rulesOf())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func client(t testing.TB, url string, change ...func(*dicomweb.Options)) *dicomweb.Client {
	t.Helper()
	o := dicomweb.Options{Wire: wire.Options{Base: url, Retries: -1, Every: 1}}
	for _, f := range change {
		f(&o)
	}
	c, err := dicomweb.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pacs is a fake PACS with its client.
func pacs(t testing.TB, habits []fakepacs.Habit, studies ...fakepacs.Study) (*fakepacs.Server, *dicomweb.Client) {
	t.Helper()
	s := fakepacs.New(studies...)
	s.Habits = habits
	server := s.Start()
	t.Cleanup(server.Close)
	return s, client(t, server.URL+"/dicom-web")
}

func study(uid, patient, accession, date string, modalities ...string) fakepacs.Study {
	s := fakepacs.Study{UID: uid, Patients: []string{patient}, Accession: accession, Date: date, Time: "103000"}
	for i, m := range modalities {
		s.Series = append(s.Series, fakepacs.Series{UID: fmt.Sprintf("%s.%d", uid, i+1), Modality: m, Instances: 2})
	}
	return s
}

func subjectOf(t testing.TB) pseudonym.Subject {
	t.Helper()
	key, err := pseudonym.NewKey([]byte("an-imaging-test-key-of-0123456789-abcdefgh"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	vault, err := pseudonym.CreateVault(ctx, vaulttest.NewMemory(), key, "imaging-test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := vault.Enrol(ctx, pseudonym.Identity{System: "pid", Value: "1"}, "S-1", "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
