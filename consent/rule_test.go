package consent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func resultCategory(o obj, result string) obj {
	o["category"] = append(list(o, "category"), category(systemResult, result))
	return o
}

func updated(o obj, at string) obj {
	child(o, "meta")["lastUpdated"] = at
	return o
}

func form(o obj, oid string) obj { return with(o, "policy", []any{obj{"uri": oid}}) }

func TestRulesOfConsentEvaluation(t *testing.T) {
	retro := permit("2020-09-01", "2050-08-31", 45)
	for _, c := range []struct {
		name   string
		policy string
		facts  []obj
		want   string
	}{
		{"no Consent", broad, nil, "held no-consent"},
		{"a Consent of another form", broad, []obj{with(with(form(official(), "https://example.org/form"), "meta", nil), "category", nil)}, "held not-recognised"},
		{"recognised by category alone", broad, []obj{with(form(official(), "https://example.org/form.pdf"), "meta", nil)}, "permitted granted 2020-09-01..2025-08-31"},
		{"recognised by a bare policy OID alone", broad, []obj{with(with(form(official(), prefixDocument+"1791"), "meta", nil), "category", nil)},
			"permitted granted 2020-09-01..2025-08-31"},
		{"recognised by the 2026 category", broad, []obj{with(with(form(official(), "x:y"), "meta", nil), "category", []any{category(
			"https://www.medizininformatik-initiative.de/fhir/modul-consent/CodeSystem/mii-cs-consent-version-modules", prefixDocument+"184")})},
			"permitted granted 2020-09-01..2025-08-31"},
		{"a deny of an unknown form", broad, []obj{official(), with(with(with(partialDeny(), "meta", nil), "category", nil), "policy", nil)}, "held review"},
		{"a deny of another form", broad, []obj{official(), with(with(form(partialDeny(), "https://example.org/form"), "meta", nil), "category", nil)},
			"permitted granted 2020-09-01..2025-08-31"},
		{"a deny of the same day wins", broad, []obj{official(), with(partialDeny(), "dateTime", "2020-09-01")}, "permitted granted 2020-09-01..2022-12-31"},
		{"a deny of the day beside an instant of that day wins", broad,
			[]obj{with(official(), "dateTime", "2020-09-01T18:00:00+02:00"), with(fullDeny(), "dateTime", "2020-09-01")}, "excluded denied"},
		{"a deny an hour before the permit does not", broad, []obj{with(official(), "dateTime", "2020-09-01T18:00:00+02:00"),
			with(fullDeny(), "dateTime", "2020-09-01T17:00:00+02:00")}, "permitted granted 2020-09-01..2025-08-31"},
		{"the same instant in two zones is a tie", broad, []obj{with(official(), "dateTime", "2020-09-01T18:00:00+02:00"),
			with(fullDeny(), "dateTime", "2020-09-01T16:00:00Z")}, "excluded denied"},
		{"a deny without dateTime", broad, []obj{official(), with(partialDeny(), "dateTime", nil)}, "held review"},
		{"a deny in an inactive Consent", broad, []obj{official(), with(partialDeny(), "status", "inactive")}, "held review"},
		{"a deny in a Consent without status", broad, []obj{official(), with(partialDeny(), "status", nil)}, "held review"},
		{"a deny entered in error", broad, []obj{official(), with(partialDeny(), "status", "entered-in-error")}, "permitted granted 2020-09-01..2025-08-31"},
		{"a deny without patient", broad, []obj{official(), with(partialDeny(), "patient", nil)}, "held review"},
		{"a deny of another patient", broad, []obj{official(), with(partialDeny(), "patient", obj{"reference": "Patient/P2"})},
			"permitted granted 2020-09-01..2025-08-31"},
		{"a deny without type is a deny", broad, []obj{official(), consent("C2", "2023-01-01", with(deny("2023-01-01", "3000-01-01", 8), "type", nil))}, "held review"},
		{"a deny without codes denies everything", broad, []obj{official(), consent("C2", "2023-01-01", with(deny("2023-01-01", "3000-01-01"), "code", nil))}, "held review"},
		{"an older withdrawal whose codes are damaged does not hide that a signed policy contradicts it", broad,
			[]obj{official(), damagedWithdrawal(), signedPolicy("C2", "deny", "2020-01-10", "2020-12-31", 45)}, "held review"},
		{"a deny of the whole module", broad, []obj{official(), consent("C2", "2023-01-01", deny("2023-01-01", "3000-01-01", 1))}, "excluded withdrawn"},
		{"a deny by OID under another system", broad, []obj{official(), consent("C2", "2023-01-01", with(deny("2023-01-01", "3000-01-01"), "code",
			[]any{concept(Code{"urn:other", prefixPolicy + "8"})}))}, "excluded withdrawn"},
		{"a deny with a partial date is widened", broad, []obj{official(), consent("C2", "2023-01-01", deny("2023", "2024-02", 6))},
			"permitted granted 2020-09-01..2022-12-31 2024-03-01..2025-08-31"},
		{"a deny without start", broad, []obj{official(), consent("C2", "2023-01-01", deny("", "2021-12-31", 6))}, "permitted granted 2022-01-01..2025-08-31"},
		{"every day denied later", broad, []obj{official(), consent("C2", "2023-01-01", deny("", "", 6))}, "excluded withdrawn"},
		{"every day denied at once", broad, []obj{official(deny("", "", 6))}, "excluded denied"},
		{"a permit with partial dates is narrowed", broad, []obj{consent("C1", "2020-09-01", use(permit("2020-09", "2025", 6))...)}, "permitted granted 2020-09-30..2025-01-01"},
		{"a permit at the third level grants nothing", broad, []obj{consent("C1", "2020-09-01", with(deny("2020-09-01", "2020-09-02", 7), "provision",
			[]any{permit("2020-09-01", "2025-08-31", 6), permit("2020-09-01", "2050-08-31", 8)}))}, "held incomplete-codes"},
		{"a restricted permit grants nothing", broad, []obj{consent("C1", "2020-09-01", use(with(permit("2020-09-01", "2025-08-31", 6), "data", []any{obj{}}))...)}, "held unreadable"},
		{"a permit signed after as-of", broad, []obj{with(official(), "dateTime", "2026-09-02")}, "held incomplete-codes"},
		{"complete withdrawal with unreadable provisions", broad, []obj{official(), form(with(consent("C2", "2023-01-01"), "provision", 7), "urn:oid:"+prefixDocument+"2720")}, "excluded withdrawn"},
		{"complete withdrawal, then re-consent", broad, []obj{official(), form(with(consent("C2", "2023-01-01"), "provision", nil), prefixDocument+"2722"), again()},
			"permitted granted 2024-06-01..2029-05-31"},
		{"partial withdrawal that cannot be read", broad, []obj{official(), form(consent("C2", "2023-01-01"), "urn:oid:"+prefixDocument+"2721")}, "held review"},
		{"partial withdrawal of samples only", broad, []obj{official(), form(consent("C2", "2023-01-01", deny("2023-01-01", "3000-01-01", 19)), "urn:oid:"+prefixDocument+"2721")},
			"permitted granted 2020-09-01..2025-08-31"},
		{"a Consent that says nothing, later", broad, []obj{official(), with(consent("C2", "2023-01-01"), "provision", nil)}, "held review"},
		{"a Consent that says nothing, before", broad, []obj{official(), consent("C2", "2019-01-01")}, "permitted granted 2020-09-01..2025-08-31"},
		{"consent-status is selected before documents", broad, []obj{official(retro), resultCategory(with(consent("C2", "2021-01-01", use(permit("2021-01-01", "2025-08-31", 6))...), "id", "C2"), "consent-status")},
			"permitted granted 2021-01-01..2025-08-31"},
		{"the newest consent-status counts", broad, []obj{
			updated(resultCategory(official(), "consent-status"), "2023-01-01T00:00:00Z"),
			updated(resultCategory(with(consent("C2", "2022-01-01", use(permit("2022-01-01", "2025-08-31", 6))...), "id", "C2"), "consent-status"), "2024-01-01T00:00:00Z")},
			"permitted granted 2022-01-01..2025-08-31"},
		{"two consent-status without lastUpdated", broad, []obj{resultCategory(official(), "consent-status"), resultCategory(with(official(), "id", "C2"), "consent-status")}, "held review"},
		{"a later deny in an unselected ResultType", broad, []obj{resultCategory(official(), "consent-status"), partialDeny()}, "held review"},
		{"an older deny in an unselected ResultType", broad, []obj{resultCategory(again(), "consent-status"), fullDeny()}, "permitted granted 2024-06-01..2029-05-31"},
		{"retrospective code in the same signing", broad, []obj{official(), consent("C2", "2020-09-01", retro)}, "permitted granted 1900-01-01..2025-08-31"},
		{"retrospective code of another day", broad, []obj{official(), consent("C2", "2020-09-02", retro)}, "permitted granted 2020-09-01..2025-08-31"},
		{"a further gate is missing", broad + "furtherGates: [7]\n", []obj{official()}, "held incomplete-codes"},
		{"a further gate is denied", broad + "furtherGates: [7]\n", []obj{official(permit("2020-09-01", "2050-08-31", 7)), consent("C2", "2023-01-01", deny("2023-01-01", "", 7))}, "excluded withdrawn"},
		{"sameResource and a split signing", broad + "package: sameResource\n", []obj{consent("C1", "2020-09-01", permit("2020-09-01", "2025-08-31", 6)),
			consent("C2", "2020-09-01", use()...)}, "held incomplete-codes"},
		{"an open encounter does not move the begin", broad, []obj{official(), encounter("E1", "2020-08-20", "")}, "permitted granted 2020-09-01..2025-08-31"},
		{"a cancelled encounter does not", broad, []obj{official(), with(encounter("E1", "2020-08-20", "2020-09-10"), "status", "cancelled")}, "permitted granted 2020-09-01..2025-08-31"},
		{"a ward contact does not", broad, []obj{official(), with(encounter("E1", "2020-08-20", "2020-09-10"), "type", []any{category(systemLevel, "versorgungsstellenkontakt")})},
			"permitted granted 2020-09-01..2025-08-31"},
		{"another patient's encounter does not", broad, []obj{official(), with(encounter("E1", "2020-08-20", "2020-09-10"), "subject", obj{"reference": "Patient/P2"})},
			"permitted granted 2020-09-01..2025-08-31"},
		{"the encounter shift does not reach behind a withdrawal", broad, []obj{official(), fullDeny(), again(), encounter("E1", "2022-12-20", "2024-06-10")},
			"permitted granted 2023-01-02..2029-05-31"},
		{"the identifier of the patient", broad, []obj{with(patient("P1"), "identifier", []any{obj{"system": "s", "value": "v"}}),
			with(official(), "patient", obj{"identifier": obj{"system": "s", "value": "v"}})}, "permitted granted 2020-09-01..2025-08-31"},
		{"death does not end a consent", broad, []obj{with(patient("P1"), "deceasedDateTime", "2021-01-01"), official()}, "permitted granted 2020-09-01..2025-08-31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := decide(t, policyOf(t, c.policy), c.facts...)
			if got := say(d); got != c.want {
				t.Errorf("got %s, want %s (warnings %v)", got, c.want, d.Warnings().Codes())
			}
			if excluded := d.Outcome() == Excluded; excluded != (d.Withdrawal() == CompleteWithdrawal) {
				t.Errorf("outcome %s with withdrawal %s", d.Outcome(), d.Withdrawal())
			}
		})
	}
}

