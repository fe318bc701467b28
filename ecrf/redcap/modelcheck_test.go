package redcap_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
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
		if who == "person" && m.seen[c] != now[c] && now[c] != "" && m.data[c] == now[c] {
			m.author[c], m.wrote[c] = "crflink", now[c]
		}
	}
	for c := range union(m.before, now) {
		was, is := m.before[c], now[c]
		if was == is {
			continue
		}
		person := m.author[c] == "person"
		switch overtaken := m.seen[c] != was; {
		case person && was != "" && !overtaken:
			m.wrong("%v: a person's %q became %q", c, was, is)
		case m.cleared[c] && !overtaken:
			m.wrong("%v: a person cleared it, and it became %q", c, is)
		case overtaken && (person || m.cleared[c]):
			m.races[c] = true
		}
		m.author[c], m.wrote[c], m.cleared[c] = "crflink", is, false
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
			all[fakeredcap.Cell{Record: row["record_id"], Instance: instance, Field: name}] = v
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
			if d := m.record.Cell(s, key(k.Form, item, k.Repeat)); d.Instance > 0 {
				instance = d.Instance
			}
		}
	}
	return fakeredcap.Cell{Record: s, Instance: instance, Field: columnOf(k.Item)}
}

// quiet delivers until nothing is to be done, and compares.
func (m *model) quiet() {
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
	for c, who := range m.author {
		if who != "crflink" || content[c] == "" {
			continue
		}
		if s, k, ok := m.cellOf(c); !ok || m.canonical(k.Item, content[c]) != m.record.Cell(s, k).Value {
			m.wrong("%v holds %q of ours, and the ledger believes %q", c, content[c], m.record.Cell(s, k).Value)
		}
	}
	for _, s := range m.subjects() {
		for k, c := range m.source[s] {
			m.accounted(content, s, k, c)
		}
	}
}

func (m *model) canonical(item, raw string) string {
	if raw == "" {
		return ""
	}
	for _, v := range values[item] {
		if v[1] == raw {
			return v[0]
		}
	}
	return raw
}

// believes compares what the ledger says of a cell with the server.
func (m *model) believes(content map[fakeredcap.Cell]string, d ecrf.Delivered) {
	held := m.canonical(d.Item, content[m.serverCell(d.Subject, d.CellKey)])
	if d.Sent != "" {
		m.wrong("%s %v: %q is still under way", d.Subject, d.CellKey, d.Sent)
	}
	box := strings.HasPrefix(d.Item, "sign_") && d.Value == "false" && held == ""
	if d.State == ecrf.Written && held != d.Value && !box {
		m.wrong("%s %v: the ledger believes %q, the server holds %q", d.Subject, d.CellKey, d.Value, held)
	}
}

// accounted demands a reason for each difference between source and server.
func (m *model) accounted(content map[fakeredcap.Cell]string, s string, k ecrf.CellKey, c ecrf.StoredCell) {
	held := m.canonical(k.Item, content[m.serverCell(s, k)])
	box := strings.HasPrefix(k.Item, "sign_") && c.Value == "false" && held == ""
	if c.Value == "" || held == c.Value || box {
		return
	}
	if d := m.record.Cell(s, k); d.State != ecrf.Locked && len(m.record.Pending(s, k)) == 0 {
		m.wrong("%s %v: the source has %q, the server %q, and nobody is told: %+v", s, k, c.Value, held, d)
	}
}
