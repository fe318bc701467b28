package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/store/book"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// night is a program that serves a plan, with a book that outlives it. Time is the bubble's.
type night struct {
	t    *testing.T
	book *book.Book
	*schedule.Scheduler
	stopSoft, stopHard context.CancelFunc
	done               chan error
}

func openBook(t *testing.T, path string) *book.Book {
	t.Helper()
	b, err := book.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// begin starts the program.
func begin(t *testing.T, path string, plan schedule.Plan) *night {
	t.Helper()
	n := &night{t: t, book: openBook(t, path), done: make(chan error, 1)}
	n.Scheduler = schedule.New(n.book, plan, time.Now, slog.New(slog.DiscardHandler))
	soft, stopSoft := context.WithCancel(context.Background())
	hard, stopHard := context.WithCancel(context.Background())
	n.stopSoft, n.stopHard = stopSoft, stopHard
	go func() { n.done <- n.Serve(soft, hard) }()
	synctest.Wait()
	return n
}

// end stops the program: at once, or when what is under way is done.
func (n *night) end(hard bool) {
	n.t.Helper()
	n.stopSoft()
	if hard {
		n.stopHard()
	}
	if err := <-n.done; err != nil {
		n.t.Error(err)
	}
	n.stopHard()
	if err := n.book.Close(); err != nil {
		n.t.Error(err)
	}
}

// sleep lets time go on.
func sleep(d time.Duration) { <-time.After(d); synctest.Wait() }

// diary notes what was run.
type diary struct {
	mu      sync.Mutex
	begun   []schedule.Run
	done    map[string]int // by job and nominal time
	atOnce  map[string]int
	highest int
	over    bool // two runs of one job overlapped
	all     int
}

func newDiary() *diary { return &diary{done: map[string]int{}, atOnce: map[string]int{}} }

// works returns a run that takes a while, and stops when it is told to.
func (d *diary) works(took time.Duration) func(context.Context, schedule.Run) schedule.Result {
	return func(ctx context.Context, r schedule.Run) schedule.Result {
		d.mu.Lock()
		d.begun = append(d.begun, r)
		d.atOnce[r.Job]++
		d.all++
		d.over = d.over || d.atOnce[r.Job] > 1
		d.highest = max(d.highest, d.all)
		d.mu.Unlock()
		defer func() { d.mu.Lock(); d.atOnce[r.Job]--; d.all--; d.mu.Unlock() }()
		timer := time.NewTimer(took)
		defer timer.Stop()
		select {
		case <-timer.C:
			d.mu.Lock()
			d.done[r.Job+" "+r.Nominal]++
			d.mu.Unlock()
			return schedule.Result{State: schedule.Done}
		case <-ctx.Done():
			return schedule.Result{State: schedule.Waiting, Note: "interrupted"}
		}
	}
}

func (d *diary) order() (jobs []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.begun {
		jobs = append(jobs, r.Job)
	}
	return jobs
}

// runs returns what has begun so far, and nights how many runs were done.
func (d *diary) runs() []schedule.Run {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.begun)
}

func (d *diary) nights() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.done)
}

func job(t *testing.T, name, spec string, run func(context.Context, schedule.Run) schedule.Result) schedule.Job {
	return schedule.Job{Name: name, Schedule: parse(t, spec, "Europe/Berlin"), Keep: 10000, Run: run}
}

func plan(t *testing.T, jobs ...schedule.Job) schedule.Plan {
	return schedule.Plan{Jobs: jobs, Zone: zone(t, "Europe/Berlin"), AtOnce: 1}
}

// TestEveryNightOfAYearIsRunOnce lives through a year with both changes of the clock. The program is stopped softly and hard,
// dies in the middle of runs, and is away for days.
func TestEveryNightOfAYearIsRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chance := rand.New(rand.NewPCG(1, 2))
		path, d := filepath.Join(t.TempDir(), "serve.db"), newDiary()
		specs := map[string]string{"a": "30 2 * * *", "b": "0 3 * * *", "c": "15 2 * * 1-5"}
		var jobs []schedule.Job
		for _, name := range []string{"a", "b", "c"} {
			j := job(t, name, specs[name], d.works(25*time.Minute))
			j.Each, j.Jitter = true, 10*time.Minute
			jobs = append(jobs, j)
		}
		from, days := time.Now(), 365
		if testing.Short() { // the first change of the clock only
			days = 100
		}
		n := begin(t, path, plan(t, jobs...))
		for time.Since(from) < time.Duration(days)*24*time.Hour {
			sleep(time.Duration(chance.IntN(15*24*60)) * time.Minute)
			n.end(chance.IntN(2) == 0)
			if chance.IntN(2) == 0 {
				sleep(time.Duration(chance.IntN(5*24*60)) * time.Minute)
			}
			n = begin(t, path, plan(t, jobs...))
		}
		to := time.Now()
		sleep(10 * 24 * time.Hour) // what was missed at the end is caught up
		n.end(false)
		for name, spec := range specs {
			for _, due := range parse(t, spec, "Europe/Berlin").Between(from, to) {
				if times := d.done[name+" "+due.Nominal]; times != 1 {
					t.Errorf("%s: the night %s was done %d times", name, due.Nominal, times)
				}
			}
		}
		if d.over || d.highest > 1 {
			t.Errorf("runs overlapped: %v, %d at once", d.over, d.highest)
		}
		if d.nights() < 5*days/2 {
			t.Errorf("only %d nights", d.nights())
		}
	})
}