// damagedWithdrawal is a document of withdrawal, older than the official example, whose only provision is unreadable.
func damagedWithdrawal() obj {
	c := form(consent("C0", "2020-01-10"), prefixDocument+"2720")
	c["provision"] = obj{"type": "deny", "period": obj{"start": "2020-09-01", "end": "2050-08-31"}, "code": obj{"x": true}}
	return c
}

func TestAPartialWithdrawalIsReported(t *testing.T) {
	for want, facts := range map[Withdrawal][]obj{
		NoWithdrawal:       {official()},
		PartialWithdrawal:  {official(), partialDeny()},
		CompleteWithdrawal: {official(), fullDeny()},
	} {
		if got := decide(t, BuiltIn(), facts...).Withdrawal(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAMinorsConsentHoldsFromThe18thBirthdayUntilAnOwnConsent(t *testing.T) {
	minor := form(official(), "urn:oid:"+prefixDocument+"3543")
	for _, c := range []struct{ birth, want string }{
		{"2010-01-01", "permitted granted 2020-09-01..2025-08-31"},
		{"2008-09-02", "permitted granted 2020-09-01..2025-08-31"},
		{"2008-09-01", "held came-of-age"},
		{"2008", "held came-of-age"},
		{"", "held age-unknown"},
		{"soon", "held age-unknown"},
	} {
		p := patient("P1")
		if c.birth != "" {
			p["birthDate"] = c.birth
		}
		if got := say(decide(t, BuiltIn(), p, minor)); got != c.want {
			t.Errorf("born %s: got %s, want %s", c.birth, got, c.want)
		}
	}
	own := decide(t, BuiltIn(), with(patient("P1"), "birthDate", "2000-01-01"), minor, again())
	if got := say(own); got != "permitted granted 2024-06-01..2029-05-31" {
		t.Errorf("own consent: got %s", got)
	}
}

func linked(id, other, typ string) obj {
	return with(patient(id), "link", []any{obj{"other": obj{"reference": "Patient/" + other}, "type": typ}})
}

func TestADenyOfALinkedRecordCountsForBoth(t *testing.T) {
	no := with(fullDeny(), "patient", obj{"reference": "Patient/P2"})
	yes := with(again(), "patient", obj{"reference": "Patient/P2"})
	for _, c := range []struct {
		name  string
		facts []obj
		want  string
	}{
		{"merged record denies", []obj{linked("P1", "P2", "replaces"), patient("P2"), official(), no}, "excluded withdrawn"},
		{"seealso record denies", []obj{linked("P1", "P2", "seealso"), patient("P2"), official(), no}, "excluded withdrawn"},
		{"the link is on the other side", []obj{linked("P2", "P1", "replaced-by"), official(), no}, "excluded withdrawn"},
		{"merged record permits", []obj{linked("P1", "P2", "replaces"), patient("P2"), yes}, "permitted granted 2024-06-01..2029-05-31"},
		{"seealso record permits nothing", []obj{linked("P1", "P2", "seealso"), patient("P2"), yes}, "held incomplete-codes"},
		{"the other record was not read", []obj{linked("P1", "P2", "replaces"), official()}, "held link-unread"},
		{"a stranger denies", []obj{patient("P2"), official(), no}, "permitted granted 2020-09-01..2025-08-31"},
	} {
		if got := say(decide(t, BuiltIn(), c.facts...)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDaysAreThoseOfThePolicysZone(t *testing.T) {
	// 23:30 UTC on 31 December is 1 January in Berlin.
	c := consent("C1", "2020-09-01", use(permit("2020-12-31T23:30:00Z", "2021-12-31T22:59:59Z", 6))...)
	for zone, want := range map[string]string{
		"Europe/Berlin":    "2021-01-01..2021-12-31",
		"UTC":              "2020-12-31..2021-12-31",
		"America/New_York": "2020-12-31..2021-12-31",
		"Asia/Tokyo":       "2021-01-01..2022-01-01",
	} {
		p := policyOf(t, broad+"timeZone: "+zone+"\n")
		if got := words(decide(t, p, c).Windows()); got != want {
			t.Errorf("%s: got %s, want %s", zone, got, want)
		}
	}
	// The gate is asked for the day that as-of has in the zone.
	last := gate("2020-09-01", "2026-08-31")
	at := time.Date(2026, 8, 31, 22, 30, 0, 0, time.UTC)
	if d := Evaluate(FactsOf(record(t, last)), BuiltIn(), at); d.Reason() != Expired {
		t.Errorf("after midnight in Berlin: got %s", say(d))
	}
	if d := Evaluate(FactsOf(record(t, last)), policyOf(t, broad+"timeZone: UTC\n"), at); d.Outcome() != Granted {
		t.Errorf("before midnight in UTC: got %s", say(d))
	}
}

func TestFurtherCodesForAResourceType(t *testing.T) {
	p := policyOf(t, broad+"resourceCodes:\n  Specimen: {gate: [22], window: [19]}\n")
	specimen := func(id, day string) obj {
		return obj{"resourceType": "Specimen", "id": id, "subject": obj{"reference": "Patient/P1"}, "collection": obj{"collectedDateTime": day}}
	}
	samples := []obj{permit("2021-01-01", "2022-12-31", 19), permit("2021-01-01", "2050-08-31", 22)}
	for _, c := range []struct {
		name  string
		facts obj
		day   string
		want  DropReason
	}{
		{"samples permitted", official(samples...), "2021-05-05", InWindow},
		{"outside the samples' window", official(samples...), "2023-05-05", OutsideWindow},
		{"samples may not be used", official(samples[0]), "2021-05-05", NotPermitted},
		{"no word about samples", official(), "2021-05-05", NotPermitted},
		{"samples denied in the same Consent", official(samples[0], samples[1], deny("2021-01-01", "", 22)), "2021-05-05", NotPermitted},
	} {
		rec := record(t, c.facts, specimen("S", c.day), observation("O", "2023-05-05"))
		if got := verdictOn(t, rec, p, specimen("S", c.day)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if got := verdictOn(t, rec, p, observation("O", "")); got != InWindow {
			t.Errorf("%s: an Observation is %s", c.name, got)
		}
	}
}

func TestTheZeroDecisionIsHeld(t *testing.T) {
	var d Decision
	if d.Outcome() != Held || d.Reason() != NoDecision || len(d.Windows()) > 0 {
		t.Errorf("got %s", say(d))
	}
	if _, drops := Admit(record(t, observation("O", "2021-01-01")), d, BuiltIn()); drops.Count("Observation", OtherDecision) != 1 {
		t.Errorf("got %v", drops.List())
	}
}

func TestEveryReasonIsDocumentedOnce(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if seen[r.Reason] || r.Text == "" {
			t.Errorf("%s", r.Reason)
		}
		seen[r.Reason] = true
	}
	if len(warningCodes) != 16 || PatientMissing.Codes()[0] != "patient-missing" || TooManyProvisions.Codes()[0] != "too-many-provisions" {
		t.Errorf("the warning codes are out of step")
	}
}

func TestAHostileNumberOfProvisionsIsHeldForReview(t *testing.T) {
	var many []obj
	for range maxGrants {
		many = append(many, permit("2020-09-01", "2025-08-31", 6))
	}
	if got := say(decide(t, BuiltIn(), official(many...))); got != "held review" {
		t.Errorf("got %s", got)
	}
	links := []any{}
	for i := range 2 * maxLinks {
		links = append(links, obj{"other": obj{"reference": fmt.Sprintf("Patient/L%d", i)}, "type": "seealso"})
	}
	if got := say(decide(t, policyOf(t, broad), with(patient("P1"), "link", links), official())); got != "held link-unread" {
		t.Errorf("got %s", got)
	}
}

func TestTheDocumentationListsEveryCode(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "consent.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, r := range Reasons() {
		if row := fmt.Sprintf("| `%s` | %s | %s |", r.Reason, r.Outcome, r.Text); !strings.Contains(doc, row) {
			t.Errorf("docs/consent.md lacks %s", row)
		}
	}
	for _, r := range DropReasons() {
		word := map[bool]string{true: "kept", false: "dropped"}[r.Kept]
		if row := fmt.Sprintf("| `%s` | %s | %s |", r.Reason, word, r.Text); !strings.Contains(doc, row) {
			t.Errorf("docs/consent.md lacks %s", row)
		}
	}
	for _, code := range warningCodes {
		if !strings.Contains(doc, "`"+code+"`") {
			t.Errorf("docs/consent.md lacks the warning %s", code)
		}
	}
}

func TestThePoliciesInTheDocumentationAreValid(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "consent.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := slices.DeleteFunc(strings.Split(string(text), "```yaml\n")[1:], func(block string) bool {
		return !strings.HasPrefix(block, "kind:") // a part of a study file
	})
	for _, block := range blocks {
		yaml, _, _ := strings.Cut(block, "```")
		if _, err := Parse("docs/consent.md", []byte(yaml), func(string) ([]byte, error) { return nil, nil }); err != nil {
			t.Errorf("%v\n%s", err, yaml)
		}
	}
	if len(blocks) != 3 {
		t.Errorf("%d policies", len(blocks))
	}
}
