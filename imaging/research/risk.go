package research

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/imaging"
)

// Anonymity is what a study's rules on quasi-identifiers came to.
type Anonymity struct {
	K          int      `json:"k"`
	Subjects   int      `json:"subjects"`
	AtRisk     int      `json:"at_risk"`  // in classes of fewer than k, before anything was done
	Classes    int      `json:"classes"`  // of what is in the package
	Smallest   int      `json:"smallest"` // subjects of the smallest of them
	Steps      []string `json:"steps"`    // generalisations that were made
	Suppressed int      `json:"suppressed"`
	Withheld   int      `json:"withheld"`
}

// usualThreshold is below how many subjects a value counts as rare, where a study names no k.
const usualThreshold = 5

// RiskReport is disclosure.json.
type RiskReport struct {
	Format     string      `json:"format"`
	Subjects   int         `json:"subjects"`
	Assessed   bool        `json:"k_anonymity_assessed"`
	Why        string      `json:"why_not,omitempty"`
	KAnonymity *Anonymity  `json:"k_anonymity,omitempty"`
	Threshold  int         `json:"threshold"`   // values of fewer subjects are listed
	SmallCells []SmallCell `json:"small_cells"` // of codes, yes and no, sites, tracers
}

// SmallCell is a value that only few subjects have. How many is not told.
type SmallCell struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Event  string `json:"event,omitempty"`
	Value  string `json:"value"`
	Fewer  string `json:"subjects"` // such as <5
}

// rarity counts how many subjects have a value.
type rarity struct {
	subjects map[SmallCell]int
	seen     map[SmallCell]bool // of the subject under way
	total    int
}

func newRarity() *rarity { return &rarity{subjects: map[SmallCell]int{}} }

func (r *rarity) subject() {
	r.total++
	r.seen = map[SmallCell]bool{}
}

func (r *rarity) take(table, column, event, value string) {
	at := SmallCell{Table: table, Column: column, Event: event, Value: value}
	if value == "" || r.seen[at] {
		return
	}
	r.seen[at] = true
	r.subjects[at]++
}

// casebook takes the codes of a subject's forms, and what else parts subjects into few groups.
func (r *rarity) casebook(d *ecrf.Dictionary, book *ecrf.StoredCasebook, links []imaging.Link) {
	r.subject()
	r.take("participants", "site", "", book.Facts.Site)
	for i := range book.Cells {
		c := &book.Cells[i]
		if it := d.Item(c.Item); it != nil && (it.Type == ecrf.Choice || it.Type == ecrf.Boolean) {
			r.take("clinical/"+c.Form, c.Item, c.Event, c.Value)
		}
	}
	for i := range links {
		for j := range links[i].Contents {
			if p := links[i].Contents[j].PET; p != nil {
				r.take("suv", "tracer", "", p.Tracer)
				r.take("suv", "model", "", p.Model)
			}
		}
	}
}

func (r *rarity) report(k *Anonymity) RiskReport {
	report := RiskReport{Format: "crflink.disclosure/1", Subjects: r.total, Assessed: k != nil, KAnonymity: k, Threshold: usualThreshold, SmallCells: []SmallCell{}}
	if k != nil {
		report.Threshold = k.K
	} else {
		report.Why = "the study file names no quasi-identifiers (disclosure: k, quasi-identifiers)"
	}
	for at, n := range r.subjects {
		if n < report.Threshold {
			at.Fewer = fmt.Sprintf("<%d", report.Threshold)
			report.SmallCells = append(report.SmallCells, at)
		}
	}
	slices.SortFunc(report.SmallCells, func(a, b SmallCell) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Value, b.Value))
	})
	return report
}
