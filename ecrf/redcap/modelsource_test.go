package redcap_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
)

func modelDesign() fakeredcap.Design {
	text := func(name, form, validation string) fakeredcap.Field {
		return fakeredcap.Field{Name: name, Form: form, Type: "text", Label: name, Validation: validation}
	}
	return fakeredcap.Design{
		Title: "Model",
		Fields: []fakeredcap.Field{
			text("record_id", "base", ""), text("height", "base", "number_1dp_comma_decimal"), text("born", "base", "date_dmy"),
			{Name: "sex", Form: "base", Type: "radio", Label: "sex", Choices: "1, Male | 2, Female"},
			{Name: "smoker", Form: "base", Type: "yesno", Label: "smoker"},
			{Name: "sign", Form: "base", Type: "checkbox", Label: "sign", Choices: "1, Cough | 2, Fever"},
			text("drawn", "labs", "datetime_ymd"), text("k", "labs", "number_1dp"), text("comment", "labs", ""),
		},
		Repeating: []fakeredcap.Repeating{{Form: "labs"}},
	}
}

// values are three canonical values of each field, and as the server holds them.
var values = map[string][3][2]string{
	"height": {{"170.5", "170,5"}, {"171.0", "171,0"}, {"169.9", "169,9"}},
	"born":   {{"1980-02-03", "1980-02-03"}, {"1981-12-31", "1981-12-31"}, {"1979-01-01", "1979-01-01"}},
	"sex":    {{"1", "1"}, {"2", "2"}, {"1", "1"}},
	"smoker": {{"true", "1"}, {"false", "0"}, {"true", "1"}},
	"sign_1": {{"true", "1"}, {"false", ""}, {"true", "1"}}, "sign_2": {{"true", "1"}, {"false", ""}, {"true", "1"}},
	"drawn":   {{"2026-01-02T03:04:00", "2026-01-02 03:04"}, {"2026-01-03T00:00:00", "2026-01-03 00:00"}, {"2026-02-28T23:59:00", "2026-02-28 23:59"}},
	"k":       {{"4.0", "4.0"}, {"4.1", "4.1"}, {"5.9", "5.9"}},
	"comment": {{"haemolytic", "haemolytic"}, {"said 'no', twice", "said 'no', twice"}, {"ä", "ä"}},
}

var columns = map[string]string{"sign_1": "sign___1", "sign_2": "sign___2"}

func columnOf(item string) string {
	if c, ok := columns[item]; ok {
		return c
	}
	return item
}

var baseItems, labItems = []string{"height", "born", "sex", "smoker", "sign_1", "sign_2"}, []string{"drawn", "k", "comment"}

func modelDictionary(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	var b strings.Builder
	b.WriteString("study: model\nversion: \"1\"\nevents:\n  - {name: baseline, label: Baseline, forms: [base, labs]}\ncodelists:\n  sex: {\"1\": Male, \"2\": Female}\nforms:\n")
	b.WriteString("  - name: base\n    items:\n      - {name: height, type: decimal, decimals: 1}\n      - {name: born, type: date}\n      - {name: sex, type: choice, codelist: sex}\n")
	b.WriteString("      - {name: smoker, type: boolean}\n      - {name: sign_1, type: boolean}\n      - {name: sign_2, type: boolean}\n")
	b.WriteString("  - name: labs\n    repeating: true\n    items:\n      - {name: drawn, type: datetime}\n      - {name: k, type: decimal, decimals: 1}\n      - {name: comment, type: text}\n")
	d, findings, err := ecrf.ParseDictionary("model.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err, findings)
	}
	return d
}

func key(form, item string, repeat int) ecrf.CellKey {
	return ecrf.CellKey{Event: "baseline", Form: form, Repeat: repeat, Item: item}
}

// anyKey is a cell of the source, of one of two instances of labs.
func (m *model) anyKey() ecrf.CellKey {
	if m.IntN(2) == 0 {
		return key("base", baseItems[m.IntN(len(baseItems))], 0)
	}
	return key("labs", labItems[m.IntN(len(labItems))], 1+m.IntN(2))
}

