package consent

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

const trial = "kind: study-consent\nname: trial\ncodes: none\nrecognise: {policyUris: [\"https://trial.example/consent\"]}\n"

func ofTrial(typ, date string) obj {
	return obj{"resourceType": "Consent", "id": "T" + typ + date, "status": "active", "patient": obj{"reference": "Patient/P1"}, "dateTime": date,
		"policy":    []obj{{"uri": "https://trial.example/consent"}},
		"provision": obj{"type": typ, "period": obj{"start": date, "end": "2050-12-31"}}}
}

func combination(t *testing.T) *Policy {
	t.Helper()
	p, err := Combine(BuiltIn(), map[string]*Policy{"visit": policyOf(t, trial)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPatientIsDecidedAboutOnceForEachPolicy(t *testing.T) {
	p := combination(t)
	withdrawn := official(deny("2023-01-01", "", 6, 8))
	withdrawn["id"], withdrawn["dateTime"] = "W", "2023-01-01"
	for name, c := range map[string]struct {
		facts             []obj
		all, core, visits string
		took              Withdrawal
	}{
		"both":                       {[]obj{official(), ofTrial("permit", "2022-01-01")}, "permitted granted", "permitted granted", "permitted granted", NoWithdrawal},
		"the broad consent only":     {[]obj{official()}, "permitted granted", "permitted granted", "held not-recognised", NoWithdrawal},
		"the trial only":             {[]obj{ofTrial("permit", "2022-01-01")}, "permitted granted", "held not-recognised", "permitted granted", NoWithdrawal},
		"broad withdrawn, trial not": {[]obj{official(), withdrawn, ofTrial("permit", "2022-01-01")}, "permitted granted", "excluded withdrawn", "permitted granted", PartialWithdrawal},
		"trial withdrawn, broad not": {[]obj{official(), ofTrial("permit", "2022-01-01"), ofTrial("deny", "2024-01-01")}, "permitted granted", "permitted granted", "excluded withdrawn", PartialWithdrawal},
		"both withdrawn":             {[]obj{official(), withdrawn, ofTrial("permit", "2022-01-01"), ofTrial("deny", "2024-01-01")}, "excluded withdrawn", "excluded withdrawn", "excluded withdrawn", CompleteWithdrawal},
		"broad withdrawn, no trial":  {[]obj{official(), withdrawn}, "held partly-refused", "excluded withdrawn", "held not-recognised", CompleteWithdrawal},
		"neither":                    {nil, "held no-consent", "held no-consent", "held no-consent", NoWithdrawal},
	} {
		d := Evaluate(FactsOf(record(t, c.facts...)), p, asOf(t, today))
		got := func(d Decision) string { return d.Outcome().String() + " " + string(d.Reason()) }
		if got(d) != c.all || got(d.For("other")) != c.core || got(d.For("visit")) != c.visits || d.Outcome() != Held && d.Withdrawal() != c.took {
			t.Errorf("%s: %s; core %s, visits %s; withdrawal %s", name, got(d), got(d.For("other")), got(d.For("visit")), d.Withdrawal())
		}
	}
}

func TestAFormSeesOnlyWhatItsOwnPolicyPermits(t *testing.T) {
	p := combination(t)
	// The broad consent covers 2020-09-01 to 2025-08-31, the trial's consent everything from 2022-01-01 on.
	rec := record(t, patient("P1"), official(), ofTrial("permit", "2022-01-01"), observation("early", "2021-05-05"), observation("both", "2024-05-05"), observation("late", "2026-05-05"))
	permitted, drops := Admit(rec, Evaluate(FactsOf(rec), p, asOf(t, today)), p)
	ids := func(q Permitted) string {
		var all []string
		for r := range q.Resources() {
			if r.Type == "Observation" {
				all = append(all, r.ID)
			}
		}
		return strings.Join(all, " ")
	}
	for want, q := range map[string]Permitted{"early both": permitted.For("core"), "both late": permitted.For("visit"), "both": permitted.Across("visit", "core")} {
		if got := ids(q); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if ids(permitted) != "early both" || drops.Count("Observation", OutsideWindow) != 0 {
		t.Errorf("whoever asks for no form sees %q; dropped %v", ids(permitted), drops.List())
	}
	if p.For("visit").Name() != "trial" || p.For("core").Name() != BuiltInName || len(permitted.Parts()) != 2 {
		t.Error("the policies of the forms are not those that were named")
	}
}

func TestNothingPassesTheGateOfACombinationByADecisionOfOnePolicy(t *testing.T) {
	p := combination(t)
	rec := record(t, official(), ofTrial("permit", "2022-01-01"), observation("o", "2024-05-05"))
	for name, d := range map[string]Decision{
		"of the default": Evaluate(FactsOf(rec), BuiltIn(), asOf(t, today)), "of nobody": {},
		"of another patient": Evaluate(Facts{Patient: fhir.Key{Type: "Patient", ID: "P2"}}, p, asOf(t, today)),
	} {
		if permitted, _ := Admit(rec, d, p); permitted.Granted() || permitted.For("visit").Granted() {
			t.Errorf("%s: it was let through", name)
		}
	}
}

func TestACombinationHasAHashOfItsOwn(t *testing.T) {
	p := combination(t)
	other, err := Combine(BuiltIn(), map[string]*Policy{"visits": policyOf(t, trial)})
	if err != nil || other.Hash() == p.Hash() || p.Hash() == BuiltIn().Hash() {
		t.Error("two combinations have one hash")
	}
	if same, err := Combine(BuiltIn(), map[string]*Policy{"visit": BuiltIn()}); err != nil || same.Combined() {
		t.Error("one policy for all is a combination")
	}
	if _, err := Combine(BuiltIn(), map[string]*Policy{"visit": policyOf(t, trial+"timeZone: UTC\n")}); err == nil {
		t.Error("days are counted in two zones")
	}
	if !p.Combined() || p.Name() != "mii-broad-consent + trial" || p.Unprotected() || strings.Join(p.FormsUnder(p.For("visit")), "") != "visit" {
		t.Errorf("%s %t", p.Name(), p.Unprotected())
	}
	none, err := Combine(BuiltIn(), map[string]*Policy{"visit": policyOf(t, "kind: none\n")})
	if err != nil || !none.Unprotected() {
		t.Error("a combination with none is protected")
	}
}

// A gICS names its template in policyRule.text. The study's own codes are a gate and a window of their own.
func TestAStudysOwnFormIsKnownByItsTemplateAndItsCodes(t *testing.T) {
	p := policyOf(t, "kind: study-consent\nname: own\ngate: [\"https://trial.example/codes|use\"]\nwindow: [\"https://trial.example/codes|collect\"]\nrecognise: {policyUris: [\"TRIAL;Consent;1.0\"]}\n")
	provision := func(typ, code, start, end string) obj {
		return obj{"type": typ, "period": obj{"start": start, "end": end}, "code": []obj{{"coding": []obj{{"system": "https://trial.example/codes", "code": code}}}}}
	}
	form := func(id, date, template string, provisions ...obj) obj {
		return obj{"resourceType": "Consent", "id": id, "status": "active", "patient": obj{"reference": "Patient/P1"}, "dateTime": date, "policyRule": obj{"text": template},
			"provision": obj{"type": "deny", "period": obj{"start": date}, "provision": provisions}}
	}
	signed := form("own", "2022-01-01", "TRIAL;Consent;1.0", provision("permit", "use", "2022-01-01", "2050-12-31"), provision("permit", "collect", "2022-01-01", "2024-12-31"))
	no := form("no", "2025-01-01", "TRIAL;Consent;1.0", provision("deny", "use", "2025-01-01", "3000-01-01"))
	for name, c := range map[string]struct {
		facts []obj
		want  string
	}{
		"signed":                         {[]obj{signed}, "permitted granted 2022-01-01..2024-12-31"},
		"another template":               {[]obj{form("other", "2022-01-01", "OTHER;Consent;1.0", provision("permit", "use", "2022-01-01", "2050-12-31"))}, "held not-recognised"},
		"the broad consent alone":        {[]obj{official()}, "held not-recognised"},
		"withdrawn":                      {[]obj{signed, no}, "excluded withdrawn"},
		"the broad consent is withdrawn": {[]obj{signed, official(deny("2023-01-01", "", 6, 8))}, "permitted granted 2022-01-01..2024-12-31"},
	} {
		if got := say(Evaluate(FactsOf(record(t, c.facts...)), p, asOf(t, today))); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
