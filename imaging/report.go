package imaging

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// Report is how well linking went, over all subjects. It names nobody.
type Report struct {
	Subjects  int             `json:"subjects"`
	WithStudy int             `json:"withStudy"` // subjects with at least one link
	Links     int             `json:"links"`
	Methods   map[Method]int  `json:"methods"`
	Qualities map[Quality]int `json:"qualities"`
	Modality  map[string]int  `json:"modalities"`
	Places    map[Place]int   `json:"places,omitempty"`
	Parts     int             `json:"parts"`
	Ambiguous int             `json:"ambiguous"`
	Unlinked  map[Reason]int  `json:"unlinked"`  // resources without a study
	Unclaimed int             `json:"unclaimed"` // studies at the PACS without a resource
	Orders    int             `json:"orders"`    // orders without a study anywhere
	Days      []Bin           `json:"days"`      // signed distances from the index day
	PACS      Asked           `json:"pacs"`
	Sample    *Agreement      `json:"sample,omitempty"`
}

// Bin counts links whose distance lies from First to Last.
type Bin struct {
	First int `json:"first"`
	Last  int `json:"last"`
	Count int `json:"count"`
}

// never is the distance at which the outer bins end.
const never = math.MaxInt32

// NewReport is a report of nobody.
func NewReport() *Report {
	r := &Report{Methods: map[Method]int{}, Qualities: map[Quality]int{}, Modality: map[string]int{}, Places: map[Place]int{}, Unlinked: map[Reason]int{}}
	edges := []int{-never, -365, -90, -30, -7, 0, 1, 8, 31, 91, 366, never + 1}
	for i, first := range edges[:len(edges)-1] {
		r.Days = append(r.Days, Bin{First: first, Last: edges[i+1] - 1})
	}
	return r
}

// Add counts a subject's linkage.
func (r *Report) Add(links []Link, unlinked []Unlinked, counts Counts) {
	r.Subjects++
	if len(links) > 0 {
		r.WithStudy++
	}
	for _, l := range links {
		r.link(&l)
	}
	for _, u := range unlinked {
		r.Unlinked[u.Reason]++
	}
	r.Unclaimed += counts.Unclaimed
	r.Orders += counts.Orders
	sum := Counts{PACS: r.PACS}
	sum.Add(Counts{PACS: counts.PACS})
	r.PACS = sum.PACS
}

func (r *Report) link(l *Link) {
	r.Links++
	r.Methods[l.Method]++
	r.Qualities[l.Quality]++
	for _, m := range l.Modality {
		r.Modality[m]++
	}
	if l.Place != "" {
		r.Places[l.Place]++
	}
	if l.Type == Part {
		r.Parts++
	}
	if l.Ambiguous {
		r.Ambiguous++
	}
	for i := range r.Days {
		if b := &r.Days[i]; l.HasDays && b.First <= l.Days && l.Days <= b.Last {
			b.Count++
		}
	}
}

// WriteTo writes the report for people.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	p := &printer{w: w}
	p.line("subjects", "%d, with at least one study %d", r.Subjects, r.WithStudy)
	p.line("links", "%d, parts of split studies %d, ambiguous %d", r.Links, r.Parts, r.Ambiguous)
	tally(p, "method", r.Methods)
	tally(p, "quality", r.Qualities)
	tally(p, "modality", r.Modality)
	tally(p, "window", r.Places)
	tally(p, "unlinked", r.Unlinked)
	if r.PACS.Subjects > 0 {
		p.line("PACS", "asked for %d subjects, studies %d, of days without consent %d, of other issuers %d, numbers that cannot be asked for %d",
			r.PACS.Subjects, r.PACS.Examinations, r.PACS.Outside, r.PACS.Foreign, r.PACS.Unaskable)
		p.line("", "studies without a resource %d, orders without a study %d", r.Unclaimed, r.Orders)
	}
	for _, b := range r.Days {
		if b.Count > 0 {
			p.line("days", "%s: %d", b.String(), b.Count)
		}
	}
	if r.Sample != nil {
		r.Sample.print(p)
	}
	return p.n, p.err
}

// String writes the span of days.
func (b Bin) String() string {
	switch {
	case b.First == -never:
		return fmt.Sprintf("%d and before", b.Last)
	case b.Last == never:
		return fmt.Sprintf("%+d and later", b.First)
	case b.First == b.Last:
		return fmt.Sprintf("%+d", b.First)
	}
	return fmt.Sprintf("%+d to %+d", b.First, b.Last)
}

type printer struct {
	w   io.Writer
	n   int64
	err error
}

func (p *printer) line(what, format string, args ...any) {
	if p.err == nil {
		n, err := fmt.Fprintf(p.w, "%-9s  %s\n", what, fmt.Sprintf(format, args...))
		p.n, p.err = p.n+int64(n), err
	}
}

func tally[K ~string](p *printer, what string, counts map[K]int) {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for _, k := range keys {
		p.line(what, "%s %d", string(k), counts[k])
		what = ""
	}
}
