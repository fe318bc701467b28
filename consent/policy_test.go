package consent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/golden"
)

func TestTheBuiltInPolicyIsTheMIIBroadConsent(t *testing.T) {
	s := BuiltIn().set
	if len(s.Gate) != 1 || s.Gate[0] != MII(8) || len(s.Window) != 1 || s.Window[0] != MII(6) || len(s.Retrospective) != 2 ||
		s.LookBack.String() != "1900-01-01" || s.TimeZone != "Europe/Berlin" || !s.EncounterShift || s.OpenEndedPermit != RejectOpenEnded ||
		s.Package != SamePatient || s.AfterWithdrawal != Forget || s.UnreadLinks != HoldUnreadLinks {
		t.Errorf("got %+v", s)
	}
	if _, rule := BuiltIn().Dates(); rule("ImagingStudy") != "started" || rule("Patient") != "undated" || rule("Medication") != "referenced" {
		t.Error("the date-element map is not as published")
	}
	if p, err := Load(BuiltInName); err != nil || p.Hash() != BuiltIn().Hash() {
		t.Errorf("it cannot be loaded by name: %v", err)
	}
}

func TestABroadConsentPolicyStartsFromTheBuiltInOne(t *testing.T) {
	same := policyOf(t, broad+"name: mii-broad-consent\n")
	if same.Hash() != BuiltIn().Hash() {
		t.Error("a file that changes nothing decides otherwise")
	}
	other := policyOf(t, "# a remark\n"+broad+"name:   'mii-broad-consent'\ngate: ['"+MII(8).Code+"']\n")
	if other.Hash() != BuiltIn().Hash() {
		t.Error("another spelling has another hash")
	}
	if policyOf(t, broad+"name: mii-broad-consent\nencounterShift: false\n").Hash() == BuiltIn().Hash() {
		t.Error("another rule has the same hash")
	}
}

func TestAllMistakesOfAPolicyFileComeAtOnce(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad policies: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file)
			var list finding.List
			if !errors.As(err, &list) {
				t.Fatalf("got %v", err)
			}
			var out strings.Builder
			if err := list.Render(&out, func(name string) string {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Error(err)
				}
				return string(text)
			}); err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/"+strings.TrimSuffix(filepath.Base(file), ".yaml")+".txt", []byte(out.String()))
		})
	}
}

