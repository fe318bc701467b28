package consent

import (
	"fmt"
	"testing"
	"time"
)

func TestAfterAWithdrawalOnlyALaterConsentPermits(t *testing.T) {
	march := "2023-03-15T10:00:00+01:00"
	again := func(when, start string) obj {
		return consent("C3", when, permit(start, "2029-05-31", 6), permit(start, "2054-05-31", 8))
	}
	for _, v := range []vector{
		{"the old consent alone: its refusal was lost", broad, []obj{official()}, "held not-renewed"},
		{"the refusal is still there", broad, []obj{official(), fullDeny()}, "excluded withdrawn"},
		{"a later consent", broad, []obj{official(), again("2024-06-01", "2024-06-01")}, "permitted granted 2024-06-01..2029-05-31"},
		{"a later consent, and the refusal is still there", broad, []obj{official(), fullDeny(), again("2024-06-01", "2024-06-01")},
			"permitted granted 2024-06-01..2029-05-31"},
		{"on the same day, an hour later", broad, []obj{official(), again("2023-03-15T11:00:00+01:00", "2023-03-15")},
			"permitted granted 2023-03-15..2029-05-31"},
		{"on the same day, the hour is not known", broad, []obj{official(), again("2023-03-15", "2023-03-15")}, "held not-renewed"},
		{"at the same instant", broad, []obj{again(march, "2023-03-15")}, "held not-renewed"},
		{"the old consent, reported anew", broad, []obj{again("2024-06-01", "2020-09-01")}, "held not-renewed"},
		{"a later consent to a part", broad, []obj{official(), consent("C3", "2024-06-01", permit("2024-06-01", "2054-05-31", 8))}, "held not-renewed"},
		{"a later consent, the old windows revive", broad + "afterWithdrawal: revive\n", []obj{official(), again("2024-06-01", "2024-06-01")},
			"permitted granted 2020-09-01..2029-05-31"},
		{"the hospital stay does not reach behind the withdrawal", broad,
			[]obj{again("2023-03-20", "2023-03-20"), encounter("E1", "2023-03-01", "2023-03-25")}, "permitted granted 2023-03-16..2029-05-31"},
		{"no protection cannot be renewed", "kind: none\n", nil, "held not-renewed"},
		{"an approval cannot be renewed", "kind: statutory\napproval: {number: X-1, validUntil: 2030-01-01}\n", nil, "held not-renewed"},
		{"nothing at all", broad, nil, "held no-consent"},
	} {
		t.Run(v.name, func(t *testing.T) {
			withdrawn, err := time.Parse(time.RFC3339, march)
			if err != nil {
				t.Fatal(err)
			}
			p := policyOf(t, v.policy)
			d := EvaluateAfter(FactsOf(record(t, v.facts...)), p, asOf(t, today), withdrawn)
			if got := say(d); got != v.want {
				t.Errorf("got %s, want %s", got, v.want)
			}
		})
	}
}

func TestADecisionTellsWhenTheRefusalWas(t *testing.T) {
	p := policyOf(t, broad)
	for want, facts := range map[string][]obj{
		"2023-01-01T22:59:59.999999Z true": {official(), fullDeny()},
		"2022-01-31T22:00:00Z true":        {withdrawnStatus()},
		"1970-01-01T00:00:00Z false":       {official()},
	} {
		at, ok := Evaluate(FactsOf(record(t, facts...)), p, asOf(t, today)).Refused()
		if got := fmt.Sprint(at.Format(time.RFC3339Nano), " ", ok); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAPolicySaysWhatAWithdrawalDoes(t *testing.T) {
	usual := policyOf(t, broad)
	if usual.Handling("any") != Erase || !usual.AsksBeforeErasing() || usual.Deadline() != 30 {
		t.Errorf("usual: %s, asks %v, %d days", usual.Handling("any"), usual.AsksBeforeErasing(), usual.Deadline())
	}
	p := policyOf(t, broad+"withdrawal: {default: erase, targets: {trial: keep-and-stop}, confirmEdc: false, deadline: 7}\n")
	if p.Handling("trial") != KeepAndStop || p.Handling("") != Erase || p.AsksBeforeErasing() || p.Deadline() != 7 {
		t.Errorf("%s, %s, asks %v, %d days", p.Handling("trial"), p.Handling(""), p.AsksBeforeErasing(), p.Deadline())
	}
	if p.Hash() == usual.Hash() {
		t.Error("another handling is the same policy")
	}
	for _, wrong := range []string{"{default: delete}", "{targets: {a: keep-and-stop, b: anonymise}}", "{deadline: 0}", "{confirm: false}"} {
		if _, err := Parse("p.yaml", []byte(broad+"withdrawal: "+wrong+"\n"), nil); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}
