package redcap_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
)

func cellName(k ecrf.CellKey) string {
	return fmt.Sprintf("%s/%s.%d", k.Event, k.Item, k.Repeat)
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

// enter is a person who types into a form.
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

// personEnters has a person enter a value, or set the status of a form.
func (m *model) personEnters(s string) {
	c, item := m.anyCell(s)
	if m.IntN(4) == 0 {
		c.Field = formOf(item) + "_complete"
		m.enter(c, []string{"0", "1", "2"}[m.IntN(3)])
		return
	}
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

// moves puts a record into a data access group, or takes it out of all.
func (m *model) moves(s, group string) {
	if len(m.design.Groups) == 0 || !slices.Contains(m.project.Records(), s) || m.project.GroupOf(s) == group {
		return
	}
	m.say("anna puts %s into the group %q instead of %q", s, group, m.project.GroupOf(s))
	if err := m.project.Assign("anna", s, group); err != nil {
		m.wrong("%v", err)
	}
}

// daysPass lets freezes begin.
func (m *model) daysPass() {
	m.now = m.now.Add(time.Duration(1+m.IntN(48)) * time.Hour)
	m.say("it is %s", m.now.Format(time.DateTime))
}
