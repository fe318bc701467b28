package report

import "slices"

// Suppress returns a Run that may leave the site. Every count of 1 to 4 becomes Few, every other is rounded to a
// multiple of 5, so that a hidden number cannot be computed from a sum. The list of rejected resources is left out;
// its tally stays. Warnings, whose texts hold counts, are left out. Stages keep their durations without counts. Merging such a Run gives nonsense: suppress last.
func (r Run) Suppress() Run {
	r.Suppressed = true
	r.Rejected, r.Warnings = nil, nil
	p := r.Patients
	r.Patients = Patients{
		Found: p.Found.hide(), Permitted: p.Permitted.hide(), Held: p.Held.hide(), Excluded: p.Excluded.hide(), NotEnrolled: p.NotEnrolled.hide(),
		Unidentified: p.Unidentified.hide(), Enrolled: p.Enrolled.hide(), Failed: p.Failed.hide(), Delivered: p.Delivered.hide(),
	}
	r.Sources = slices.Clone(r.Sources)
	for i := range r.Sources {
		r.Sources[i].Patients = r.Sources[i].Patients.hide()
	}
	r.Resources = Resources{
		Read: r.Resources.Read.hide(), Kept: r.Resources.Kept.hide(), Dropped: r.Resources.Dropped.hide(), Rejected: r.Resources.Rejected.hide(),
	}
	c := r.Cells
	r.Cells = Cells{
		Filled: c.Filled.hide(), New: c.New.hide(), Changed: c.Changed.hide(), Unchanged: c.Unchanged.hide(),
		Vanished: c.Vanished.hide(), Conflicts: c.Conflicts.hide(), Empty: c.Empty.hide(),
	}
	i := r.Imaging
	r.Imaging = Imaging{
		Resources: i.Resources.hide(), Linked: i.Linked.hide(), OutOfScope: i.OutOfScope.hide(),
		Links: i.Links.hide(), Unlinked: i.Unlinked.hide(), Refused: i.Refused.hide(),
	}
	r.Forms, r.Targets, r.Stages = hideForms(r.Forms), hideTargets(r.Targets), hideStages(r.Stages)
	return r
}

func (c Count) hide() Count {
	switch {
	case c <= 0:
		return c
	case c < smallest:
		return Few
	}
	return (c + smallest/2) / smallest * smallest
}

func (t Tally) hide() Tally {
	hidden := Tally{}
	for reason, n := range t {
		hidden[reason] = n.hide()
	}
	return hidden
}

func hideForms(forms []Form) []Form {
	hidden := make([]Form, len(forms))
	for i, f := range forms {
		hidden[i] = Form{Name: f.Name, Label: f.Label}
		for _, item := range f.Items {
			item.Filled, item.Empty = item.Filled.hide(), item.Empty.hide()
			hidden[i].Items = append(hidden[i].Items, item)
		}
	}
	return hidden
}

func hideTargets(targets []Target) []Target {
	hidden := make([]Target, len(targets))
	for i, t := range targets {
		t.Rows, t.Cells, t.Queries = t.Rows.hide(), t.Cells.hide(), t.Queries.hide()
		if d := t.Disclosure; d != nil {
			t.Disclosure = &Disclosure{
				K: d.K, AtRisk: d.AtRisk.hide(), Classes: d.Classes.hide(), Smallest: d.Smallest.hide(), Steps: d.Steps, Suppressed: d.Suppressed.hide(), Withheld: d.Withheld.hide(),
			}
		}
		if l := t.Live; l != nil {
			t.Live = &Live{
				Written: l.Written.hide(), Unchanged: l.Unchanged.hide(), Conflicts: l.Conflicts.hide(), Queries: l.Queries.hide(),
				Rejected: l.Rejected.hide(), Locked: l.Locked.hide(), Notes: l.Notes,
			}
		}
		hidden[i] = t
	}
	return hidden
}

func hideStages(stages []Stage) []Stage {
	hidden := make([]Stage, len(stages))
	for i, s := range stages {
		s.Count = 0
		hidden[i] = s
	}
	return hidden
}
