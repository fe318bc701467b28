package consent

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/fhir"
)

var (
	someMoments = []string{"2020-01-10", "2020-01-10T08:00:00+01:00", "2021-06-01", "2021-06-01T10:00:00Z", "2021-06-01T12:00:00Z",
		"2022", "2022-03", "2023-01-01T23:30:00Z", "2024-05-05", "2030-01-01"}
	someStarts  = []string{"2019-01-01", "2020-01-10", "2021-06-01T10:00:00Z", "2022", "2023-03", "2024-05-05", "2027-01-01", ""}
	someEnds    = []string{"2020-12-31", "2022-06-30", "2025-12-31", "2050-08-31", "3000-01-01", "2024", ""}
	someCodes   = []int{6, 8, 6, 8, 45, 46, 7, 1}
	someResults = []string{"", "", "document", "policy", "consent-status", "odd"}
	policies    = []string{broad, broad + "afterWithdrawal: revive\n", broad + "package: sameResource\n", broad + "furtherGates: [7]\nretrospective: {codes: []}\n"}
)

func drawProvision(t *rapid.T, types ...string) obj {
	codes := rapid.SliceOfN(rapid.SampledFrom(someCodes), 1, 3).Draw(t, "codes")
	start, end := rapid.SampledFrom(someStarts).Draw(t, "start"), rapid.SampledFrom(someEnds).Draw(t, "end")
	if end != "" && end < start { // an inverted period is damage already
		start, end = end, start
	}
	return provision(rapid.SampledFrom(types).Draw(t, "type"), start, end, codes...)
}

// drawConsent draws a Consent whose provisions are of the given types.
func drawConsent(t *rapid.T, id string, types ...string) obj {
	result := rapid.SampledFrom(someResults).Draw(t, "resultType")
	n := rapid.IntRange(0, 4).Draw(t, "provisions")
	var nested []obj
	for range n {
		nested = append(nested, drawProvision(t, types...))
	}
	if rapid.Bool().Draw(t, "whole package") && slices.Contains(types, "permit") {
		nested = append(nested, permit("2020-01-10", "2025-12-31", 6), permit("2020-01-10", "2050-08-31", 8, 7))
	}
	c := consent(id, rapid.SampledFrom(someMoments).Draw(t, "dateTime"), nested...)
	if result != "" {
		c["category"] = append(list(c, "category"), category(systemResult, result))
	}
	if result == "policy" {
		c["provision"] = drawProvision(t, types...)
	}
	if rapid.Bool().Draw(t, "has lastUpdated") {
		child(c, "meta")["lastUpdated"] = fmt.Sprintf("202%d-01-01T00:00:00Z", rapid.IntRange(0, 5).Draw(t, "lastUpdated"))
	}
	if rapid.IntRange(0, 9).Draw(t, "odd status") == 0 {
		c["status"] = rapid.SampledFrom([]string{"inactive", "entered-in-error", "draft"}).Draw(t, "status")
	}
	if rapid.IntRange(0, 9).Draw(t, "odd form") == 0 {
		c["policy"] = []any{obj{"uri": "urn:oid:" + prefixDocument + rapid.SampledFrom([]string{"2720", "2721", "4054", "3542"}).Draw(t, "form")}}
	}
	return c
}

func drawConsents(t *rapid.T, least int) []obj {
	var cs []obj
	for i := range rapid.IntRange(least, 4).Draw(t, "consents") {
		cs = append(cs, drawConsent(t, fmt.Sprintf("C%d", i), "permit", "permit", "permit", "deny"))
	}
	if rapid.Bool().Draw(t, "official") {
		cs = append(cs, with(official(permit("2020-09-01", "2050-08-31", 7)), "id", "CX"))
	}
	if rapid.Bool().Draw(t, "stay") {
		cs = append(cs, encounter("E1", "2020-01-05", "2020-09-03"))
	}
	return cs
}

func decide(t testing.TB, p *Policy, objs ...obj) Decision {
	t.Helper()
	return Evaluate(FactsOf(record(t, objs...)), p, asOf(t, today))
}

