package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// living is a hospital whose data change between runs. Its clock stands still until a test moves it.
type living struct {
	*rand.Rand
	server *synth.Server
	base   string
	clock  atomic.Int64
	texts  map[fhir.Key]string
	keys   []fhir.Key // in the order in which they came
	gone   []fhir.Key
	study  *pipeline.Study // is not changed
}

func newLiving(t *testing.T, seed uint64, patients int) *living {
	t.Helper()
	l := &living{Rand: rand.New(rand.NewPCG(seed, 7)), texts: map[fhir.Key]string{}, study: exampleStudy(t)}
	l.clock.Store(time.Date(2026, 9, 20, 2, 0, 0, 0, time.UTC).UnixMilli())
	var err error
	l.server, err = synth.NewServer(synth.ServerConfig{Now: func() time.Time { return time.UnixMilli(l.clock.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	g, err := synth.New(synth.Config{Seed: seed, Patients: patients})
	if err != nil {
		t.Fatal(err)
	}
	err = g.Each(func(_ string, text []byte) error {
		r, err := fhir.ReadResource(string(text), fhir.Origin{})
		if err != nil {
			return err
		}
		l.texts[r.Key()] = string(text)
		l.keys = append(l.keys, r.Key())
		return l.server.Add(text)
	}, func(*synth.Truth) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(l.server)
	t.Cleanup(h.Close)
	l.base = h.URL + "/fhir"
	return l
}

func (l *living) pass(d time.Duration) { l.clock.Add(d.Milliseconds()) }

// pick returns a resource of one of the types, the zero key where there is none.
func (l *living) pick(types ...string) fhir.Key {
	var some []fhir.Key
	for _, k := range l.keys {
		if _, there := l.texts[k]; there && slices.Contains(types, k.Type) {
			some = append(some, k)
		}
	}
	if len(some) == 0 {
		return fhir.Key{}
	}
	return some[l.IntN(len(some))]
}

func (l *living) put(t *testing.T, k fhir.Key, text string) {
	t.Helper()
	if _, known := l.texts[k]; !known && !slices.Contains(l.keys, k) {
		l.keys = append(l.keys, k)
	}
	l.texts[k] = text
	if err := l.server.Put([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// edit changes members of a resource.
func (l *living) edit(t *testing.T, k fhir.Key, change func(map[string]any)) {
	t.Helper()
	if k.ID == "" {
		return
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(l.texts[k]), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	id, ok := m["id"].(string)
	if !ok {
		t.Fatal("the resource has no id")
	}
	l.put(t, fhir.Key{Type: k.Type, ID: id}, string(text))
}

func (l *living) remove(k fhir.Key) {
	if k.ID == "" {
		return
	}
	l.gone = append(l.gone, k)
	l.server.Delete(k)
	delete(l.texts, k)
}

var clinical = []string{"Observation", "Condition", "Procedure", "MedicationStatement", "MedicationAdministration", "ImagingStudy"}

// change does one thing that hospitals do.
func (l *living) change(t *testing.T) string {
	t.Helper()
	k := l.pick(clinical...)
	switch n := l.IntN(13); n {
	case 0:
		l.edit(t, l.pick("Observation"), func(m map[string]any) {
			m["valueQuantity"] = map[string]any{"value": 1 + l.IntN(90), "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"}
		})
		return "another value"
	case 1:
		l.remove(k)
		return "deleted " + k.Type
	case 2:
		l.edit(t, k, func(m map[string]any) { m["id"] = fmt.Sprintf("new-%d", l.IntN(1_000_000)) })
		return "created " + k.Type
	case 3:
		l.edit(t, l.pick("Observation"), func(m map[string]any) {
			m["code"] = map[string]any{"coding": []any{map[string]any{"system": "http://loinc.org", "code": "99999-9"}}}
		})
		return "a code that no rule asks for"
	case 4:
		l.edit(t, l.pick("Observation"), func(m map[string]any) {
			m["code"] = map[string]any{"coding": []any{map[string]any{"system": "http://loinc.org", "code": "2857-1"}}}
		})
		return "a code that a rule asks for"
	case 5:
		other := l.pick("Patient")
		l.edit(t, k, func(m map[string]any) { m["subject"] = map[string]any{"reference": "Patient/" + other.ID} })
		return "given to another patient"
	case 6:
		l.edit(t, l.pick("Medication"), func(m map[string]any) {
			m["code"] = map[string]any{"coding": []any{map[string]any{"system": "http://fhir.de/CodeSystem/bfarm/atc", "code": "L02BX03"}}}
		})
		return "another medication"
	case 7:
		l.remove(l.pick("Medication"))
		return "a medication deleted"
	case 8:
		l.edit(t, l.pick("Consent"), func(m map[string]any) { m["status"] = []string{"inactive", "active"}[l.IntN(2)] })
		return "a consent's status"
	case 9:
		l.edit(t, l.pick("Encounter"), func(m map[string]any) {
			m["period"] = map[string]any{"start": "2024-03-01T08:00:00+01:00", "end": "2024-03-05T08:00:00+01:00"}
		})
		return "another stay"
	case 10:
		l.edit(t, l.pick("Patient"), func(m map[string]any) { m["gender"] = []string{"male", "other"}[l.IntN(2)] })
		return "another sex"
	case 11:
		if len(l.gone) > 0 {
			k := l.gone[l.IntN(len(l.gone))]
			l.edit(t, l.pick(k.Type), func(m map[string]any) { m["id"] = k.ID })
		}
		return "come back"
	default: // one gone and one come, in equal numbers
		l.remove(l.pick("Observation"))
		l.edit(t, l.pick("Observation"), func(m map[string]any) { m["id"] = fmt.Sprintf("new-%d", l.IntN(1_000_000)) })
		return "one deleted, one created"
	}
}

// night is what a run left.
type night struct {
	book     string
	searches int // for clinical data of patients, whole resources
	tally    pipeline.Tally
}

// run does a run that asks the hospital's server.
func (l *living) run(t *testing.T, state string, full bool, options rest.Options) night {
	t.Helper()
	options.Name, options.Wire = "hospital", wire.Options{Base: l.base, Retries: -1}
	return l.runFrom(t, state, full, func() (fhir.Source, error) { return rest.New(options) })
}

// runFrom does a run in a state folder and closes everything.
func (l *living) runFrom(t *testing.T, state string, full bool, open func() (fhir.Source, error)) (n night) {
	t.Helper()
	ok := t.Run("run", func(t *testing.T) {
		study := l.studyIn(state)
		parts := openParts(t, study, t.TempDir())
		source, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = source.Close() })
		parts.Source = source
		l.server.ForgetRequests()
		outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone), Workers: 2, Full: full})
		if err != nil {
			t.Fatal(err)
		}
		n.tally = outcome.Tally
		n.book = casebook(t, parts)
		for _, q := range l.server.Requests() {
			if slices.Contains(clinical, q.Path) && !strings.Contains(q.Query, "_lastUpdated") && !strings.Contains(q.Query, "_summary=count") {
				n.searches++
			}
		}
	})
	if !ok {
		t.FailNow()
	}
	return n
}

// studyIn is the example study with its state in a folder; it delivers nothing.
func (l *living) studyIn(state string) *pipeline.Study {
	study := *l.study
	study.State, study.Targets, study.Imaging.Folder = state, nil, ""
	most := 1000
	study.MaxLost = &most
	return &study
}

func copyState(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestARunThatReadsOnlyWhatChangedGivesTheCasebookOfOneThatReadsEverything lets hospitals live, and does every run twice from the same
// state: once as every night, once with everything read.
func TestARunThatReadsOnlyWhatChangedGivesTheCasebookOfOneThatReadsEverything(t *testing.T) {
	seeds, nights := 4, 5
	if testing.Short() {
		seeds, nights = 1, 3
	}
	little, everything := 0, 0
	for seed := range seeds {
		l := newLiving(t, uint64(seed)+40, 12)
		dir := t.TempDir()
		state, copied := filepath.Join(dir, "state"), filepath.Join(dir, "copy")
		if err := os.Mkdir(state, 0o700); err != nil {
			t.Fatal(err)
		}
		l.run(t, state, false, rest.Options{})
		for range nights {
			l.pass(time.Duration(1+l.IntN(40)) * time.Hour)
			var did []string
			for range l.IntN(4) {
				did = append(did, l.change(t))
				l.pass(time.Duration(l.IntN(3)) * time.Minute)
			}
			l.pass(time.Duration(l.IntN(60)) * time.Minute)
			copyState(t, state, copied)
			a, b := l.run(t, state, false, rest.Options{}), l.run(t, copied, true, rest.Options{})
			if a.book != b.book {
				t.Fatalf("seed %d, after %v: %s", seed, did, firstDifference(b.book, a.book))
			}
			little, everything = little+a.searches, everything+b.searches
		}
	}
	t.Logf("%d searches for patients' data instead of %d", little, everything)
	if little*2 > everything {
		t.Errorf("%d searches for patients' data, %d when everything is read: little is saved", little, everything)
	}
}

// unreachable is a target that cannot be reached.
type unreachable struct{ down bool }

func (*unreachable) Name() string { return "tables" }
func (*unreachable) Kind() string { return "csv" }
func (f *unreachable) Deliver(context.Context, ecrf.Delivery) (ecrf.DeliveryReport, error) {
	if f.down {
		return ecrf.DeliveryReport{}, os.ErrDeadlineExceeded
	}
	return ecrf.DeliveryReport{}, nil
}

// TestTheWatermarkWaitsForTheDelivery lets a delivery fail: the next run reads again what the failed one read.
func TestTheWatermarkWaitsForTheDelivery(t *testing.T) {
	l := newLiving(t, 3, 8)
	state := t.TempDir()
	l.run(t, state, false, rest.Options{})
	marks := map[bool]string{}
	for _, down := range []bool{true, false} {
		l.pass(time.Hour)
		t.Run("run", func(t *testing.T) {
			study := l.studyIn(state)
			parts := openParts(t, study, t.TempDir())
			source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: l.base}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = source.Close() })
			parts.Source, parts.Targets = source, []ecrf.Target{&unreachable{down}}
			before, err := parts.Ledger.Watermark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone), Workers: 1})
			after, errMark := parts.Ledger.Watermark(t.Context())
			if (err != nil) != down || errMark != nil {
				t.Fatalf("the run ended with %v", err)
			}
			if (before == after) != down {
				t.Errorf("the delivery failed: %v, the watermark was %s and is %s", down, before, after)
			}
			marks[down] = after
		})
	}
	if !strings.Contains(marks[false], "2026-09-20T04:00:00") {
		t.Errorf("the watermark is not the server's time: %s", marks[false])
	}
}