// TestMissedNightsAreCaughtUpOnce: of several the newest is run, and does the work of the others.
func TestMissedNightsAreCaughtUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, d := filepath.Join(t.TempDir(), "serve.db"), newDiary()
		j := job(t, "a", "30 2 * * *", d.works(time.Minute))
		begin(t, path, plan(t, j)).end(false)
		sleep(4*24*time.Hour + 12*time.Hour)
		n := begin(t, path, plan(t, j))
		sleep(time.Hour)
		n.end(false)
		var states []string
		for _, r := range history(t, path) {
			states = append(states, r.Nominal[:10]+" "+string(r.State))
		}
		want := []string{"2000-01-05 done", "2000-01-04 covered", "2000-01-03 covered", "2000-01-02 covered", "2000-01-01 covered"}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Error(diff)
		}
	})
}

func history(t *testing.T, path string) []schedule.Run {
	t.Helper()
	b := openBook(t, path)
	defer func() { _ = b.Close() }()
	runs, err := b.Runs(t.Context(), "", 10000)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func TestTheMoreImportantIsRunFirstAndNoMoreThanAllowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		p := plan(t)
		for i, name := range []string{"low", "high", "middle", "other"} {
			j := job(t, name, "0 2 * * *", d.works(time.Hour))
			j.Priority = []int{0, 9, 5, 0}[i]
			p.Jobs = append(p.Jobs, j)
		}
		p.AtOnce = 2
		n := begin(t, filepath.Join(t.TempDir(), "serve.db"), p)
		sleep(24 * time.Hour)
		n.end(false)
		order := d.order()
		slices.Sort(order[:2]) // begun in one instant, as are the others
		slices.Sort(order[2:])
		if strings.Join(order, " ") != "high middle low other" || d.highest != 2 {
			t.Errorf("%v, %d at once", d.order(), d.highest)
		}
	})
}

func TestAPanicFailsTheRunAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, d := filepath.Join(t.TempDir(), "serve.db"), newDiary()
		bad := job(t, "bad", "0 1 * * *", func(context.Context, schedule.Run) schedule.Result { panic("canary") })
		n := begin(t, path, plan(t, bad, job(t, "good", "0 2 * * *", d.works(time.Minute))))
		sleep(48 * time.Hour)
		n.end(false)
		failed := 0
		for _, r := range history(t, path) {
			if r.Job == "bad" && r.State == schedule.Failed && r.Exit == 4 && strings.Contains(r.Note, "an error of crflink's own") && !strings.Contains(r.Note, "canary") {
				failed++
			}
		}
		if failed != 2 || d.nights() != 2 {
			t.Errorf("%d failed, done: %v\n%+v", failed, d.done, history(t, path))
		}
	})
}

func TestARunThatFailedInPassingIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		j := job(t, "a", "0 2 * * *", func(_ context.Context, r schedule.Run) schedule.Result {
			at = append(at, time.Now())
			if r.Attempt < 3 {
				return schedule.Result{State: schedule.Waiting, Exit: 4, Again: 10 * time.Minute}
			}
			return schedule.Result{State: schedule.Done}
		})
		path := filepath.Join(t.TempDir(), "serve.db")
		n := begin(t, path, plan(t, j))
		sleep(20 * time.Hour)
		n.end(false)
		if len(at) != 3 || at[1].Sub(at[0]) != 10*time.Minute || history(t, path)[0].Attempt != 3 {
			t.Errorf("%v %+v", at, history(t, path))
		}
	})
}

func TestNoRunBeginsInABlackoutButWhatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		p := plan(t, job(t, "a", "0 2 * * *", d.works(time.Minute)))
		b, err := schedule.ParseBlackout("01:30", "05:00", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Blackouts = []schedule.Blackout{b}
		n := begin(t, filepath.Join(t.TempDir(), "serve.db"), p)
		sleep(2 * time.Hour) // it is 03:00 in Berlin
		if len(d.runs()) != 0 {
			t.Error("a run began in the blackout")
		}
		if _, err := n.Ask(t.Context(), "a", "p"); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		if len(d.runs()) != 1 || !d.runs()[0].Asked {
			t.Errorf("%+v", d.runs())
		}
		sleep(6 * time.Hour)
		n.end(false)
		if len(d.runs()) != 2 || d.runs()[1].Asked {
			t.Fatalf("%+v", d.runs())
		}
	})
}

func TestPauseContinueCancelAndAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, d, ctx := filepath.Join(t.TempDir(), "serve.db"), newDiary(), context.Background()
		p := plan(t, job(t, "a", "0 2 * * *", d.works(3*time.Hour)))
		n := begin(t, path, p)
		fine := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		fine(n.Pause(ctx, "a", "Dr. A"))
		sleep(30 * time.Hour)
		n.end(false)
		n = begin(t, path, p) // a pause outlives the program
		if s := n.Standings()[0]; len(d.runs()) != 0 || s.Paused == nil || s.Paused.By != "Dr. A" || len(s.Waiting) != 2 || s.Next.IsZero() {
			t.Fatalf("%+v %+v", d.runs(), s)
		}
		fine(n.Continue(ctx, "a"))
		sleep(time.Minute)
		running := n.Standings()[0].Running
		if len(d.runs()) != 1 || running == nil {
			t.Fatalf("%+v", d.runs())
		}
		asked, err := n.Ask(ctx, "a", "Dr. B")
		fine(err)
		sleep(time.Minute)
		fine(n.Cancel(ctx, asked.ID, "Dr. C"))
		fine(n.Cancel(ctx, running.ID, "Dr. D"))
		sleep(time.Minute)
		n.end(false)
		states := map[string]string{}
		for _, r := range history(t, path) {
			states[fmt.Sprint(r.Nominal[:10], r.Asked)] = string(r.State) + " " + r.By
		}
		want := map[string]string{"2000-01-01false": "covered ", "2000-01-02false": "cancelled Dr. D", "2000-01-02true": "cancelled Dr. C"}
		if diff := cmp.Diff(want, states); diff != "" || len(d.runs()) != 1 {
			t.Error(diff, d.runs())
		}
		n = begin(t, path, p)
		for _, err := range []error{n.Pause(ctx, "x", "p"), n.Cancel(ctx, 99, "p"), n.Cancel(ctx, asked.ID, "p")} {
			if !errors.Is(err, schedule.ErrUnknown) {
				t.Error(err)
			}
		}
		n.end(false)
	})
}

func TestASoftStopWaitsAndAHardOneInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, d := filepath.Join(t.TempDir(), "serve.db"), newDiary()
		p := plan(t, job(t, "a", "0 2 * * *", d.works(time.Hour)))
		n := begin(t, path, p)
		sleep(time.Hour + 30*time.Minute) // 02:30 in Berlin
		n.end(false)
		if d.nights() != 1 {
			t.Error("a soft stop did not wait")
		}
		n = begin(t, path, p)
		sleep(23*time.Hour + 30*time.Minute)
		n.end(true)
		if r := history(t, path)[0]; d.nights() != 1 || r.State != schedule.Waiting {
			t.Errorf("%v %+v", d.done, r)
		}
		n = begin(t, path, p)
		sleep(2 * time.Hour)
		n.end(false)
		if d.nights() != 2 {
			t.Error("the interrupted run did not begin again")
		}
	})
}

func TestAnotherPlanTakesEffectWithoutLosingANight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, d := filepath.Join(t.TempDir(), "serve.db"), newDiary()
		n := begin(t, path, plan(t, job(t, "a", "0 2 * * *", d.works(time.Minute))))
		sleep(30 * time.Hour)
		if err := n.Replace(t.Context(), plan(t, job(t, "a", "0 4 * * *", d.works(time.Minute)), job(t, "b", "0 5 * * *", d.works(time.Minute)))); err != nil {
			t.Fatal(err)
		}
		sleep(24 * time.Hour)
		n.end(false)
		want := map[string]int{"a 2000-01-01T02:00": 1, "a 2000-01-02T02:00": 1, "a 2000-01-03T04:00": 1, "b 2000-01-03T05:00": 1}
		delete(d.done, "")
		if diff := cmp.Diff(want, d.done); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBlackoutsCoverWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		from, to string
		days     []string
		at       string
		next     string
	}{
		{"07:00", "18:00", nil, "2026-09-01T12:00", "2026-09-01T18:00"},
		{"07:00", "18:00", nil, "2026-09-01T06:59", "2026-09-01T06:59"},
		{"22:00", "06:00", []string{"Fri"}, "2026-09-05T01:00", "2026-09-05T06:00"}, // the night from Friday to Saturday
		{"22:00", "06:00", []string{"fri"}, "2026-09-04T01:00", "2026-09-04T01:00"},
		{"00:00", "24:00", []string{"sat", "sun"}, "2026-09-05T01:00", "2026-09-07T00:00"},
		{"00:00", "24:00", nil, "2026-09-05T01:00", "never"},
	} {
		b, err := schedule.ParseBlackout(c.from, c.to, c.days)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", c.at, zone(t, "Europe/Berlin"))
		if err != nil {
			t.Fatal(err)
		}
		next, ok := schedule.Allowed(at, at.Location(), []schedule.Blackout{b})
		got := next.Format("2006-01-02T15:04")
		if !ok {
			got = "never"
		}
		if got != c.next {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for _, bad := range [][]string{{"7", "18:00"}, {"07:00", "25:00"}, {"07:00", "07:00"}, {"07:00", "08:00", "someday"}} {
		if _, err := schedule.ParseBlackout(bad[0], bad[1], bad[2:]); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
