package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron specification in a time zone. It is safe for concurrent use.
type Schedule struct {
	spec  string
	times cron.Schedule
	zone  *time.Location
}

// Due is one run that a schedule asks for.
type Due struct {
	Nominal string    // 2026-03-29T02:30: what the site's clock shows, or would show
	At      time.Time // the moment
}

const nominalLayout = "2006-01-02T15:04"

// Parse reads a cron specification of five fields (minute, hour, day of month, month, day of week) or a name such as
// @daily. The zone is the site's. Specifications without a nominal time (@every) or with a zone of their own are refused.
func Parse(spec string, zone *time.Location) (*Schedule, error) {
	switch {
	case zone == nil:
		return nil, errors.New("schedule: no time zone of the site")
	case strings.HasPrefix(spec, "@every"):
		return nil, errors.New("schedule: @every counts from the program's start and names no night; write minute and hour, for example 30 2 * * *")
	case strings.HasPrefix(spec, "TZ="), strings.HasPrefix(spec, "CRON_TZ="):
		return nil, errors.New("schedule: the time zone is the study's; leave it out of the specification")
	}
	times, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	return &Schedule{spec: spec, times: times, zone: zone}, nil
}

// String returns the specification.
func (s *Schedule) String() string { return s.spec }

// Between returns the runs that are due after from and not after to, in order. Adjoining intervals give every run
// once: nothing is lost or doubled by asking again from where one stopped.
func (s *Schedule) Between(from, to time.Time) []Due {
	var all []Due
	for nominal := s.before(from); ; {
		nominal = s.times.Next(nominal)
		at := s.moment(nominal)
		if nominal.IsZero() || at.After(to) {
			return all
		}
		if at.After(from) {
			all = append(all, Due{nominal.Format(nominalLayout), at})
		}
	}
}

// Next returns the first run that is due after a moment; ok is false when the specification never comes true, as on
// 30 February.
func (s *Schedule) Next(after time.Time) (due Due, ok bool) {
	for nominal := s.before(after); ; {
		if nominal = s.times.Next(nominal); nominal.IsZero() {
			return Due{}, false
		}
		if at := s.moment(nominal); at.After(after) {
			return Due{nominal.Format(nominalLayout), at}, true
		}
	}
}

// before returns a nominal time that lies before all that may be due after t: no clock is set by more than a few hours.
func (s *Schedule) before(t time.Time) time.Time {
	return wall(t.In(s.zone), time.UTC).Add(-6 * time.Hour)
}

// wall returns the time of another zone whose clock shows what t's clock shows.
func wall(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
}

// moment returns when the site's clock first shows the nominal time, or goes on behind it.
func (s *Schedule) moment(nominal time.Time) time.Time {
	t := wall(nominal, s.zone)
	if !sameClock(t, nominal) {
		return s.behindGap(t)
	}
	_, begin := t.Zone()
	for _, earlier := range []time.Duration{time.Hour, 30 * time.Minute, 2 * time.Hour} {
		first := t.Add(-earlier)
		if _, offset := first.Zone(); offset != begin && sameClock(first, nominal) {
			return first
		}
	}
	return t
}

// behindGap returns the moment at which the clock jumps over t.
func (s *Schedule) behindGap(t time.Time) time.Time {
	low, high := t.Add(-6*time.Hour), t.Add(6*time.Hour)
	_, before := low.Zone()
	for high.Sub(low) > time.Second {
		middle := low.Add(high.Sub(low) / 2).Truncate(time.Second)
		if _, offset := middle.Zone(); offset == before {
			low = middle
		} else {
			high = middle
		}
	}
	return high.Truncate(time.Second)
}

func sameClock(t, nominal time.Time) bool {
	return wall(t, time.UTC).Equal(wall(nominal, time.UTC))
}
