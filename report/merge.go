package report

import (
	"cmp"
	"slices"
)

// Merge adds the counts, rejections, warnings and stages of another Run: that of a shard, or of a resumed run. The
// result does not depend on the order of the merges, except for the order of stages and of forms that are new to r.
func (r *Run) Merge(o Run) {
	r.Patients.merge(o.Patients)
	r.Resources.merge(o.Resources)
	r.Cells.merge(o.Cells)
	r.Imaging.merge(o.Imaging)
	r.Rejected = append(r.Rejected, o.Rejected...)
	slices.SortFunc(r.Rejected, func(a, b Rejected) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Reason, b.Reason))
	})
	for _, f := range o.Forms {
		r.form(f).merge(f)
	}
	for _, t := range o.Targets {
		r.target(t).merge(t)
	}
	for _, s := range o.Stages {
		r.stage(s)
	}
	for _, w := range o.Warnings {
		if !slices.Contains(r.Warnings, w) {
			r.Warnings = append(r.Warnings, w)
		}
	}
	slices.Sort(r.Warnings)
	r.AuditHead = cmp.Or(o.AuditHead, r.AuditHead)
}

func (t *Tally) merge(o Tally) {
	for reason, n := range o {
		t.Add(reason, int(n))
	}
}

func (p *Patients) merge(o Patients) {
	p.Found += o.Found
	p.Permitted += o.Permitted
	p.NotEnrolled += o.NotEnrolled
	p.Enrolled += o.Enrolled
	p.Delivered += o.Delivered
	p.Held.merge(o.Held)
	p.Excluded.merge(o.Excluded)
	p.Unidentified.merge(o.Unidentified)
	p.Failed.merge(o.Failed)
}

func (r *Resources) merge(o Resources) {
	r.Read += o.Read
	r.Kept += o.Kept
	r.Dropped.merge(o.Dropped)
	r.Rejected.merge(o.Rejected)
}

func (c *Cells) merge(o Cells) {
	c.Filled += o.Filled
	c.New += o.New
	c.Changed += o.Changed
	c.Unchanged += o.Unchanged
	c.Vanished += o.Vanished
	c.Conflicts += o.Conflicts
	c.Empty.merge(o.Empty)
}

func (i *Imaging) merge(o Imaging) {
	i.Resources += o.Resources
	i.Linked += o.Linked
	i.OutOfScope += o.OutOfScope
	i.Links.merge(o.Links)
	i.Unlinked.merge(o.Unlinked)
	i.Refused.merge(o.Refused)
}

func (t *Target) merge(o Target) {
	t.Rows += o.Rows
	t.Cells += o.Cells
	t.Queries += o.Queries
	t.Error = cmp.Or(t.Error, o.Error)
	t.Disclosure = cmp.Or(t.Disclosure, o.Disclosure)
	t.Live = t.Live.plus(o.Live)
}

// plus sums what became of cells; nil is nothing.
func (l *Live) plus(o *Live) *Live {
	switch {
	case o == nil:
		return l
	case l == nil:
		l = &Live{}
	}
	return &Live{
		Written: l.Written + o.Written, Unchanged: l.Unchanged + o.Unchanged, Conflicts: l.Conflicts + o.Conflicts, Queries: l.Queries + o.Queries,
		Rejected: l.Rejected + o.Rejected, Locked: l.Locked + o.Locked, Notes: slices.Concat(l.Notes, o.Notes),
	}
}

// form returns the form of f's name, which it adds when it is not there.
func (r *Run) form(f Form) *Form {
	i := slices.IndexFunc(r.Forms, func(o Form) bool { return o.Name == f.Name })
	if i < 0 {
		i = len(r.Forms)
		r.Forms = append(r.Forms, Form{Name: f.Name, Label: f.Label})
	}
	return &r.Forms[i]
}

func (f *Form) merge(o Form) {
	for _, item := range o.Items {
		i := slices.IndexFunc(f.Items, func(x Item) bool { return x.Name == item.Name })
		if i < 0 {
			i = len(f.Items)
			f.Items = append(f.Items, Item{Name: item.Name, Label: item.Label})
		}
		f.Items[i].Filled += item.Filled
		f.Items[i].Empty.merge(item.Empty)
	}
}

func (r *Run) target(t Target) *Target {
	i := slices.IndexFunc(r.Targets, func(o Target) bool { return o.Name == t.Name })
	if i < 0 {
		i = len(r.Targets)
		r.Targets = append(r.Targets, Target{Name: t.Name, Kind: t.Kind})
	}
	return &r.Targets[i]
}

func (r *Run) stage(s Stage) {
	i := slices.IndexFunc(r.Stages, func(o Stage) bool { return o.Name == s.Name })
	if i < 0 {
		r.Stages = append(r.Stages, s)
		return
	}
	r.Stages[i].Count += s.Count
	r.Stages[i].Seconds += s.Seconds
}
