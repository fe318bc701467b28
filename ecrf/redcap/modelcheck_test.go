package redcap_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/internal/fake"
)

// watch stands before every call.
func (m *model) watch(q *http.Request) fake.Fault {
	call, err := fakeredcap.CallOf(q)
	if err != nil {
		return fake.None
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.imported()
	switch {
	case call.Import():
		if m.gap != nil {
			m.gap()
			m.gap = nil
		}
		m.imports++
		m.before, m.after, m.data = m.project.Content(), true, sent(call.Get("data"))
		f := m.fault
		m.fault = fake.None
		return f
	case call.Content == "record" && call.Action == "":
		m.seen = m.project.Content()
		m.groups = map[string]string{}
		for _, record := range m.project.Records() {
			m.groups[record] = m.project.GroupOf(record)
		}
	}
	return fake.None
}

// imported looks at what an import did, when it is over.
func (m *model) imported() {
	if !m.after {
		return
	}
	m.after = false
	now := m.project.Content()
	for c, who := range m.author { // who enters between reading and writing just what is written cannot be told from us
		if who == "person" && m.seen[c] != now[c] && m.before[c] == now[c] && now[c] != "" && m.data[c] == now[c] {
			m.author[c], m.wrote[c] = "crflink", now[c]
		}
	}
	for c := range union(m.before, now) {
		if was, is := m.before[c], now[c]; was != is {
			m.changed(c, was, is)
		}
	}
}

// changed looks at a cell that an import changed.
func (m *model) changed(c fakeredcap.Cell, was, is string) {
	overtaken := m.seen[c] != was
	if !overtaken {
		m.respects(c, was, is)
	} else if m.author[c] == "person" || m.cleared[c] {
		m.races[c] = true
	}
	m.permits(c, was, is)
	m.author[c], m.wrote[c], m.cleared[c] = "crflink", is, false
}

// respects holds what a person had done when the target was last read.
func (m *model) respects(c fakeredcap.Cell, was, is string) {
	switch item := itemOf(c.Field); {
	case statusForm(c.Field) != "":
		m.respectsStatus(c, was, is)
	case m.policy(item) == ecrf.Always:
	case m.author[c] == "person" && was != "":
		m.wrong("%v: a person's %q became %q", c, was, is)
	case m.cleared[c]:
		m.wrong("%v: a person cleared it, and it became %q", c, is)
	}
}

// respectsStatus holds that the status of a form is set once, where the study wants it, and only where a person has done nothing.
func (m *model) respectsStatus(c fakeredcap.Cell, was, is string) {
	if was != "" || is != map[redcap.FormStatus]string{redcap.Incomplete: "0", redcap.Unverified: "1"}[m.options.Status] {
		m.wrong("%v: the status was %q and became %q", c, was, is)
	}
	for _, k := range m.ordered(c.Record) {
		at := m.serverCell(c.Record, k)
		if k.Form == statusForm(c.Field) && at.Event == c.Event && at.Instance == c.Instance && m.author[at] == "person" && m.seen[at] != "" {
			m.wrong("%v became %q beside a person's %q in %v", c, is, m.seen[at], at)
		}
	}
}

// permits holds policies, freezes, groups and approvals.
func (m *model) permits(c fakeredcap.Cell, was, is string) {
	item := itemOf(c.Field)
	revoked := is == "" && m.options.ClearUncovered
	switch p := m.policy(item); {
	case m.frozen(m.now, c.Record, formOf(c.Field)):
		m.wrong("%v is frozen, and %q became %q", c, was, is)
	case revoked || statusForm(c.Field) != "":
	case p == ecrf.SuggestOnly:
		m.wrong("%v: the policy is to suggest only, and %q became %q", c, was, is)
	case p == ecrf.FillEmptyOnly && was != "" && m.seen[c] == was:
		m.wrong("%v: the policy is to fill what is empty, and %q became %q", c, was, is)
	}
	if group, there := m.groups[c.Record]; len(m.options.Groups) > 0 && there && group != modelGroups[modelSites[c.Record]] {
		m.wrong("%v: the record is in the group %q, and %q became %q", c, group, was, is)
	}
	if s, k, ok := m.cellOf(c); ok && m.source[s][k].State == ecrf.Outdated {
		m.wrong("%v: nobody has approved the rule, and %q became %q", c, was, is)
	}
}

// sent reads the values of an import.
func sent(data string) map[fakeredcap.Cell]string {
	var rows []map[string]string
	_ = json.Unmarshal([]byte(data), &rows) // the server refuses what is no JSON
	all := map[fakeredcap.Cell]string{}
	for _, row := range rows {
		instance, _ := strconv.Atoi(row["redcap_repeat_instance"])
		for name, v := range row {
			all[fakeredcap.Cell{Record: row["record_id"], Event: row["redcap_event_name"], Instance: instance, Field: name}] = v
		}
	}
	return all
}

func union(a, b map[fakeredcap.Cell]string) map[fakeredcap.Cell]bool {
	all := map[fakeredcap.Cell]bool{}
	for c := range a {
		all[c] = true
	}
	for c := range b {
		all[c] = true
	}
	return all
}

// raced demands a query for everybody who was overtaken. A delivery that ended early owes it to the next one.
func (m *model) raced(err error) {
	if err != nil {
		return
	}
	for c := range m.races {
		if statusForm(c.Field) != "" {
			m.racedStatus(c)
			continue
		}
		s, k, ok := m.cellOf(c)
		if !ok {
			m.wrong("%v was overtaken, and the ledger does not know the cell", c)
			continue
		}
		if !slices.Contains(m.record.Pending(s, k), ecrf.CauseRace) {
			m.wrong("%v: a person was overtaken between reading and writing, and nobody is told: %v", c, m.record.Pending(s, k))
		}
	}
	clear(m.races)
}

// racedStatus demands a query about any cell of the form whose status was overtaken.
func (m *model) racedStatus(c fakeredcap.Cell) {
	for _, k := range m.ordered(c.Record) {
		at := m.serverCell(c.Record, k)
		if k.Form == statusForm(c.Field) && at.Event == c.Event && at.Instance == c.Instance && slices.Contains(m.record.Pending(c.Record, k), ecrf.CauseRace) {
			return
		}
	}
	m.wrong("%v: a person's status was overtaken, and nobody is told", c)
}

// forgotten takes up that the ledger keeps nothing of a cell that the consent does not cover any more, not even that a person
// cleared it.
func (m *model) forgotten(err error) {
	for s, cells := range m.source {
		for k, c := range cells {
			if err == nil && c.Missing == ecrf.NoConsent {
				delete(m.cleared, m.serverCell(s, k))
			}
		}
	}
}

// cellOf finds the ledger's name of a cell of the server: the one that is known to stand there, else one that would.
func (m *model) cellOf(c fakeredcap.Cell) (subject string, k ecrf.CellKey, ok bool) {
	for at := range m.source[c.Record] {
		if m.serverCell(c.Record, at) != c {
			continue
		}
		if k, ok = at, true; m.record.Cell(c.Record, at).Instance > 0 {
			break
		}
	}
	return c.Record, k, ok
}

// serverCell is where the ledger says that a cell stands.
func (m *model) serverCell(s string, k ecrf.CellKey) fakeredcap.Cell {
	instance := 0
	if k.Form == "labs" {
		instance = k.Repeat
		for _, item := range labItems {
			sibling := k
			sibling.Item = item
			if d := m.record.Cell(s, sibling); d.Instance > 0 {
				instance = d.Instance
			}
		}
	}
	return fakeredcap.Cell{Record: s, Event: m.event(k.Event), Instance: instance, Field: columnOf(k.Item)}
}

// quiet has everything approved and every record in its group, delivers until nothing is to be done, and compares.
func (m *model) quiet() {
	m.approves()
	for _, s := range m.subjects() {
		m.moves(s, modelGroups[modelSites[s]])
	}
	imports, rounds := 1, 0
	lines := len(m.project.Log())
	for ; imports > 0 && !m.Failed(); rounds++ {
		var err error
		lines = len(m.project.Log())
		if imports, err = m.sync(); err != nil || rounds > 3 {
			m.wrong("it does not come to rest: %d imports in delivery %d, %v", imports, rounds, err)
		}
	}
	if len(m.project.Log()) != lines {
		m.wrong("a delivery that had nothing to do changed the project")
	}
	content := m.project.Content()
	for _, d := range m.record.All() {
		m.believes(content, d)
	}
	for _, c := range slices.SortedFunc(maps.Keys(m.author), byPlace) {
		if m.author[c] != "crflink" || content[c] == "" || statusForm(c.Field) != "" {
			continue
		}
		if s, k, ok := m.cellOf(c); !ok || canonical(k.Item, content[c]) != m.record.Cell(s, k).Value {
			m.wrong("%v holds %q of ours, and the ledger believes %q", c, content[c], m.record.Cell(s, k).Value)
		}
	}
	for _, s := range m.subjects() {
		if !slices.Contains(m.project.Records(), s) && !m.options.CreateRecords {
			continue
		}
		for _, k := range m.ordered(s) {
			m.accounted(content, s, m.source[s][k])
		}
	}
}

// believes compares what the ledger says of a cell with the server.
func (m *model) believes(content map[fakeredcap.Cell]string, d ecrf.Delivered) {
	held := canonical(d.Item, content[m.serverCell(d.Subject, d.CellKey)])
	if d.Sent != "" {
		m.wrong("%s %s: %q is still under way", d.Subject, cellName(d.CellKey), d.Sent)
	}
	box := isBox(d.Item) && d.Value == "false" && held == ""
	if d.State == ecrf.Written && held != d.Value && !box {
		m.wrong("%s %s: the ledger believes %q, the server holds %q", d.Subject, cellName(d.CellKey), d.Value, held)
	}
}

// accounted demands a query for each difference between source and server.
func (m *model) accounted(content map[fakeredcap.Cell]string, s string, c ecrf.StoredCell) {
	held := canonical(c.Item, content[m.serverCell(s, c.CellKey)])
	want := c.Value
	if c.Missing == ecrf.NoResource && !isBox(c.Item) {
		want = m.options.MissingCodes[ecrf.NoResource]
	}
	box := isBox(c.Item) && want == "false" && held == ""
	if want == "" || held == want || box {
		return
	}
	if len(m.record.Pending(s, c.CellKey)) == 0 {
		m.wrong("%s %s: the source has %q, the server %q, and nobody is told: %+v", s, cellName(c.CellKey), want, held, m.record.Cell(s, c.CellKey))
	}
}

func byPlace(a, b fakeredcap.Cell) int {
	return cmp.Or(cmp.Compare(a.Record, b.Record), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Field, b.Field))
}
