package redcap_test

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// anyKey is a cell of the source.
func (m *model) anyKey() ecrf.CellKey {
	keys := m.keys[[]string{"base", "labs"}[m.IntN(2)]]
	return keys[m.IntN(len(keys))]
}

// sourceChanges gives a cell another value, takes its value, or its consent. What comes of a rule that nobody has approved waits;
// what the consent takes away waits for nobody.
func (m *model) sourceChanges(s string) {
	m.sourceGives(s, m.anyKey())
}

func (m *model) sourceGives(s string, k ecrf.CellKey) {
	c := ecrf.StoredCell{CellKey: k, State: ecrf.New}
	switch n := m.IntN(12); {
	case n == 0:
		c.Missing = ecrf.NoConsent
	case n < 3:
		c.Missing = ecrf.NoResource
	default:
		c.Value = values[k.Item][m.IntN(3)][0]
	}
	if m.unapproved[k.Item] && c.Missing != ecrf.NoConsent {
		m.outdates(s, k)
		return
	}
	m.source[s][k] = c
	m.say("source of %s: %s is %q %s", s, cellName(k), c.Value, c.Missing)
}

// outdates keeps a cell as it is until its rule is approved; one that would be new is not there at all.
func (m *model) outdates(s string, k ecrf.CellKey) {
	if c, ok := m.source[s][k]; ok && c.Missing != ecrf.NoConsent {
		c.State = ecrf.Outdated
		m.source[s][k] = c
		m.say("source of %s: %s is outdated", s, cellName(k))
	}
}

// mappingChanges gives an item another rule, which is approved at once or later.
func (m *model) mappingChanges() {
	item := m.anyKey().Item
	m.unapproved[item] = true
	m.say("another rule for %s", item)
	m.eachOf(item, m.outdates)
	if m.IntN(2) == 0 {
		m.approves()
	}
}

// approves lets the changed rules compute: every outdated cell gets another value.
func (m *model) approves() {
	m.say("the rules are approved")
	for _, item := range slices.Sorted(maps.Keys(m.unapproved)) {
		m.eachOf(item, func(s string, k ecrf.CellKey) {
			if c := m.source[s][k]; c.State == ecrf.Outdated {
				m.source[s][k] = ecrf.StoredCell{CellKey: k, State: ecrf.New, Value: values[item][m.IntN(3)][0]}
			}
		})
	}
	clear(m.unapproved)
}

// eachOf walks through the cells of an item that the source has, in a fixed order.
func (m *model) eachOf(item string, do func(string, ecrf.CellKey)) {
	for _, s := range m.subjects() {
		for _, k := range m.ordered(s) {
			if k.Item == item {
				do(s, k)
			}
		}
	}
}

func (m *model) subjects() []string { return slices.Sorted(maps.Keys(m.source)) }

// ordered is what the source has of a subject, in the order of the dictionary.
func (m *model) ordered(s string) []ecrf.CellKey {
	return slices.SortedFunc(maps.Keys(m.source[s]), m.book.Compare)
}

// casebooks yields what the ledger has of the source.
func (m *model) casebooks(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(yield func(*ecrf.StoredCasebook, error) bool) {
		for _, s := range m.subjects() {
			b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: s, Site: modelSites[s], Outcome: "permitted"}}
			for _, k := range m.ordered(s) {
				b.Cells = append(b.Cells, m.source[s][k])
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}
