package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/notice"
	"github.com/crflink/crflink/notice/mail"
	"github.com/crflink/crflink/notice/webhook"
	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
)

// openDesk prepares the ways in which people are told.
func (d *daemon) openDesk() error {
	var ways []notice.Way
	if m := d.config.Notify.Mail; m != nil {
		password, err := secretOf(m.Password)
		if err != nil {
			return err
		}
		w, err := mail.New(mail.Options{Server: m.Server, From: m.From, To: m.To, User: m.User, Password: password.Reveal(), TLS: mail.TLS(m.TLS), CA: m.CA})
		if err != nil {
			return err
		}
		ways = append(ways, w)
	}
	for _, h := range d.config.Notify.Webhooks {
		address, urlErr := secretOf(h.URL)
		token, tokenErr := secretOf(h.Token)
		if err := errors.Join(urlErr, tokenErr); err != nil {
			return err
		}
		w, err := webhook.New(wire.Options{Proxy: h.Proxy, TLS: wire.TLS{CA: h.CA}, Auth: wire.Auth{Bearer: token}}, address)
		if err != nil {
			return err
		}
		ways = append(ways, w)
	}
	d.desk, d.drop = notice.Open(d.log, ways...), d.config.Notify.Drop
	return nil
}

// memory is what of studies people were told or the last runs came to.
type memory struct {
	mu     sync.Mutex
	last   map[string]notice.Numbers // by study
	nights map[string]operation.Night
	jobs   map[string]schedule.Job
	done   map[string]time.Time // when the study was last run to its end
	told   map[string]time.Time // when a thing was told
}

func newMemory() *memory {
	return &memory{last: map[string]notice.Numbers{}, done: map[string]time.Time{}, told: map[string]time.Time{}}
}

// plan keeps which nights there are. The studies of a plan are in the order of its configuration.
func (m *memory) plan(config *operation.Config, plan schedule.Plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nights, m.jobs = map[string]operation.Night{}, map[string]schedule.Job{}
	for i, j := range plan.Jobs {
		m.nights[j.Name], m.jobs[j.Name] = config.Nights[i], j
	}
}

// once reports whether a thing was not told within a time, and remembers that it is now.
func (m *memory) once(thing string, now time.Time, within time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.told[thing]; ok && now.Sub(at) < within {
		return false
	}
	m.told[thing] = now
	return true
}

// ended tells people of a run that failed, and keeps when the last good one was.
func (d *daemon) ended(r schedule.Run, result schedule.Result) {
	d.metrics.Ended(r, result.State)
	switch result.State {
	case schedule.Done:
		d.memory.mu.Lock()
		defer d.memory.mu.Unlock()
		d.memory.done[r.Job] = r.Ended
	case schedule.Failed:
		n := notice.Notice{Study: r.Job, Kind: notice.Failed, Urgent: true, At: r.Ended, Text: result.Note}
		n.Title = fmt.Sprintf("%s: run %d failed with exit code %d and is not tried again", r.Job, r.ID, result.Exit)
		if result.Limit {
			n.Kind, n.Title = notice.Limit, fmt.Sprintf("%s: the safety limit stopped run %d", r.Job, r.ID)
		}
		d.desk.Tell(n)
	case schedule.Waiting, schedule.Running, schedule.Covered, schedule.Cancelled:
	}
}

// compare tells people what a run found less of than the one before, and what waits for them.
func (d *daemon) compare(study string, run report.Run, o *pipeline.Outcome) {
	now := numbersOf(run)
	waits := waitsOf(o)
	now.Overdue, now.Withdrawals = waits.Overdue, waits.Withdrawals
	d.memory.mu.Lock()
	before, ok := d.memory.last[study]
	d.memory.last[study] = now
	d.memory.mu.Unlock()
	if !ok {
		before = notice.Nothing
	}
	d.desk.Tell(notice.Judge(study, now, before, d.drop, time.Now())...)
}

// numbersOf reads a report; what it hides is not known.
func numbersOf(r report.Run) notice.Numbers {
	return notice.Numbers{
		Found: int(r.Patients.Found), Permitted: int(r.Patients.Permitted), Held: int(r.Patients.Held.Sum()), Delivered: int(r.Patients.Delivered), Filled: int(r.Cells.Filled),
		Overdue: -1, Withdrawals: -1,
	}
}

// guardInterval is how often is looked for what is late or about to be over.
const guardInterval = time.Minute

// guard tells what no run tells, until the context ends.
func (d *daemon) guard(ctx context.Context) {
	ticker := time.NewTicker(guardInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.late(time.Now())
		}
	}
}

// late tells of nights that were due, and whose time for being run is over.
func (d *daemon) late(now time.Time) {
	for _, s := range d.nights.Standings() {
		d.memory.mu.Lock()
		job, night, done := d.memory.jobs[s.Job], d.memory.nights[s.Job], d.memory.done[s.Job]
		d.memory.mu.Unlock()
		if job.Schedule == nil || s.Paused != nil {
			continue
		}
		from := d.started // a program that was away tells of its own nights only
		if done.After(from) {
			from = done
		}
		due := job.Schedule.Between(from, now.Add(-night.Late))
		if len(due) == 0 || !d.memory.once(s.Job+" late "+due[0].Nominal, now, 24*time.Hour) {
			continue
		}
		d.desk.Tell(notice.Notice{
			Study: s.Job, Kind: notice.Late, Urgent: true, At: now, Title: fmt.Sprintf("%s: the night of %s has not been run", s.Job, strings.Replace(due[0].Nominal, "T", " ", 1)),
			Text: "crflink status and crflink runs tell why.",
		})
	}
}

// expires tells monitoring, and people once a week, of what is about to be over.
func (d *daemon) expires(study, of, what string, at time.Time) {
	d.metrics.Expires(study, of, what, at)
	now := time.Now()
	if !checkup.Soon(at, now) || !d.memory.once(strings.Join([]string{study, of, what}, " "), now, 7*24*time.Hour) {
		return
	}
	d.desk.Tell(notice.Notice{
		Study: study, Kind: notice.Expiring, Urgent: at.Sub(now) < 3*24*time.Hour, At: now,
		Title: fmt.Sprintf("%s: the %s of %s is good until %s", study, what, of, at.UTC().Format(time.DateOnly)), Text: "Have it renewed in time. crflink doctor looks again.",
	})
}
