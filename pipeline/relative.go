package pipeline

import (
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// indexEvent reads the event from which days are counted. Imaging sessions count from it too, unless they have their own.
func (l *loader) indexEvent(v yamldoc.Value) {
	s := l.study
	relative := s.Dates.Mode == pseudonym.Relative
	switch {
	case relative && !v.Exists():
		l.doc.Root().Errorf("index-event: NAME, an event of the mapping file", "dates: relative needs the event from which days are counted")
	case !relative && v.Exists():
		v.Errorf("dates: relative", "index-event is for dates: relative only")
	case relative && s.Mapping != nil && !s.Mapping.HasEvent(v.Text()):
		v.Errorf("an event of the mapping file", "unknown event %q", v.Text())
	}
	s.IndexEvent = v.Text()
	if relative && s.Imaging.Event == "" {
		s.Imaging.Event = s.IndexEvent
	}
}

// indexDay is the day of the subject's index event among the days of its events; "" when it did not happen, or nothing is
// counted from it.
func (r *runner) indexDay(days map[string]fhir.Day) string {
	day, ok := days[r.Study.IndexEvent]
	if !ok || r.Study.Dates.Mode != pseudonym.Relative {
		return ""
	}
	return day.String()
}

// relative makes a delivery count days where the study wants it.
func (r *runner) relative(d ecrf.Delivery) ecrf.Delivery {
	if r.Study.Dates.Mode != pseudonym.Relative {
		return d
	}
	return d.RelativeTo(func(f ecrf.Facts) (string, bool) {
		kept, err := readSessions(f.Links)
		return kept.Index, err == nil && kept.Index != ""
	})
}