// sourceChanges gives a cell another value, takes its value, or its consent.
func (m *model) sourceChanges(s string) {
	k := m.anyKey()
	c := ecrf.StoredCell{CellKey: k, State: ecrf.New}
	switch n := m.IntN(12); {
	case n == 0:
		c.Missing = ecrf.NoConsent
	case n < 3:
		c.Missing = ecrf.NoResource
	default:
		c.Value = values[k.Item][m.IntN(3)][0]
	}
	m.source[s][k] = c
	m.say("source of %s: %s.%d is %q %s", s, k.Item, k.Repeat, c.Value, c.Missing)
}

// mappingChanges gives an item of every subject another value, as another rule would.
func (m *model) mappingChanges() {
	item := m.anyKey().Item
	m.say("another rule for %s", item)
	for _, s := range m.subjects() {
		for k, c := range m.source[s] {
			if k.Item == item && c.Value != "" {
				c.Value = values[item][m.IntN(3)][0]
				m.source[s][k] = c
			}
		}
	}
}

func (m *model) subjects() []string {
	var all []string
	for s := range m.source {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// casebooks yields what the ledger has of the source.
func (m *model) casebooks(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(yield func(*ecrf.StoredCasebook, error) bool) {
		for _, s := range m.subjects() {
			b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: s, Outcome: "permitted"}}
			for _, items := range [][]string{baseItems, labItems} {
				form, repeats := "base", []int{0}
				if items[0] == labItems[0] {
					form, repeats = "labs", []int{1, 2}
				}
				for _, n := range repeats {
					for _, item := range items {
						if c, ok := m.source[s][key(form, item, n)]; ok {
							b.Cells = append(b.Cells, c)
						}
					}
				}
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// anyCell is a cell of the server, most often one that the source fills.
func (m *model) anyCell(s string) (fakeredcap.Cell, string) {
	k := m.anyKey()
	c := m.serverCell(s, k)
	if k.Form == "labs" && m.IntN(4) == 0 {
		c.Instance = 1 + m.IntN(3)
	}
	return c, k.Item
}

func (m *model) enter(c fakeredcap.Cell, value string) {
	was := m.project.Content()[c]
	if err := m.project.Enter("anna", c, value); err != nil {
		m.say("anna cannot enter %v: %v", c, err)
		return
	}
	m.say("anna enters %v %q instead of %q", c, value, was)
	switch {
	case value == was:
	case value != "" && value == m.wrote[c]: // nobody can tell it from ours
		m.author[c], m.cleared[c] = "crflink", false
	case value == "":
		m.cleared[c] = m.wrote[c] != ""
		m.author[c] = "person"
	default:
		m.author[c], m.cleared[c] = "person", false
	}
}

func (m *model) personEnters(s string) {
	c, item := m.anyCell(s)
	m.enter(c, values[item][m.IntN(3)][1])
}

func (m *model) personClears(s string) {
	c, _ := m.anyCell(s)
	if m.project.Content()[c] != "" {
		m.enter(c, "")
	}
}

func (m *model) lock(s string) {
	c, _ := m.anyCell(s)
	var err error
	switch m.IntN(4) {
	case 0:
		err = m.project.Lock("anna", c)
	case 1:
		err = m.project.LockRecord("anna", s, true)
	case 2:
		err = m.project.LockRecord("anna", s, false)
	default:
		err = m.project.Unlock("anna", c)
	}
	m.say("anna locks or unlocks at %v: %v", c, err)
}

func (m *model) deletes(s string) {
	before := m.project.Content()
	if err := m.project.DeleteRecord("anna", s); err != nil {
		return
	}
	m.say("anna deletes %s", s)
	for c := range before {
		if c.Record == s {
			m.cleared[c], m.author[c] = m.wrote[c] != "", "person"
		}
	}
}