func TestAMissingPolicyFileIsNotTheBuiltInOne(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

const studyForm = `kind: study-consent
name: psma
codes: none
recognise:
  policyUris: ["https://example.org/psma/consent|2"]
  withdrawalUris: ["https://example.org/psma/withdrawal"]
`

func studyDoc(id, at, uri, typ, start, end string) obj {
	return obj{"resourceType": "Consent", "id": id, "status": "active", "dateTime": at, "patient": obj{"reference": "Patient/P1"},
		"policy": []any{obj{"uri": uri}}, "provision": obj{"type": typ, "period": period(start, end)}}
}

func TestTheStudysOwnConsent(t *testing.T) {
	const uri = "https://example.org/psma/consent|2"
	yes := studyDoc("S1", "2022-01-01", uri, "permit", "2022-01-01", "2032-01-01")
	for _, c := range []struct {
		name  string
		facts []obj
		want  string
	}{
		{"given", []obj{yes}, "permitted granted 2022-01-01..2032-01-01"},
		{"another form", []obj{studyDoc("S1", "2022-01-01", "https://example.org/other", "permit", "2022-01-01", "2032-01-01")}, "held not-recognised"},
		{"withdrawn by a withdrawal form", []obj{yes, studyDoc("S2", "2023-01-01", "https://example.org/psma/withdrawal", "deny", "2023-01-01", "")}, "excluded withdrawn"},
		{"denied", []obj{yes, studyDoc("S2", "2023-01-01", uri, "deny", "2023-01-01", "")}, "excluded withdrawn"},
		{"withdrawing the Broad Consent does not end it", []obj{yes, fullDeny(), form(consent("C9", "2024-01-01"), prefixDocument+"2722")}, "permitted granted 2022-01-01..2032-01-01"},
		{"a Broad Consent is not it", []obj{official()}, "held not-recognised"},
		{"a nested refusal", []obj{with(clone(t, yes), "provision", obj{"type": "permit", "period": period("2022-01-01", "2032-01-01"),
			"provision": []any{obj{"type": "deny"}}})}, "held review"},
	} {
		if got := say(decide(t, policyOf(t, studyForm), c.facts...)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	no := studyDoc("S2", "2023-01-01", uri, "deny", "2023-01-01", "")
	if got := say(decide(t, BuiltIn(), official(), no)); got != "permitted granted 2020-09-01..2025-08-31" {
		t.Errorf("withdrawing from the study ends the Broad Consent: %s", got)
	}
}

func TestConsentNamedByAResearchSubject(t *testing.T) {
	p := policyOf(t, "kind: study-consent\ncodes: none\nstudy: {reference: ResearchStudy/psma}\n")
	yes := studyDoc("S1", "2022-01-01", "https://example.org/any", "permit", "2022-01-01", "2032-01-01")
	subject := func(status, study string, in obj) obj {
		return obj{"resourceType": "ResearchSubject", "id": "R1", "status": status, "study": obj{"reference": "ResearchStudy/" + study},
			"individual": obj{"reference": "Patient/P1"}, "consent": obj{"reference": "Consent/S1"}, "period": in}
	}
	for _, c := range []struct {
		name    string
		subject obj
		want    string
	}{
		{"on study", subject("on-study", "psma", period("2022-03-01", "")), "permitted granted 2022-03-01..2032-01-01"},
		{"ended", subject("off-study", "psma", period("2022-03-01", "2023-02-28")), "permitted granted 2022-03-01..2023-02-28"},
		{"screening", subject("screening", "psma", period("2022-03-01", "")), "held not-enrolled"},
		{"another study", subject("on-study", "other", period("2022-03-01", "")), "held not-enrolled"},
		{"without period", subject("on-study", "psma", obj{}), "held no-window"},
	} {
		if got := say(decide(t, p, yes, c.subject)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAStatutoryPolicyNeedsItsApproval(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("objections.txt", "# one id a line\nP7\nPatient/P8\n")
	load := func(until, extra string) *Policy {
		p, err := Load(write("p.yaml", "kind: statutory\napproval:\n  number: EK 12/2026\n  validFrom: 2026-01-01\n  validUntil: "+until+
			"\n  data: {start: 2020-01-01, end: 2025-12-31}\n  objectionList: objections.txt\n"+extra))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := load("2026-12-31", "")
	if got := say(decide(t, p)); got != "permitted statutory-approval 2020-01-01..2025-12-31" || p.Approval() != "EK 12/2026" {
		t.Errorf("got %s", got)
	}
	if got := say(decide(t, load("2026-08-31", ""))); got != "held approval-expired" {
		t.Errorf("got %s", got)
	}
	if d := decide(t, load("2026-12-31", "  objections: [P1]\n")); say(d) != "excluded objected" || d.Withdrawal() != CompleteWithdrawal {
		t.Errorf("got %s", say(d))
	}
	if d := Evaluate(FactsOf(record(t, linked("P1", "P8", "seealso"))), p, asOf(t, today)); say(d) != "excluded objected" {
		t.Errorf("an objection of a linked record: %s", say(d))
	}
	if d := Evaluate(FactsOf(record(t)), p, asOf(t, "2025-12-31")); say(d) != "held approval-not-yet" {
		t.Errorf("got %s", say(d))
	}
}

func TestNoPolicyIsAskedForAndLoud(t *testing.T) {
	p := policyOf(t, "kind: none\n")
	d := decide(t, p)
	if !p.Unprotected() || BuiltIn().Unprotected() || say(d) != "permitted no-consent-required 0001-01-01..9999-12-31" || !d.Warnings().Has(NoProtection) {
		t.Errorf("got %s %v", say(d), d.Warnings().Codes())
	}
}
