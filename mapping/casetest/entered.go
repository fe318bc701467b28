package casetest

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// entered reads what a person entered in the target: form.item, or form@event.item, with the text that stands there.
func (l *loader) entered(v yamldoc.Value) ecrf.Entries {
	entries := ecrf.Entries{}
	cells := l.study.Mapping.Entered()
	for _, e := range v.Entries() {
		form, item, _ := strings.Cut(e.Key(), ".")
		form, event, _ := strings.Cut(form, "@")
		i := slices.IndexFunc(cells, func(c ecrf.CellKey) bool {
			return c.Form == form && c.Item == item && (event == "" || c.Event == event)
		})
		if i < 0 {
			l.atKey(e, finding.DidYouMean(e.Key(), cellNames(cells)), "no event of the mapping is entered in %s", e.Key())
			continue
		}
		entries[cells[i]] = e.Text()
	}
	return entries
}

func cellNames(cells []ecrf.CellKey) []string {
	var names []string
	for _, c := range cells {
		names = append(names, c.Form+"@"+c.Event+"."+c.Item)
	}
	return names
}
