package disclosure

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Report is what was done to a delivery.
type Report struct {
	K          int
	Subjects   int      // of the delivery
	AtRisk     int      // subjects in classes of fewer than K, before anything was done
	Classes    int      // of what is delivered
	Smallest   int      // subjects of the smallest class that is delivered; 0 when nobody is
	Steps      []string // that were taken
	Suppressed int      // subjects without the values of their quasi-identifiers
	Withheld   int      // subjects who are not delivered at all, because there are fewer than K
}

// Apply makes a delivery k-anonymous. It reads all casebooks once.
func (r *Rules) Apply(ctx context.Context, d ecrf.Delivery) (ecrf.Delivery, Report, error) {
	people, err := r.people(ctx, d)
	if err != nil {
		return d, Report{}, err
	}
	plan := &plan{rules: r, steps: map[string]Step{}, suppressed: map[string]bool{}}
	report := Report{K: r.K, Subjects: len(people)}
	report.AtRisk = small(plan.classes(people), r.K)
	for _, s := range r.Steps {
		if small(plan.classes(people), r.K) == 0 {
			break
		}
		plan.steps[s.Item] = s
		report.Steps = append(report.Steps, s.String())
	}
	classes := plan.suppress(people)
	report.Suppressed = len(plan.suppressed)
	if report.Suppressed > 0 && report.Suppressed < r.K {
		report.Withheld, report.Suppressed, classes = report.Suppressed, 0, nil
		plan.nobody = true
	}
	report.Classes = len(classes)
	if report.Suppressed > 0 {
		report.Classes++
		report.Smallest = report.Suppressed
	}
	for _, c := range classes {
		if report.Smallest == 0 || len(c) < report.Smallest {
			report.Smallest = len(c)
		}
	}
	return plan.deliver(d), report, nil
}

// person is a subject with the values of the quasi-identifiers, by item and event.
type person struct {
	subject string
	values  map[place]string
}

type place struct{ item, event string }

func (r *Rules) people(ctx context.Context, d ecrf.Delivery) ([]person, error) {
	var all []person
	for book, err := range d.Casebooks(ctx) {
		if err != nil {
			return nil, err
		}
		p := person{strings.Clone(book.Facts.Subject), map[place]string{}}
		for i := range book.Cells {
			c := &book.Cells[i]
			if name := c.Form + "." + c.Item; slices.Contains(r.Items, name) {
				p.values[place{name, strings.Clone(c.Event)}] = strings.Clone(c.Value)
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// plan is what is done to a delivery.
type plan struct {
	rules      *Rules
	steps      map[string]Step // by item
	suppressed map[string]bool // subjects
	nobody     bool            // is delivered
}

func (p *plan) value(item, value string) string {
	if s, ok := p.steps[item]; ok {
		return s.generalise(value)
	}
	return value
}

// classes parts the people by the values that they are delivered with.
func (p *plan) classes(people []person) map[string][]string {
	classes := map[string][]string{}
	for _, who := range people {
		var key strings.Builder
		for _, at := range slices.SortedFunc(maps.Keys(who.values), func(a, b place) int { return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.event, b.event)) }) {
			if v := p.value(at.item, who.values[at]); v != "" {
				key.WriteString(at.item + "\x00" + at.event + "\x00" + v + "\x01")
			}
		}
		classes[key.String()] = append(classes[key.String()], who.subject)
	}
	return classes
}

// small counts the people in classes of fewer than k.
func small(classes map[string][]string, k int) int {
	n := 0
	for _, c := range classes {
		if len(c) < k {
			n += len(c)
		}
	}
	return n
}

// suppress takes every class that is too small, and further ones, the smallest first, until the suppressed are a class of
// k. It returns the classes that are left. Those without any value are one with the suppressed.
func (p *plan) suppress(people []person) [][]string {
	byKey := p.classes(people)
	keys := slices.SortedFunc(maps.Keys(byKey), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(byKey[a]), len(byKey[b])), cmp.Compare(a, b))
	})
	var left [][]string
	for _, key := range keys {
		class := byKey[key]
		if len(class) >= p.rules.K && (len(p.suppressed) == 0 || len(p.suppressed) >= p.rules.K) {
			left = append(left, class)
			continue
		}
		for _, subject := range class {
			p.suppressed[subject] = true
		}
	}
	return left
}

// deliver returns the delivery as it is planned.
func (p *plan) deliver(d ecrf.Delivery) ecrf.Delivery {
	all := d.Casebooks
	d.Dictionary = coarser(d.Dictionary, p.steps)
	d.Casebooks = func(ctx context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			var copied ecrf.StoredCasebook
			for book, err := range all(ctx) {
				if p.nobody && err == nil {
					continue
				}
				if err == nil {
					copied = ecrf.StoredCasebook{Facts: book.Facts, Instances: book.Instances, Cells: append(copied.Cells[:0], book.Cells...)}
					p.change(&copied)
					book = &copied
				}
				if !yield(book, err) || err != nil {
					return
				}
			}
		}
	}
	return d
}

// change generalises or removes the values of a casebook's quasi-identifiers. Where they came from, and why there is none,
// would part a class again.
func (p *plan) change(book *ecrf.StoredCasebook) {
	gone := p.suppressed[book.Facts.Subject]
	for i := range book.Cells {
		c := &book.Cells[i]
		name := c.Form + "." + c.Item
		if !slices.Contains(p.rules.Items, name) {
			continue
		}
		c.Provenance = ecrf.Provenance{Rule: c.Provenance.Rule}
		c.State = ecrf.Written
		if c.Value, c.Missing = p.value(name, c.Value), ""; c.Value == "" {
			c.Missing = ecrf.NoValue
		}
		if gone {
			c.Value, c.Missing = "", ecrf.Suppressed
		}
	}
}
