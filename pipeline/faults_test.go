package pipeline_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// schedule draws what goes wrong in a night.
func schedule(r *rand.Rand) *synth.Script {
	s := &synth.Script{NoTotal: r.IntN(3) == 0, HistoryOff: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		s.PageCap = 1 + r.IntN(7)
	}
	kinds := []synth.FaultKind{
		synth.FaultStatus, synth.FaultTruncate, synth.FaultDrop, synth.FaultLinkHost, synth.FaultExpire, synth.FaultSlow, synth.FaultHTML,
		synth.FaultDuplicate, synth.FaultOutcome, synth.FaultCutShort,
	}
	matches := []string{"", "", "Patient?", "Consent?", "Encounter?", "Observation", "Medication", "__page", "_summary=count", "_lastUpdated", "metadata", "code="}
	for range 1 + r.IntN(4) {
		f := synth.Fault{Kind: kinds[r.IntN(len(kinds))], Match: matches[r.IntN(len(matches))], Every: 1 + r.IntN(6), Skip: r.IntN(12), Times: r.IntN(9)}
		switch f.Kind {
		case synth.FaultStatus:
			f.Status = []int{408, 429, 500, 502, 503, 504, 401, 403}[r.IntN(8)]
		case synth.FaultSlow:
			f.DelayMS = 1
		}
		s.Faults = append(s.Faults, f)
	}
	return s
}

// attempt is one run against a hospital on which something goes wrong. It returns the casebook of a run that came to its end.
func (l *living) attempt(t *testing.T, state string, pageSize int) (book string, err error) {
	t.Helper()
	ok := t.Run("run", func(t *testing.T) {
		study := exampleStudy(t)
		study.State, study.Targets, study.Imaging.Folder = state, nil, ""
		most := 1000
		study.MaxLost = &most
		parts := openParts(t, study, t.TempDir())
		source, errNew := rest.New(rest.Options{Name: "hospital", PageSize: pageSize, Wire: wire.Options{
			Base: l.base, Retries: 3, Pause: time.Microsecond, MaxPause: time.Millisecond,
		}})
		if errNew != nil {
			t.Fatal(errNew)
		}
		t.Cleanup(func() { _ = source.Close() })
		parts.Source = source
		var outcome *pipeline.Outcome
		if outcome, err = pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone), Workers: 2}); err != nil {
			return
		}
		for _, f := range outcome.Tally.Failed {
			t.Errorf("failed: %+v", f)
		}
		book = casebook(t, parts)
	})
	if !ok {
		t.FailNow()
	}
	return book, err
}

// TestWhateverGoesWrongARunEndsInTheSameCasebookOrStops draws what goes wrong on a server in two nights between which its data change.
// A run that stops is done again; what it ends in is compared with the casebook of nights in which nothing went wrong.
func TestWhateverGoesWrongARunEndsInTheSameCasebookOrStops(t *testing.T) {
	schedules := 200
	if testing.Short() {
		schedules = 10
	}
	const hospitals = 4
	stopped, through := 0, 0
	for seed := range hospitals {
		l := newLiving(t, uint64(60+seed), 5)
		calm := filepath.Join(t.TempDir(), "calm")
		if err := os.Mkdir(calm, 0o700); err != nil {
			t.Fatal(err)
		}
		want, err := l.attempt(t, calm, 50)
		if err != nil {
			t.Fatal(err)
		}
		state := filepath.Join(t.TempDir(), "state")
		for n := range schedules / hospitals {
			r := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
			script := schedule(r)
			if n%2 == 0 { // the first night
				if err := os.RemoveAll(state); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(state, 0o700); err != nil {
					t.Fatal(err)
				}
			} else { // the next one
				l.pass(time.Hour)
				l.change(t)
				l.change(t)
				l.pass(time.Hour)
				if want, err = l.attempt(t, calm, 50); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.server.Script(script); err != nil {
				t.Fatal(err)
			}
			got, err := l.attempt(t, state, 3+r.IntN(40))
			for again := 0; err != nil; again++ {
				if again == 0 {
					stopped++
				}
				if again == 2 { // the server is mended
					if err := l.server.Script(nil); err != nil {
						t.Fatal(err)
					}
				}
				if again > 3 {
					t.Fatalf("the run does not end on a server that is well: %v", err)
				}
				got, err = l.attempt(t, state, 3+r.IntN(40))
			}
			if err := l.server.Script(nil); err != nil {
				t.Fatal(err)
			}
			through++
			if got != want {
				t.Fatalf("hospital %d, schedule %d: %s\n%+v", seed, n, firstDifference(want, got), *script)
			}
		}
	}
	t.Logf("%d schedules: %d runs stopped and ended when they were done again, %d came through", through, stopped, through-stopped)
	if stopped < through/20 || stopped > through*9/10 {
		t.Errorf("%d of %d runs stopped: the schedules try too little, or too much", stopped, through)
	}
}

