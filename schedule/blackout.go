package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Blackout is a time of the day in which no run begins. One whose end is not after its beginning goes over midnight, and
// belongs to the day on which it begins.
type Blackout struct {
	From, To int            // minutes since midnight, as the site's clock shows
	Days     []time.Weekday // none is every day
}

const minutesOfDay = 24 * 60

// ParseBlackout reads times such as 07:00 and 18:30, and days such as mon.
func ParseBlackout(from, to string, days []string) (b Blackout, err error) {
	if b.From, err = parseClock(from); err != nil {
		return b, err
	}
	if b.To, err = parseClock(to); err != nil {
		return b, err
	}
	if b.From == b.To {
		return b, fmt.Errorf("from %s to %s is no time in which anything could run or not", from, to)
	}
	for _, name := range days {
		i := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, strings.ToLower(name))
		if i < 0 {
			return b, fmt.Errorf("%q is no day: write mon, tue, wed, thu, fri, sat or sun", name)
		}
		b.Days = append(b.Days, time.Weekday(i))
	}
	return b, nil
}

func parseClock(text string) (int, error) {
	if text == "24:00" {
		return minutesOfDay, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of the day: write it as 07:30", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// covers reports whether the blackout holds at a time that the site's clock shows.
func (b Blackout) covers(t time.Time) bool {
	minute, today := t.Hour()*60+t.Minute(), t.Weekday()
	if b.From < b.To {
		return b.on(today) && minute >= b.From && minute < b.To
	}
	return b.on(today) && minute >= b.From || b.on((today+6)%7) && minute < b.To
}

func (b Blackout) on(day time.Weekday) bool { return len(b.Days) == 0 || slices.Contains(b.Days, day) }

// Allowed returns the first moment from t on that no blackout covers; ok is false when there is none within eight days.
func Allowed(t time.Time, zone *time.Location, blackouts []Blackout) (at time.Time, ok bool) {
	for end := t.AddDate(0, 0, 8); t.Before(end); t = t.Truncate(time.Minute).Add(time.Minute) {
		if !slices.ContainsFunc(blackouts, func(b Blackout) bool { return b.covers(t.In(zone)) }) {
			return t, true
		}
	}
	return t, false
}
