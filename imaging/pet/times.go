package pet

import "time"

// ReferenceSource says where the moment of decay correction comes from.
type ReferenceSource string

// The sources, in the order in which they are asked.
const (
	FromStated      ReferenceSource = "stated"      // an enhanced object states the moment
	FromVendor      ReferenceSource = "vendor"      // a private tag
	FromSeries      ReferenceSource = "series"      // series date and time, not behind the first acquisition
	FromFrame       ReferenceSource = "frame"       // acquisition and frame reference time, computed back
	FromAcquisition ReferenceSource = "acquisition" // the first acquisition, for want of anything better
	FromInjection   ReferenceSource = "injection"   // decay was corrected to the injection
	NoReference     ReferenceSource = ""
)

// ReferenceSources lists them.
func ReferenceSources() []ReferenceSource {
	return []ReferenceSource{FromStated, FromVendor, FromSeries, FromFrame, FromAcquisition, FromInjection}
}

// earliest returns the first moment that a slice of the series states.
func earliest(slices []Slice, of func(*Slice) time.Time) (first time.Time) {
	for i := range slices {
		if at := of(&slices[i]); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func acquired(s *Slice) time.Time { return s.Acquired }

// reference finds the moment to which a series with decay correction START was corrected.
func reference(slices []Slice, lambda float64) (time.Time, ReferenceSource) {
	first := earliest(slices, acquired)
	if at := earliest(slices, func(s *Slice) time.Time { return s.CorrectedTo }); !at.IsZero() {
		return at, FromStated
	}
	if at := earliest(slices, func(s *Slice) time.Time { return s.Vendor.Reference }); !at.IsZero() {
		return at, FromVendor
	}
	start := earliest(slices, func(s *Slice) time.Time { return s.SeriesStart })
	if !start.IsZero() && (first.IsZero() || !start.After(first)) {
		return start, FromSeries
	}
	if at, ok := back(slices, lambda); ok {
		return at, FromFrame
	}
	if first.IsZero() {
		return time.Time{}, NoReference
	}
	return first, FromAcquisition
}

// back computes the reference from the first slice that states what is needed: the frame's mean activity is the true one at
// the frame reference time, which counts from the reference.
func back(slices []Slice, lambda float64) (at time.Time, ok bool) {
	for i := range slices {
		s := &slices[i]
		if s.Acquired.IsZero() || !s.FrameReference.Known || !s.FrameDuration.positive() || lambda == 0 {
			continue
		}
		seconds := mean(lambda, s.FrameDuration.Value/1000) - s.FrameReference.Value/1000
		found := s.Acquired.Add(time.Duration(seconds * float64(time.Second)))
		if !ok || found.Before(at) {
			at, ok = found, true
		}
	}
	return at, ok
}

// injection returns when the activity was injected. A clock time without a date is of the day of the acquisition, or of the
// day before when it would lie behind it.
func injection(slices []Slice) (at time.Time, previousDay bool) {
	if at := earliest(slices, func(s *Slice) time.Time { return s.Injected }); !at.IsZero() {
		return at, false
	}
	first := earliest(slices, acquired)
	if first.IsZero() {
		first = earliest(slices, func(s *Slice) time.Time { return s.SeriesStart })
	}
	clock := earliest(slices, func(s *Slice) time.Time { return s.InjectedClock })
	if clock.IsZero() || first.IsZero() {
		return time.Time{}, false
	}
	at = time.Date(first.Year(), first.Month(), first.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), first.Location())
	if at.After(first) {
		y, m, d := at.AddDate(0, 0, -1).Date()
		return time.Date(y, m, d, clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), first.Location()), true
	}
	return at, false
}
