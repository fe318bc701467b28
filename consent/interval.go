package consent

import (
	"cmp"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// Interval is a span of calendar days, both ends included.
type Interval struct{ Start, End fhir.Day }

// Covers reports whether the days first to last lie inside the interval.
func (i Interval) Covers(first, last fhir.Day) bool {
	return first <= last && i.Start <= first && last <= i.End
}

func (i Interval) overlaps(j Interval) bool { return i.Start <= j.End && j.Start <= i.End }

func (i Interval) empty() bool { return i.End < i.Start }

// always is every day that FHIR can write.
var always = Interval{fhir.FirstDay, fhir.LastDay}

// days is a set of days: intervals in order that neither overlap nor touch.
type days []Interval

// covers reports whether first to last lie inside one interval.
func (d days) covers(first, last fhir.Day) bool {
	for _, i := range d {
		if i.Covers(first, last) {
			return true
		}
	}
	return false
}

func (d days) has(day fhir.Day) bool { return d.covers(day, day) }

// normalise sorts and merges, in place.
func (d days) normalise() days {
	if len(d) < 2 {
		return d
	}
	slices.SortFunc(d, func(a, b Interval) int { return cmp.Compare(a.Start, b.Start) })
	out := d[:1]
	for _, i := range d[1:] {
		if last := &out[len(out)-1]; i.Start <= last.End+1 {
			last.End = max(last.End, i.End)
		} else {
			out = append(out, i)
		}
	}
	return out
}

// subtract takes the interval out of the intervals from index from on.
func (d days) subtract(from int, cut Interval) days {
	for i := from; i < len(d); i++ {
		have := d[i]
		if !have.overlaps(cut) {
			continue
		}
		left, right := Interval{have.Start, cut.Start - 1}, Interval{cut.End + 1, have.End}
		switch {
		case left.empty() && right.empty():
			d = append(d[:i], d[i+1:]...)
			i--
		case left.empty():
			d[i] = right
		case right.empty():
			d[i] = left
		default:
			d[i] = left
			d = append(d, right)
		}
	}
	return d
}

// intersect appends to dst the days that are in both sets.
func intersect(dst, a, b days) days {
	for _, x := range a {
		for _, y := range b {
			if x.overlaps(y) {
				dst = append(dst, Interval{max(x.Start, y.Start), min(x.End, y.End)})
			}
		}
	}
	return dst
}
