package pipeline_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
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
		study := l.studyIn(state)
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
	const hospitals = 4
	schedules := 200
	if testing.Short() {
		schedules = 8
	}
	var stopped atomic.Int64
	t.Run("hospitals", func(t *testing.T) {
		for seed := range hospitals {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				u := unlucky{living: newLiving(t, uint64(60+seed), 3), calm: filepath.Join(t.TempDir(), "calm"), state: filepath.Join(t.TempDir(), "state")}
				for n := range schedules / hospitals {
					stopped.Add(u.night(t, n, rand.New(rand.NewPCG(uint64(seed), uint64(n)))))
				}
			})
		}
	})
	t.Logf("%d schedules: %d runs stopped and ended when they were done again", schedules, stopped.Load())
	if n := int(stopped.Load()); !testing.Short() && (n < schedules/20 || n > schedules*9/10) {
		t.Errorf("%d of %d runs stopped: the schedules try too little, or too much", n, schedules)
	}
}

// unlucky is a hospital with two state folders: of nights in which nothing goes wrong, and of those in which something does.
type unlucky struct {
	*living
	calm, state string
}

// begin lets nights begin: every second one is the first of its study.
func (u *unlucky) begin(t *testing.T, first bool) (want string) {
	t.Helper()
	if !first {
		u.pass(time.Hour)
		u.change(t)
		u.change(t)
		u.pass(time.Hour)
	}
	for _, dir := range []string{u.calm, u.state} {
		if first {
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := u.attempt(t, u.calm, 50)
	if err != nil {
		t.Fatal(err)
	}
	if first {
		copyVault(t, u.calm, u.state) // so that both give the same keyed ids
	}
	return want
}

// night does a run on which something goes wrong, again until it ends, and says whether it stopped.
func (u *unlucky) night(t *testing.T, n int, r *rand.Rand) (stopped int64) {
	t.Helper()
	want, script := u.begin(t, n%2 == 0), schedule(r)
	u.script(t, script)
	got, err := u.attempt(t, u.state, 3+r.IntN(40))
	for again := 1; err != nil; again++ {
		stopped = 1
		if again == 3 {
			u.script(t, nil) // the server is mended
		}
		if again > 4 {
			t.Fatalf("the run does not end on a server that is well: %v", err)
		}
		got, err = u.attempt(t, u.state, 3+r.IntN(40))
	}
	u.script(t, nil)
	if got != want {
		t.Fatalf("schedule %d: %s\n%+v", n, firstDifference(want, got), *script)
	}
	return stopped
}

func (u *unlucky) script(t *testing.T, s *synth.Script) {
	t.Helper()
	if err := u.server.Script(s); err != nil {
		t.Fatal(err)
	}
}
