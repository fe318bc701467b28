package redcap

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// events reads the files of a longitudinal project: one row per event, or one per event and instrument.
func (r *reader) events(files []io.Reader) error {
	designated := false
	for _, file := range files {
		s, err := readSheet(file, map[string]string{"instrument": "form", "form_name": "form", "event": "unique_event_name"})
		switch {
		case err != nil:
			return fmt.Errorf("events: %w", err)
		case !s.has("unique_event_name"):
			return errors.New("events: the column unique_event_name is not there; export the events or the instrument-event mapping from REDCap")
		}
		designated = designated || s.has("form")
		for _, row := range s.rows {
			r.event(s, row)
		}
	}
	if len(r.draft.Events) > 0 && !designated {
		for i := range r.draft.Events {
			for _, f := range r.draft.Forms {
				r.draft.Events[i].Forms = append(r.draft.Events[i].Forms, f.Name)
			}
		}
		r.draft.Remark(ecrf.Assumed, "", "every form is in every event, because there is no instrument-event mapping among the files of events")
	}
	return nil
}

func (r *reader) event(s *sheet, row []string) {
	name := s.get(row, "unique_event_name")
	if name == "" {
		return
	}
	i := slices.IndexFunc(r.draft.Events, func(e ecrf.DraftEvent) bool { return e.Name == name })
	if i < 0 {
		i = len(r.draft.Events)
		r.draft.Events = append(r.draft.Events, ecrf.DraftEvent{Name: name})
	}
	e := &r.draft.Events[i]
	if label := s.get(row, "event_name"); label != "" {
		if arm := s.get(row, "arm_num"); arm != "" {
			label += " (arm " + arm + ")"
		}
		e.Label = label
	}
	switch form := s.get(row, "form"); {
	case form == "":
	case !r.knows(form):
		r.draft.Remark(ecrf.LeftOut, name+" "+form, "the instrument-event mapping names an instrument that the data dictionary does not have")
	case !slices.Contains(e.Forms, form):
		e.Forms = append(e.Forms, form)
	}
}

func (r *reader) knows(form string) bool {
	_, ok := r.forms[form]
	return ok
}

// repeating reads which instruments repeat. A row without an instrument is a repeating event.
func (r *reader) repeating(file io.Reader) error {
	if file == nil {
		return nil
	}
	s, err := readSheet(file, map[string]string{"instrument": "form_name", "form": "form_name", "unique_event_name": "event_name"})
	switch {
	case err != nil:
		return fmt.Errorf("repeating instruments: %w", err)
	case !s.has("form_name") && !s.has("event_name"):
		return errors.New("repeating instruments: neither form_name nor event_name is a column; export repeatingFormsEvents from REDCap")
	}
	for _, row := range s.rows {
		event, form := s.get(row, "event_name"), s.get(row, "form_name")
		switch i, ok := r.forms[form]; {
		case form == "" && event != "":
			r.repeatingEvent(event)
		case form == "":
		case !ok:
			r.draft.Remark(ecrf.LeftOut, form, "the list of repeating instruments names an instrument that the data dictionary does not have")
		default:
			r.draft.Forms[i].Repeating = true
			r.oneRepeating(form, event)
		}
	}
	return nil
}

func (r *reader) repeatingEvent(name string) {
	i := slices.IndexFunc(r.draft.Events, func(e ecrf.DraftEvent) bool { return e.Name == name })
	if i < 0 {
		r.draft.Remark(ecrf.LeftOut, name, "the list of repeating instruments names an event that the files of events do not have")
		return
	}
	r.draft.Events[i].Repeating = true
}

// oneRepeating remarks that the form repeats in every event here, and only in one there.
func (r *reader) oneRepeating(form, event string) {
	for _, e := range r.draft.Events {
		if e.Name != event && slices.Contains(e.Forms, form) {
			r.draft.Remark(ecrf.Changed, form+" in "+e.Name, "the instrument repeats in all its events here, in REDCap only in "+event)
		}
	}
}
