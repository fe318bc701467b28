package consent

import (
	"slices"

	"github.com/crflink/crflink/fhir"
)

const (
	systemLevel    = "http://fhir.de/CodeSystem/Kontaktebene"
	levelFacility  = "einrichtungskontakt"
	profileContact = "https://www.medizininformatik-initiative.de/fhir/core/modul-fall/StructureDefinition/KontaktGesundheitseinrichtung"
)

// readStays collects the patient's closed hospital stays: Encounters of the facility level with begin and end in whole
// days. An Encounter that is marked as another level (department, ward) or carries other profiles only is none; one
// without any mark counts, because many servers leave the marks out.
func (e *evaluation) readStays() {
	if !e.policy.set.EncounterShift {
		return
	}
	for _, res := range e.facts.Encounters {
		if res == nil || res.Type != "Encounter" || !isStay(res) || e.person.whose(res.Get("subject"), e.facts.Patients) != ofOwn {
			continue
		}
		start, ok1 := wholeDay(e, res.Path("period", "start"))
		end, ok2 := wholeDay(e, res.Path("period", "end"))
		if ok1 && ok2 && start <= end {
			e.stays = append(e.stays, Interval{start, end})
		}
	}
}

func wholeDay(e *evaluation, n fhir.Node) (fhir.Day, bool) {
	d, ok := readDate(n)
	if !ok || d.Precision < fhir.DayPrecision {
		return 0, false
	}
	first, _ := d.Days(e.policy.zone)
	return first, true
}

func isStay(res *fhir.Resource) bool {
	if slices.Contains([]string{"planned", "cancelled", "entered-in-error", "unknown"}, res.Get("status").Text()) {
		return false
	}
	marked, facility := false, false
	for typs := each(res.Get("type")); typs.Exists(); typs.step() {
		typ := typs.Node
		for cs := each(typ.Get("coding")); cs.Exists(); cs.step() {
			c := cs.Node
			if c.Get("system").Text() == systemLevel {
				marked = true
				facility = facility || c.Get("code").Text() == levelFacility
			}
		}
	}
	if marked {
		return facility
	}
	for ns := each(res.Path("meta", "profile")); ns.Exists(); ns.step() {
		n := ns.Node
		marked = true
		facility = facility || fhir.TrimVersion(n.Text()) == profileContact
	}
	return facility || !marked
}

// readSubjects collects which Consents the study's ResearchSubjects name, and the days of participation.
func (e *evaluation) readSubjects() {
	want := e.policy.set.Study.Reference
	if want == "" {
		return
	}
	e.enrolled = map[fhir.Key]bool{}
	for _, res := range e.facts.Subjects {
		study, _ := fhir.ParseReference(res.Path("study", "reference").Text()).Key()
		if study.String() != want || !slices.Contains(e.policy.set.Study.Statuses, res.Get("status").Text()) ||
			e.person.whose(res.Get("individual"), e.facts.Patients) != ofOwn {
			continue
		}
		if key, ok := fhir.ParseReference(res.Path("consent", "reference").Text()).Key(); ok {
			e.enrolled[key] = true
		}
		if span, ok := participation(e, res.Get("period")); ok {
			e.inStudy = append(e.inStudy, span)
		}
	}
	e.inStudy = e.inStudy.normalise()
}

// participation reads ResearchSubject.period: without end it goes on, without a readable start it is none.
func participation(e *evaluation, period fhir.Node) (Interval, bool) {
	start, ok := lateDay(period.Get("start"), e.policy.zone)
	if !ok {
		return Interval{}, false
	}
	span := Interval{start, fhir.LastDay}
	if end := period.Get("end"); end.Exists() {
		if span.End, ok = earlyDay(end, e.policy.zone); !ok {
			return Interval{}, false
		}
	}
	return span, !span.empty()
}
