package redcap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
)

// world is what a sequence takes place in, all of it drawn from its seed: a project with or without events, instruments and events
// that repeat, groups, missing-data codes, and a study with policies, freezes and the right to make records.
type world struct {
	design  fakeredcap.Design
	events  []ecrf.Event // of the study's dictionary
	keys    map[string][]ecrf.CellKey
	options redcap.Options
}

var baseItems, labItems = []string{"height", "born", "sex", "smoker", "sign_1", "sign_2"}, []string{"drawn", "k", "comment"}

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

var modelSites = map[string]string{"S1": "site-a", "S2": "site-b"}

var modelGroups = map[string]string{"site-a": "group_a", "site-b": "group_b"}

const modelMissing = "NAVU" // for want of a resource

func newWorld(seed uint64, begin time.Time) *world {
	r := rand.New(rand.NewPCG(seed, 11))
	w := &world{design: modelDesign(), keys: map[string][]ecrf.CellKey{}, options: redcap.Options{
		CreateRecords: r.IntN(8) > 0, ClearUncovered: r.IntN(3) == 0, BatchRows: 1 + r.IntN(3),
	}}
	if r.IntN(3) == 0 {
		w.classic()
	} else {
		w.longitudinal()
	}
	if r.IntN(3) == 0 {
		w.design.Groups = []fakeredcap.Group{{Name: "Group A", Unique: "group_a", ID: 1}, {Name: "Group B", Unique: "group_b", ID: 2}}
		w.options.Groups = modelGroups
	}
	if r.IntN(4) == 0 {
		w.design.MissingCodes = modelMissing + ", Not available | UNK, Unknown"
		w.options.MissingCodes = map[ecrf.MissingReason]string{ecrf.NoResource: modelMissing}
	}
	if r.IntN(3) == 0 {
		w.freezes(r, begin)
	}
	if r.IntN(2) == 0 {
		w.policies(r)
	}
	w.options.Status = []redcap.FormStatus{redcap.LeaveStatus, redcap.Incomplete, redcap.Unverified}[r.IntN(3)]
	w.key()
	return w
}

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
	}
}

func (w *world) classic() {
	w.design.Repeating = []fakeredcap.Repeating{{Form: "labs"}}
	w.events = []ecrf.Event{{Name: "baseline", Forms: []string{"base", "labs"}}}
}

// longitudinal gives the project events whose labels are easily taken for one another, one of which repeats as a whole.
func (w *world) longitudinal() {
	w.design.Events = []fakeredcap.Event{
		{Name: "visit_arm_1", Label: "Visit", Arm: 1, ID: 1, Forms: []string{"base", "labs"}},
		{Name: "visit_2_arm_1", Label: "Visit 2", Arm: 1, ID: 2, Forms: []string{"labs"}},
		{Name: "visit_arm_2", Label: "Visit", Arm: 2, ID: 3, Forms: []string{"base", "labs"}},
	}
	w.design.Repeating = []fakeredcap.Repeating{{Event: "visit_arm_1", Form: "labs"}, {Event: "visit_2_arm_1"}, {Event: "visit_arm_2", Form: "labs"}}
	for _, e := range w.design.Events {
		w.events = append(w.events, ecrf.Event{Name: e.Name, Forms: e.Forms})
	}
}

// freezes draws days of the sequence from which on nothing is written: in the study, at a site, into a form.
func (w *world) freezes(r *rand.Rand, begin time.Time) {
	for _, f := range []ecrf.Freeze{{}, {Site: "site-a"}, {Form: "labs"}, {Site: "site-b", Form: "base"}} {
		if f.From = begin.AddDate(0, 0, 1+r.IntN(4)); r.IntN(3) == 0 {
			w.options.Freezes = append(w.options.Freezes, f)
		}
	}
}

func (w *world) policies(r *rand.Rand) {
	w.options.Policy = []ecrf.Policy{ecrf.OwnValuesOnly, ecrf.OwnValuesOnly, ecrf.FillEmptyOnly, ecrf.SuggestOnly}[r.IntN(4)]
	w.options.Policies = map[string]ecrf.Policy{}
	for _, item := range append(baseItems, labItems...) {
		if n := r.IntN(8); n < 4 {
			w.options.Policies[item] = []ecrf.Policy{ecrf.OwnValuesOnly, ecrf.FillEmptyOnly, ecrf.SuggestOnly, ecrf.Always}[n]
		}
	}
}

func (w *world) policy(item string) ecrf.Policy {
	if p, ok := w.options.Policies[item]; ok {
		return p
	}
	return w.options.Policy
}

// frozen says what the study file says, by itself.
func (w *world) frozen(at time.Time, record, form string) bool {
	for _, f := range w.options.Freezes {
		if at.Before(f.From) || f.Site != "" && f.Site != modelSites[record] || f.Form != "" && f.Form != form {
			continue
		}
		return true
	}
	return false
}

// key lists the cells that the source may fill, by form: of labs two instances in each event.
func (w *world) key() {
	for _, e := range w.events {
		for _, form := range e.Forms {
			items, repeats := baseItems, []int{0}
			if form == "labs" {
				items, repeats = labItems, []int{1, 2}
			}
			for _, n := range repeats {
				for _, item := range items {
					w.keys[form] = append(w.keys[form], ecrf.CellKey{Event: e.Name, Form: form, Repeat: n, Item: item})
				}
			}
		}
	}
}

// event is how the project calls an event of the study.
func (w *world) event(name string) string {
	if len(w.design.Events) == 0 {
		return ""
	}
	return name
}

func (w *world) dictionary(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	var b strings.Builder
	b.WriteString("study: model\nversion: \"1\"\nevents:\n")
	for _, e := range w.events {
		fmt.Fprintf(&b, "  - {name: %s, forms: [%s]}\n", e.Name, strings.Join(e.Forms, ", "))
	}
	b.WriteString("codelists:\n  sex: {\"1\": Male, \"2\": Female}\nforms:\n")
	b.WriteString("  - name: base\n    items:\n      - {name: height, type: decimal, decimals: 1}\n      - {name: born, type: date}\n      - {name: sex, type: choice, codelist: sex}\n")
	b.WriteString("      - {name: smoker, type: boolean}\n      - {name: sign_1, type: boolean}\n      - {name: sign_2, type: boolean}\n")
	b.WriteString("  - name: labs\n    repeating: true\n    items:\n      - {name: drawn, type: datetime}\n      - {name: k, type: decimal, decimals: 1}\n      - {name: comment, type: text}\n")
	d, findings, err := ecrf.ParseDictionary("model.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err, findings)
	}
	return d
}

var columns = map[string]string{"sign_1": "sign___1", "sign_2": "sign___2"}

func columnOf(item string) string {
	if c, ok := columns[item]; ok {
		return c
	}
	return item
}

func itemOf(column string) string {
	for item, c := range columns {
		if c == column {
			return item
		}
	}
	return column
}

// statusForm is the form whose status a column holds, "" for other columns.
func statusForm(column string) string {
	form, ok := strings.CutSuffix(column, "_complete")
	if !ok {
		return ""
	}
	return form
}

func formOf(column string) string {
	switch form := statusForm(column); {
	case form != "":
		return form
	case slices.Contains(labItems, column):
		return "labs"
	}
	return "base"
}

func isBox(item string) bool { return strings.HasPrefix(item, "sign_") }

// canonical is what a column of the server holds, as the ledger spells it.
func canonical(item, raw string) string {
	for _, v := range values[item] {
		if v[1] == raw && raw != "" {
			return v[0]
		}
	}
	return raw
}