// within reports whether every day of a lies in b.
func within(a, b []Interval) bool {
	for _, i := range a {
		if !days(b).covers(i.Start, i.End) {
			return false
		}
	}
	return true
}

func forEachPolicy(t *testing.T, law func(rt *rapid.T, p *Policy)) {
	for _, text := range policies {
		p := policyOf(t, text)
		rapid.Check(t, func(rt *rapid.T) { law(rt, p) })
	}
}

func TestAFurtherDenyNeverWidens(t *testing.T) {
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		facts := drawConsents(rt, 1)
		before := decide(t, p, facts...)
		after := decide(t, p, append(facts, drawConsent(rt, "N", "deny"))...)
		if !within(after.Windows(), before.Windows()) {
			rt.Fatalf("before %s, after %s", say(before), say(after))
		}
	})
}

func TestADenyAddedToAConsentNeverWidens(t *testing.T) {
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		facts := drawConsents(rt, 1)
		before := decide(t, p, facts...)
		c := facts[rapid.IntRange(0, len(facts)-1).Draw(rt, "which")]
		root, ok := c["provision"].(obj)
		if !ok {
			rt.Skip("not a Consent")
		}
		nested, _ := root["provision"].([]any)
		if len(nested) == 0 || documentRole(str(object(list(c, "policy")[0])["uri"])) != roleConsent {
			rt.Skip("a Consent that must deny and does not is mended by a deny")
		}
		root["provision"] = append(slices.Clone(nested), drawProvision(rt, "deny"))
		if after := decide(t, p, facts...); !within(after.Windows(), before.Windows()) {
			rt.Fatalf("before %s, after %s", say(before), say(after))
		}
	})
}

// latest and earliest return the ends of what a written dateTime may mean.
func bounds(t testing.TB, when string) moment {
	c := res(t, consent("X", when))
	m, _, _ := readMoment(c.Get("dateTime"), BuiltIn().Zone())
	return m
}

func TestAPermitNeverUndoesADenyOfTheSameOrALaterDate(t *testing.T) {
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		no := drawConsent(rt, "N", "deny")
		no["status"], no["policy"] = "active", official()["policy"]
		child(no, "provision")["provision"] = []any{deny("2021-01-01", "3000-01-01", 6)}
		gateToo := rapid.Bool().Draw(rt, "gate too")
		if gateToo {
			child(no, "provision")["provision"] = []any{deny("2021-01-01", "3000-01-01", 6, 8)}
		}
		facts := []obj{no}
		for _, c := range drawConsents(rt, 1) {
			when, _ := c["dateTime"].(string)
			if when == "" || !bounds(t, str(no["dateTime"])).before(bounds(t, when)) {
				facts = append(facts, c)
			}
		}
		d := decide(t, p, facts...)
		for _, w := range d.Windows() {
			if gateToo || w.overlaps(Interval{fhir.NewDay(2021, 1, 1), fhir.NewDay(3000, 1, 1)}) {
				rt.Fatalf("the deny of %v was undone: %s", no["dateTime"], say(d))
			}
		}
	})
}

func TestTheOrderOfFactsDoesNotMatter(t *testing.T) {
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		facts := drawConsents(rt, 2)
		want := decide(t, p, facts...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		for range 5 {
			r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			if got := decide(t, p, facts...); !reflect.DeepEqual(got, want) {
				rt.Fatalf("got %+v, want %+v", got, want)
			}
		}
	})
}

func TestEverythingOutsideTheWindowIsDropped(t *testing.T) {
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		facts := drawConsents(rt, 1)
		first, last := map[string]fhir.Day{}, map[string]fhir.Day{}
		for i := range 12 {
			id := fmt.Sprintf("O%d", i)
			from := fhir.NewDay(2019, 1, rapid.IntRange(1, 3000).Draw(rt, "day"))
			to := from + fhir.Day(rapid.IntRange(0, 400).Draw(rt, "length"))
			first[id], last[id] = from, to
			facts = append(facts, observation(id, period(from.String(), to.String())))
		}
		rec := record(t, facts...)
		d := Evaluate(FactsOf(rec), p, asOf(t, today))
		kept, drops := Admit(rec, d, p)
		n := 0
		for r := range kept.Resources() {
			n++
			if r.Type == "Observation" && !days(d.Windows()).covers(first[r.ID], last[r.ID]) {
				rt.Fatalf("%s..%s was kept by %s", first[r.ID], last[r.ID], say(d))
			}
		}
		if n+drops.Total() != rec.Len() {
			rt.Fatalf("%d kept and %d dropped of %d", n, drops.Total(), rec.Len())
		}
	})
}

