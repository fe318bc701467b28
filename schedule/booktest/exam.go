package booktest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/schedule"
)

var start = time.Date(2026, 3, 28, 1, 30, 0, 123000, time.UTC)

func night(job string, day int) schedule.Run {
	due := start.AddDate(0, 0, day)
	return schedule.Run{Job: job, Nominal: due.Format("2006-01-02T15:04"), Due: due, Begin: due.Add(time.Minute), State: schedule.Waiting, Attempt: 1}
}

// Run examines a kind of book. open opens the same empty book each time it is called.
func Run(t *testing.T, fresh func(t *testing.T) (open func() schedule.Book)) {
	t.Helper()
	for name, exam := range map[string]func(*testing.T, func() schedule.Book){
		"a night is entered once":                   enteredOnce,
		"a run is started once and ends once":       startedOnce,
		"a run under way begins again":              resumed,
		"a run that is asked for has an id":         asked,
		"pauses are kept":                           paused,
		"old runs are forgotten, and no other":      pruned,
		"what is not there is an error of its kind": unknown,
	} {
		t.Run(name, func(t *testing.T) { exam(t, fresh(t)) })
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func enteredOnce(t *testing.T, open func() schedule.Book) {
	b, ctx := open(), t.Context()
	if _, known, err := b.Planned(ctx, "a"); known || err != nil {
		t.Fatal("a new job is known", err)
	}
	if n := must[int](t)(b.Enter(ctx, "a", start.AddDate(0, 0, 1), []schedule.Run{night("a", 0), night("a", 1)})); n != 2 {
		t.Errorf("%d nights were added", n)
	}
	if n := must[int](t)(b.Enter(ctx, "a", start.AddDate(0, 0, 2), []schedule.Run{night("a", 1), night("a", 2)})); n != 1 {
		t.Errorf("%d nights were added, one was there", n)
	}
	must[int](t)(b.Enter(ctx, "b", start, []schedule.Run{night("b", 0)}))
	until, known, err := open().Planned(ctx, "a") // another process sees it
	if err != nil || !known || !until.Equal(start.AddDate(0, 0, 2)) {
		t.Errorf("%v %v %v", until, known, err)
	}
	var names []string
	for _, r := range must[[]schedule.Run](t)(open().Waiting(ctx)) {
		names = append(names, r.Job+" "+r.Nominal)
	}
	want := []string{"a 2026-03-28T01:30", "b 2026-03-28T01:30", "a 2026-03-29T01:30", "a 2026-03-30T01:30"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func startedOnce(t *testing.T, open func() schedule.Book) {
	b, ctx := open(), t.Context()
	must[int](t)(b.Enter(ctx, "a", start, []schedule.Run{night("a", 0), night("a", 1)}))
	waiting := must[[]schedule.Run](t)(b.Waiting(ctx))
	first, second := waiting[0], waiting[1]
	begun, ended := start.Add(time.Hour), start.Add(2*time.Hour)
	if !must[bool](t)(b.Start(ctx, second.ID, []int64{first.ID}, begun)) || must[bool](t)(b.Start(ctx, second.ID, nil, begun)) || must[bool](t)(b.Start(ctx, first.ID, nil, begun)) {
		t.Error("a run was started twice, or one that another covers")
	}
	result := schedule.Result{State: schedule.Done, Exit: 5, Note: "n", Report: []byte(`{"a":1}`)}
	ok(t, b.End(ctx, second.ID, result, ended))
	ok(t, b.End(ctx, second.ID, schedule.Result{State: schedule.Failed}, ended))
	first.State, first.Covered, first.Ended = schedule.Covered, second.ID, begun
	second.State, second.Started, second.Ended, second.Exit, second.Note = schedule.Done, begun, ended, 5, "n"
	if diff := cmp.Diff([]schedule.Run{second, first}, must[[]schedule.Run](t)(open().Runs(ctx, "a", 10))); diff != "" {
		t.Error(diff)
	}
	if got := must[[]byte](t)(open().Report(ctx, second.ID)); string(got) != `{"a":1}` {
		t.Errorf("the report is %s", got)
	}
	if got := must[[]byte](t)(b.Report(ctx, first.ID)); got != nil {
		t.Errorf("a report of nothing: %s", got)
	}
	if must[bool](t)(b.Cancel(ctx, second.ID, "p", ended)) {
		t.Error("a run that is over was cancelled")
	}
}

func resumed(t *testing.T, open func() schedule.Book) {
	b, ctx := open(), t.Context()
	must[int](t)(b.Enter(ctx, "a", start, []schedule.Run{night("a", 0), night("a", 1)}))
	waiting := must[[]schedule.Run](t)(b.Waiting(ctx))
	if !must[bool](t)(b.Start(ctx, waiting[1].ID, nil, start)) || must[bool](t)(open().Start(ctx, waiting[0].ID, nil, start)) {
		t.Error("two runs of a job are under way")
	}
	ok(t, open().End(ctx, waiting[1].ID, schedule.Result{State: schedule.Failed}, start)) // another process: the run is not its own
	ok(t, b.End(ctx, waiting[1].ID, schedule.Result{State: schedule.Waiting, Exit: 4, Note: "down", Again: time.Hour}, start))
	if !must[bool](t)(b.Start(ctx, waiting[0].ID, nil, start)) {
		t.Error("the run does not begin")
	}
	if mine := must[[]int64](t)(b.Beat(ctx)); len(mine) != 1 || mine[0] != waiting[0].ID {
		t.Errorf("its runs are %v", mine)
	}
	if other := must[[]int64](t)(open().Beat(ctx)); len(other) != 0 {
		t.Errorf("another process has %v", other)
	}
	if n := must[int](t)(open().Resume(ctx, time.Hour)); b.Shared() && n != 0 {
		t.Error("a run was taken from a process that is there")
	} else if b.Shared() {
		n = must[int](t)(open().Resume(ctx, 0))
		if len(must[[]int64](t)(b.Beat(ctx))) != 0 || n != 1 {
			t.Errorf("%d runs were resumed, and their process does not know", n)
		}
	} else if n != 1 {
		t.Errorf("%d runs were resumed", n)
	}
	again := must[[]schedule.Run](t)(open().Waiting(ctx))
	if len(again) != 2 || again[0].Attempt != 2 || again[1].Attempt != 2 || !again[1].Begin.Equal(start.Add(time.Hour)) || again[1].Note != "down" {
		t.Errorf("%+v", again)
	}
}

func asked(t *testing.T, open func() schedule.Book) {
	b, ctx := open(), t.Context()
	one := schedule.Run{Job: "a", Nominal: "2026-03-28T10:00:00.1Z", Asked: true, By: "p", Due: start, Begin: start, State: schedule.Waiting, Attempt: 1}
	got := must[schedule.Run](t)(b.Ask(ctx, one))
	if one.ID = got.ID; got.ID == 0 {
		t.Fatal("no id")
	}
	if diff := cmp.Diff([]schedule.Run{one}, must[[]schedule.Run](t)(open().Waiting(ctx))); diff != "" {
		t.Error(diff)
	}
	if !must[bool](t)(b.Cancel(ctx, one.ID, "q", start)) {
		t.Error("it was not cancelled")
	}
	if r := must[[]schedule.Run](t)(b.Runs(ctx, "", 1))[0]; r.State != schedule.Cancelled || r.By != "q" || !r.Ended.Equal(start) {
		t.Errorf("%+v", r)
	}
}

func paused(t *testing.T, open func() schedule.Book) {
	b, ctx := open(), t.Context()
	ok(t, b.SetPause(ctx, "a", &schedule.Pause{Since: start, By: "p"}))
	must[int](t)(b.Enter(ctx, "a", start, nil))
	got := must[map[string]schedule.Pause](t)(open().Pauses(ctx))
	if p := got["a"]; len(got) != 1 || !p.Since.Equal(start) || p.By != "p" {
		t.Errorf("%+v", got)
	}
	ok(t, b.SetPause(ctx, "a", nil))
	if got := must[map[string]schedule.Pause](t)(b.Pauses(ctx)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if _, known, err := b.Planned(ctx, "a"); !known || err != nil {
		t.Error("a pause made the job new", err)
	}
}

func pruned(t *testing.T, open func() schedule.Book) {
	b, ctx := open(), t.Context()
	var nights []schedule.Run
	for day := range 6 {
		nights = append(nights, night("a", day))
	}
	must[int](t)(b.Enter(ctx, "a", start, nights))
	must[int](t)(b.Enter(ctx, "b", start, []schedule.Run{night("b", 0)}))
	for i, r := range must[[]schedule.Run](t)(b.Waiting(ctx)) {
		if r.Job == "a" && i < 5 {
			must[bool](t)(b.Start(ctx, r.ID, nil, start))
			ok(t, b.End(ctx, r.ID, schedule.Result{State: schedule.Done}, start))
		}
	}
	ok(t, b.Prune(ctx, "a", 2))
	states := map[schedule.State]int{}
	for _, r := range must[[]schedule.Run](t)(b.Runs(ctx, "", 100)) {
		states[r.State]++
	}
	if states[schedule.Done] != 2 || states[schedule.Waiting] != 3 {
		t.Errorf("%v", states)
	}
}

func unknown(t *testing.T, open func() schedule.Book) {
	if _, err := open().Report(t.Context(), 99); !errors.Is(err, schedule.ErrUnknown) {
		t.Error(err)
	}
	if must[bool](t)(open().Cancel(t.Context(), 99, "p", start)) || must[bool](t)(open().Start(t.Context(), 99, nil, start)) {
		t.Error("what is not there was changed")
	}
}
