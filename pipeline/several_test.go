package pipeline_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/fhir/several"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// controller is a hospital with two servers that number their resources alike, and one that holds what both hold. Of the patients
// half are on each; one is on both, with the consent and some data on the second only.
type controller struct {
	north, south, whole *place
}

// place is a server.
type place struct {
	server *synth.Server
	base   string
	texts  map[fhir.Key]string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	return &place{server: server, base: h.URL + "/fhir", texts: map[fhir.Key]string{}}
}

func (p *place) add(t *testing.T, text string) {
	t.Helper()
	r, err := fhir.ReadResource(text, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	p.texts[r.Key()] = text
	if err := p.server.Add([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// onSouth are the types of which the second server has the shared patient's.
var onSouth = []string{"Consent", "Condition", "MedicationStatement"}

func newController(t *testing.T, patients int) *controller {
	t.Helper()
	c := &controller{north: newPlace(t), south: newPlace(t), whole: newPlace(t)}
	g, err := synth.New(synth.Config{Seed: 11, Patients: patients})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	var ids []string // of patients, in their order
	delivered := map[string]bool{}
	err = g.Each(func(_ string, text []byte) error {
		all = append(all, string(text))
		return nil
	}, func(truth *synth.Truth) error {
		delivered[truth.Patients[0]] = len(truth.Cells) > 0 && len(truth.Patients) == 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range all {
		if r := parsed(t, text); r.Type == "Patient" {
			ids = append(ids, r.ID)
		}
	}
	north, south := c.sides(t, all, ids)
	both := north[slices.IndexFunc(north, func(id string) bool { return delivered[id] })]
	for _, text := range all {
		r := parsed(t, text)
		c.whole.add(t, text)
		of := func(id string) bool { return strings.HasPrefix(r.ID, id) || mentions(r, id) }
		there := slices.IndexFunc(south, of)
		switch {
		case !slices.ContainsFunc(ids, of): // medications, studies
			c.north.add(t, text)
			c.south.add(t, text)
		case of(both) && r.Type == "Patient":
			c.north.add(t, text)
			c.south.add(t, strings.ReplaceAll(text, both, "theirs"))
		case of(both) && slices.Contains(onSouth, r.Type):
			c.south.add(t, strings.ReplaceAll(text, both, "theirs"))
		case there < 0:
			c.north.add(t, text)
		default:
			c.south.add(t, renumbered(text, south, north))
		}
	}
	return c
}

// sides parts the patients; who was merged stays with whom they were merged with.
func (c *controller) sides(t *testing.T, all, ids []string) (north, south []string) {
	t.Helper()
	side := map[string]int{}
	for i, id := range ids {
		side[id] = i % 2
	}
	for _, text := range all {
		if r := parsed(t, text); r.Type == "Patient" {
			for link := range r.Get("link").Elements() {
				if k, ok := fhir.ParseReference(link.Path("other", "reference").Text()).Key(); ok {
					side[r.ID], side[k.ID] = 0, 0
				}
			}
		}
	}
	for _, id := range ids {
		if side[id] == 0 {
			north = append(north, id)
		} else {
			south = append(south, id)
		}
	}
	return north, south
}

// renumbered gives the patients of one server the ids that the other gives to others.
func renumbered(text string, south, north []string) string {
	var pairs []string
	for i, id := range south {
		pairs = append(pairs, id, north[i])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func parsed(t *testing.T, text string) *fhir.Resource {
	t.Helper()
	r, err := fhir.ReadResource(text, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mentions(r *fhir.Resource, patient string) bool {
	for s := range r.Subject().Elements() {
		if s.Get("reference").Text() == "Patient/"+patient {
			return true
		}
	}
	return false
}

func (p *place) source(t *testing.T, name string) fhir.Source {
	t.Helper()
	s, err := rest.New(rest.Options{Name: name, Wire: wire.Options{Base: p.base, Retries: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// both makes one source of both servers, and of others that have nobody's data.
func (c *controller) both(t *testing.T, study *pipeline.Study, others ...several.Part) fhir.Source {
	t.Helper()
	s, err := several.New(several.Options{
		Parts: append([]several.Part{{Alias: "north", Source: c.north.source(t, "north")}, {Alias: "south", Source: c.south.source(t, "south")}}, others...),
		Identify: func(p *fhir.Resource) (string, bool) {
			id, err := study.Identity.Identify(p)
			return id.Value, err == nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// at opens the study in a state folder with a source.
func (c *controller) at(t *testing.T, state string, source func(*pipeline.Study) fhir.Source) pipeline.Parts {
	t.Helper()
	study := exampleStudy(t)
	if state != "" {
		study.State = state
	}
	parts := openParts(t, study, t.TempDir())
	parts.Source = source(study)
	return parts
}

func (c *controller) run(t *testing.T, parts pipeline.Parts, day int) *pipeline.Outcome {
	t.Helper()
	out, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone).Add(time.Duration(day) * time.Minute), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var seats = regexp.MustCompile(`,"(sources|heard)":\[[^\]]*\]`)

// counted are the numbers of resources: a patient on two servers has two Patient resources.
var counted = regexp.MustCompile(`"resources":\d+,"kept":\d+`)

// plainBook is the casebook without where subjects were found, and how many resources they had.
func plainBook(t *testing.T, parts pipeline.Parts) string {
	t.Helper()
	return counted.ReplaceAllString(seats.ReplaceAllString(casebook(t, parts), ""), "")
}

// known returns how the ledger's subjects stand, by number.
func knownSubjects(t *testing.T, parts pipeline.Parts) map[string]string {
	t.Helper()
	all := map[string]string{}
	for facts, err := range parts.Ledger.AllFacts(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all[facts.Subject] = facts.Outcome + " " + facts.Reason
	}
	return all
}

func TestTwoServersOfOneControllerGiveTheCasebookOfOneThatHoldsAll(t *testing.T) {
	c := newController(t, 24)
	whole := c.at(t, "", func(*pipeline.Study) fhir.Source { return c.whole.source(t, "whole") })
	wanted := c.run(t, whole, 0)
	state := t.TempDir()
	copyVault(t, whole.Study.State, state)
	parts := c.at(t, state, func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
	out := c.run(t, parts, 0)
	if !slices.Equal(out.Tally.Failed, wanted.Tally.Failed) || len(out.Tally.Silent()) > 0 {
		t.Errorf("failed: %v, silent: %v", out.Tally.Failed, out.Tally.Silent())
	}
	if want, got := plainBook(t, whole), plainBook(t, parts); got != want {
		t.Error(firstDifference(want, got))
	}
	sources := map[string]bool{}
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range book.Cells {
			if cell.Provenance.Resource != "" {
				sources[cell.Provenance.Source] = true
			}
		}
	}
	if !sources["north"] || !sources["south"] || len(sources) != 2 {
		t.Errorf("provenance names %v", sources)
	}
	c.north.server.ForgetRequests()
	c.south.server.ForgetRequests()
	again := c.at(t, parts.Study.State, func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
	if next := c.run(t, again, 1); next.Tally.Computed != 0 {
		t.Errorf("%d subjects were computed again although nothing changed", next.Tally.Computed)
	}
	for _, p := range []*place{c.north, c.south} {
		for _, r := range p.server.Requests() {
			if strings.Contains(r.Query, "_lastUpdated") {
				p = nil
				break
			}
		}
		if p != nil {
			t.Error("a server was not asked what has changed")
		}
	}
}

// TestAServerThatDoesNotAnswerHoldsItsPatientsAndNobodyElse lets one of two servers fail, at the beginning and on the way.
func TestAServerThatDoesNotAnswerHoldsItsPatientsAndNobodyElse(t *testing.T) {
	for name, fault := range map[string]synth.Fault{
		"from the beginning":     {Kind: synth.FaultStatus, Status: 401},
		"while facts are read":   {Kind: synth.FaultStatus, Status: 403, Match: "Encounter"},
		"while data are fetched": {Kind: synth.FaultStatus, Status: 403, Match: "Observation"},
		"on the way":             {Kind: synth.FaultStatus, Status: 403, Match: "Procedure", Skip: 2},
		"before delivery":        {Kind: synth.FaultStatus, Status: 403, Match: "Consent?patient"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newController(t, 24)
			first := c.at(t, "", func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			c.run(t, first, 0)
			before, book, cells := knownSubjects(t, first), plainBook(t, first), cellsOf(t, first)
			mark, err := first.Ledger.Watermark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.south.server.Script(&synth.Script{Faults: []synth.Fault{fault}}); err != nil {
				t.Fatal(err)
			}
			parts := c.at(t, first.Study.State, func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			out, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone).Add(time.Minute), Workers: 2, Full: true})
			if err != nil {
				t.Fatal(err)
			}
			if s := out.Tally.Silent(); len(s) != 1 || s[0].Alias != "south" || out.Complete() {
				t.Fatalf("silent: %v, complete: %t", s, out.Complete())
			}
			if w := out.Tally.Withdrawn; w.Done+w.Waiting != 0 || out.Tally.Lost != 0 {
				t.Errorf("withdrawn: %+v, lost: %d", w, out.Tally.Lost)
			}
			c.stands(t, parts, before)
			if got := cellsOf(t, parts); got != cells {
				t.Error("cells changed: " + firstDifference(cells, got))
			}
			after, err := parts.Ledger.Watermark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if a, b := markOf(t, mark, "south"), markOf(t, after, "south"); a != b {
				t.Errorf("the watermark of the silent server moved from %s to %s", a, b)
			}
			if err := c.south.server.Script(nil); err != nil {
				t.Fatal(err)
			}
			well := c.at(t, first.Study.State, func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			c.run(t, well, 2)
			if got := plainBook(t, well); got != book {
				t.Error("after it answered again: " + firstDifference(book, got))
			}
		})
	}
}

// cellsOf is what the ledger holds of all subjects, in the order of their numbers.
func cellsOf(t *testing.T, parts pipeline.Parts) string {
	t.Helper()
	var books []string
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		books = append(books, fmt.Sprintf("%s %v", book.Facts.Subject, book.Cells))
	}
	slices.Sort(books)
	return strings.Join(books, "\n")
}

// stands sees that who is on the silent server is held as not reached, and everybody else as before.
func (c *controller) stands(t *testing.T, parts pipeline.Parts, before map[string]string) {
	t.Helper()
	away, others := 0, 0
	for subject, was := range before {
		var sources string
		facts, err := parts.Ledger.Facts(t.Context(), []string{subject})
		if err != nil {
			t.Fatal(err)
		}
		sources = seats.FindString(facts[subject].Links)
		now := facts[subject].Outcome + " " + facts[subject].Reason
		switch {
		case strings.Contains(sources, "south") && was != "held not-reached":
			away++
			if now != "held not-reached" {
				t.Errorf("a subject of the silent server was %q and is %q", was, now)
			}
		case now != was:
			t.Errorf("a subject of the other server was %q and is %q", was, now)
		default:
			others++
		}
	}
	if away < 3 || others < 3 {
		t.Errorf("%d subjects of the silent server, %d others", away, others)
	}
}

// onBoth returns the subject of the patient whom both servers have.
func onBoth(t *testing.T, parts pipeline.Parts) string {
	t.Helper()
	for facts, err := range parts.Ledger.AllFacts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(facts.Links, `"sources":["north","south"]`) {
			return facts.Subject
		}
	}
	t.Fatal("nobody is on both servers")
	return ""
}

// refuse has the first server say that the patient, who consented on the second, does not consent any more.
func (c *controller) refuse(t *testing.T) {
	t.Helper()
	var north string
	for k := range c.north.texts {
		if k.Type == "Patient" && c.north.texts[k] == strings.ReplaceAll(c.south.texts[fhir.Key{Type: "Patient", ID: "theirs"}], "theirs", k.ID) {
			north = k.ID
		}
	}
	for k, text := range c.south.texts {
		if k.Type != "Consent" || !strings.Contains(text, "Patient/theirs") {
			continue
		}
		text = regexp.MustCompile(`"dateTime":"[^"]*"`).ReplaceAllString(text, `"dateTime":"2026-08-30"`)
		text = strings.ReplaceAll(strings.ReplaceAll(text, `"type":"permit"`, `"type":"deny"`), "theirs", north)
		c.north.add(t, strings.Replace(text, `"id":"`, `"id":"no-`, 1))
	}
}

func TestARefusalOnOneServerCountsForWhatAnotherHasUnlessThatOneIsSilent(t *testing.T) {
	for name, silent := range map[string]bool{"both answer": false, "the other is silent": true} {
		t.Run(name, func(t *testing.T) {
			c := newController(t, 24)
			first := c.at(t, "", func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			c.run(t, first, 0)
			subject := onBoth(t, first)
			c.refuse(t)
			if silent {
				if err := c.south.server.Script(&synth.Script{Faults: []synth.Fault{{Kind: synth.FaultStatus, Status: 401}}}); err != nil {
					t.Fatal(err)
				}
			}
			parts := c.at(t, first.Study.State, func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			out := c.run(t, parts, 1)
			book, err := parts.Ledger.Subject(t.Context(), subject)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case silent && (book == nil || book.Facts.Reason != "not-reached" || out.Tally.Withdrawn.Done != 0):
				t.Errorf("while the other server is silent: %+v, withdrawn: %+v", book, out.Tally.Withdrawn)
			case !silent && (book != nil || out.Tally.Withdrawn.Done != 1):
				t.Errorf("the refusal did not count: %t, withdrawn: %+v", book != nil, out.Tally.Withdrawn)
			}
		})
	}
}

// TestASourceThatWasNeverHeardHoldsEverybody gives the study a third server, which does not answer in its first night.
func TestASourceThatWasNeverHeardHoldsEverybody(t *testing.T) {
	c := newController(t, 24)
	first := c.at(t, "", func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
	c.run(t, first, 0)
	before, book := knownSubjects(t, first), plainBook(t, first)
	west := newPlace(t)
	night := func(day int, fault *synth.Script) map[string]string {
		t.Helper()
		if err := west.server.Script(fault); err != nil {
			t.Fatal(err)
		}
		parts := c.at(t, first.Study.State, func(s *pipeline.Study) fhir.Source {
			return c.both(t, s, several.Part{Alias: "west", Source: west.source(t, "west")})
		})
		// Everybody is computed anew, also while the source is silent.
		options := pipeline.Options{AsOf: asOfTruth(parts.Study.Zone).Add(time.Duration(day) * time.Minute), Workers: 2, Full: true}
		if _, err := pipeline.Run(t.Context(), parts, options); err != nil {
			t.Fatal(err)
		}
		if day > 1 && plainBook(t, parts) != book {
			t.Errorf("night %d: %s", day, firstDifference(book, plainBook(t, parts)))
		}
		return knownSubjects(t, parts)
	}
	silent := &synth.Script{Faults: []synth.Fault{{Kind: synth.FaultStatus, Status: 401}}}
	delivered := 0
	for subject, now := range night(1, silent) {
		if strings.HasPrefix(now, "permitted") {
			t.Errorf("a subject is %s although a source was never heard about it", now)
		}
		if strings.HasPrefix(before[subject], "permitted") {
			delivered++
		}
	}
	if delivered < 5 {
		t.Fatalf("%d subjects were delivered before", delivered)
	}
	if now := night(2, nil); !maps.Equal(now, before) {
		t.Errorf("when it was heard: %v, want %v", now, before)
	}
	for _, day := range []int{3, 4} {
		if now := night(day, silent); !maps.Equal(now, before) {
			t.Errorf("silent again, after it was heard: %v, want %v", now, before)
		}
	}
}

func TestAStudyMayHoldEverybodyWhileASourceIsSilent(t *testing.T) {
	for name, fault := range map[string]synth.Fault{
		"from the beginning": {Kind: synth.FaultStatus, Status: 401},
		"before delivery":    {Kind: synth.FaultStatus, Status: 403, Match: "Consent?patient"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newController(t, 24)
			first := c.at(t, "", func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			c.run(t, first, 0)
			before, cells := knownSubjects(t, first), cellsOf(t, first)
			if err := c.south.server.Script(&synth.Script{Faults: []synth.Fault{fault}}); err != nil {
				t.Fatal(err)
			}
			parts := c.at(t, first.Study.State, func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
			parts.Study.WhileSilent = pipeline.HoldAll
			if out := c.run(t, parts, 1); out.Tally.Withdrawn.Done+out.Tally.Withdrawn.Waiting+out.Tally.Lost != 0 {
				t.Errorf("withdrawn: %+v, lost: %d", out.Tally.Withdrawn, out.Tally.Lost)
			}
			for subject, now := range knownSubjects(t, parts) {
				if strings.HasPrefix(before[subject], "permitted") && now != "held not-reached" {
					t.Errorf("a subject is %q", now)
				}
			}
			if got := cellsOf(t, parts); got != cells {
				t.Error("cells changed: " + firstDifference(cells, got))
			}
		})
	}
}

func TestOnlyAStudyWhosePersonsMayBeInSeveralSourcesSaysWhatHoldsWhileOneIsSilent(t *testing.T) {
	for said, want := range map[string]string{"hold-all": "nobody is known in several sources", "deliver": "known here: hold-all, hold-unheard"} {
		_, _, err := changedStudy(t, "study.yaml", "state: ../../out/demo/state\n", "state: ../../out/demo/state\nwhile-silent: "+said+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("while-silent: %s: %v", said, err)
		}
	}
}

func markOf(t *testing.T, watermark, alias string) string {
	t.Helper()
	m := regexp.MustCompile(fmt.Sprintf(`%q:\{[^}]*\}`, alias)).FindString(watermark)
	if m == "" {
		t.Fatalf("no watermark of %s in %s", alias, watermark)
	}
	return m
}
