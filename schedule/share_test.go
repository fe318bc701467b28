package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/store/book"
	"github.com/crflink/crflink/store/postgres"
)

// TestSeveralProcessesOnOneBookRunEachNightOnce, never two of a job at once, and take up what one of them left when it died.
func TestSeveralProcessesOnOneBookRunEachNightOnce(t *testing.T) {
	cluster := shared.Postgres(t)
	address := postgres.Address{URL: cluster.Database(t, "nights"), Password: cluster.Password}
	open := func() *book.Book {
		b, err := book.OpenPostgres(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	const jobs, nights = 3, 8
	dead := open()
	due := time.Now().Add(-time.Hour)
	for j := range jobs {
		var all []schedule.Run
		for n := range nights {
			all = append(all, schedule.Run{Job: fmt.Sprint("job", j), Nominal: fmt.Sprint("night", n), Due: due, Begin: due, State: schedule.Waiting, Attempt: 1})
		}
		if _, err := dead.Enter(t.Context(), fmt.Sprint("job", j), due, all); err != nil {
			t.Fatal(err)
		}
	}
	left, err := dead.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := dead.Start(t.Context(), left[0].ID, nil, due); !ok || err != nil { // and says nothing more
		t.Fatal(ok, err)
	}
	var mu sync.Mutex
	done, at, most, total := map[string]int{}, map[string]int{}, 0, make(chan struct{}, jobs*nights+1)
	run := func(_ context.Context, r schedule.Run) schedule.Result {
		mu.Lock()
		done[r.Job+" "+r.Nominal]++
		at[r.Job]++
		most = max(most, at[r.Job])
		mu.Unlock()
		<-time.After(time.Millisecond) // the run's work
		mu.Lock()
		at[r.Job]--
		mu.Unlock()
		total <- struct{}{}
		return schedule.Result{State: schedule.Done}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 3 {
		plan := schedule.Plan{Zone: time.UTC, AtOnce: jobs}
		for j := range jobs {
			plan.Jobs = append(plan.Jobs, schedule.Job{Name: fmt.Sprint("job", j), Each: true, Run: run})
		}
		s := schedule.New(open(), plan, time.Now, slog.New(slog.DiscardHandler))
		s.Company = schedule.Company{Turn: 20 * time.Millisecond, Silence: 500 * time.Millisecond}
		go func() { ended <- s.Serve(ctx, context.WithoutCancel(ctx)) }()
	}
	for range jobs * nights {
		<-total
	}
	stop()
	if err := errors.Join(<-ended, <-ended, <-ended); err != nil {
		t.Error(err)
	}
	for night, n := range done {
		if n != 1 {
			t.Errorf("%s was run %d times", night, n)
		}
	}
	if len(done) != jobs*nights || most != 1 {
		t.Errorf("%d nights were run, up to %d of a job at once", len(done), most)
	}
}