// damage spoils one element in one of several ways; it returns what it did.
func damage(t *rapid.T, c obj) string {
	targets := []struct {
		name string
		of   obj
		key  string
	}{{"dateTime", c, "dateTime"}, {"status", c, "status"}, {"patient", c, "patient"}, {"reference", child(c, "patient"), "reference"}}
	walk := func(p obj) {
		targets = append(targets, struct {
			name string
			of   obj
			key  string
		}{"type", p, "type"}, struct {
			name string
			of   obj
			key  string
		}{"code", p, "code"}, struct {
			name string
			of   obj
			key  string
		}{"period", p, "period"})
		if per, ok := p["period"].(obj); ok {
			for _, key := range []string{"start", "end"} {
				if _, ok := per[key]; ok {
					targets = append(targets, struct {
						name string
						of   obj
						key  string
					}{"period." + key, per, key})
				}
			}
		}
		codes, _ := p["code"].([]any)
		for _, cc := range codes {
			coding := object(list(object(cc), "coding")[0])
			for _, key := range []string{"system", "code"} {
				targets = append(targets, struct {
					name string
					of   obj
					key  string
				}{"coding." + key, coding, key})
			}
		}
	}
	root := child(c, "provision")
	nested, _ := root["provision"].([]any)
	if len(nested) == 0 {
		walk(root)
	}
	for _, n := range nested {
		walk(object(n))
	}
	target := targets[rapid.IntRange(0, len(targets)-1).Draw(t, "target")]
	switch rapid.IntRange(0, 3).Draw(t, "damage") {
	case 0:
		delete(target.of, target.key)
	case 1:
		target.of[target.key] = 7
	case 2:
		target.of[target.key] = nil
	case 3:
		target.of[target.key] = obj{"x": true}
	}
	return target.name
}

func TestADamagedConsentNeverGrantsMore(t *testing.T) {
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		facts := drawConsents(rt, 1)
		before := decide(t, p, facts...)
		i := rapid.IntRange(0, len(facts)-1).Draw(rt, "which")
		spoilt := clone(t, facts[i])
		if spoilt["resourceType"] != "Consent" {
			rt.Skip("not a Consent")
		}
		what := damage(rt, spoilt)
		facts[i] = spoilt
		after := decide(t, p, facts...)
		if !within(after.Windows(), before.Windows()) {
			text, _ := json.MarshalIndent(spoilt, "", " ")
			rt.Fatalf("damaged %s: before %s, after %s\n%s", what, say(before), say(after), text)
		}
		if after.Outcome() == Excluded && before.Outcome() != Excluded && before.Withdrawal() == NoWithdrawal && !refuses(facts) {
			rt.Fatalf("damaged %s started a withdrawal: before %s, after %s", what, say(before), say(after))
		}
	})
}

// refuses reports whether any fact holds a deny or is a withdrawal.
func refuses(facts []obj) bool {
	for _, c := range facts {
		root, _ := c["provision"].(obj)
		nested, _ := root["provision"].([]any)
		for _, n := range append(nested, root) {
			if p, ok := n.(obj); ok && p["type"] == "deny" && (p["code"] != nil || len(nested) == 0) {
				return true
			}
		}
		if uris, ok := c["policy"].([]any); ok && len(uris) > 0 && documentRole(str(object(uris[0])["uri"]))&^roleConsent != 0 {
			return true
		}
	}
	return false
}

func clone(t testing.TB, o obj) obj {
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var c obj
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}
