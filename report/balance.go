package report

import "fmt"

// Unbalanced lists the sums that do not come out: nobody and nothing may be lost between two steps without a reason. It
// is empty for a complete account, and for one that hides small numbers.
func (r Run) Unbalanced() []string {
	if r.Suppressed {
		return nil
	}
	p, c, i := r.Patients, r.Cells, r.Imaging
	var faults []string
	check := func(what string, whole Count, parts ...Count) {
		var sum Count
		for _, n := range parts {
			sum += n
		}
		if sum != whole {
			faults = append(faults, fmt.Sprintf("%s: %d, but the parts are %d", what, whole, sum))
		}
	}
	check("patients found", p.Found, p.Permitted, p.Held.Sum(), p.Excluded.Sum())
	check("patients permitted", p.Permitted, p.Enrolled, p.NotEnrolled, p.Unidentified.Sum())
	check("patients enrolled", p.Enrolled, p.Delivered, p.Failed.Sum())
	check("resources read", r.Resources.Read, r.Resources.Kept, r.Resources.Dropped.Sum())
	check("cells filled", c.Filled, c.New, c.Changed, c.Unchanged)
	check("imaging studies", i.Resources, i.Linked, i.OutOfScope, i.Unlinked.Sum())
	if len(r.Forms) > 0 {
		var filled, empty Count
		for _, f := range r.Forms {
			n, reasons := f.totals()
			filled, empty = filled+n, empty+reasons.Sum()
		}
		check("cells filled", c.Filled, filled)
		check("cells empty", c.Empty.Sum(), empty)
	}
	return faults
}
