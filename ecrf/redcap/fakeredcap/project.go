package fakeredcap

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// User is an account that works on a project by its token.
type User struct {
	Name, Token            string
	Export, Import, Delete bool
	Group                  string // the data access group that it is confined to, by its unique name
	DeIdentified           bool   // exports leave out identifiers, silently
}

// Service is an account with all rights.
func Service(name, token string) User {
	return User{Name: name, Token: token, Export: true, Import: true, Delete: true}
}

// Project is a design and what is stored under it. It may be used from several goroutines.
type Project struct {
	server *Server

	mu      sync.Mutex
	design  Design
	users   []User
	records map[string]*record
	log     []Entry
}

// record is what is stored of one subject.
type record struct {
	group   string
	rows    map[row]map[string]string // values by column, without empty ones; an unchecked box has none
	locks   map[formRow]bool
	locked  bool
	changed time.Time
}

// row is where values lie: form is the repeating form, "" in the rows of an event; instance is 0 where nothing repeats.
type row struct {
	event, form string
	instance    int
}

// formRow is a form's instance, which is what can be locked.
type formRow struct {
	event, form string
	instance    int
}

// Entry is a line of the log.
type Entry struct {
	At                            time.Time
	User, Action, Details, Record string
	Kind                          string // as logtype filters it: record_add, record_edit, record_delete, lock_record, manage
}

// Cell names one value. Event is "" in a classic project, Instance 0 where neither form nor event repeats. Field is a column of
// the flat export: a choice of a checkbox has its own.
type Cell struct {
	Record, Event string
	Instance      int
	Field         string
}

// rowOf returns the row in which a form's values lie.
func (d *Design) rowOf(event, form string, instance int) row {
	switch {
	case d.repeats(event, form):
		return row{event, form, max(instance, 1)}
	case d.repeats(event, ""):
		return row{event, "", max(instance, 1)}
	}
	return row{event, "", 0}
}

// sortedRecords returns the records as an export lists them: numbers first, by value.
func (p *Project) sortedRecords() []string {
	return slices.SortedFunc(maps.Keys(p.records), byName)
}

func byName(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return cmp.Compare(a, b)
}

// sortedRows returns a record's rows: by event, the event's own before those of repeating forms, by instance.
func (p *Project) sortedRows(r *record) []row {
	forms := append([]string{""}, p.design.forms()...)
	eventAt := func(name string) int {
		return slices.IndexFunc(p.design.Events, func(e Event) bool { return e.Name == name })
	}
	return slices.SortedFunc(maps.Keys(r.rows), func(a, b row) int {
		return cmp.Or(cmp.Compare(eventAt(a.event), eventAt(b.event)), cmp.Compare(slices.Index(forms, a.form), slices.Index(forms, b.form)),
			cmp.Compare(a.instance, b.instance))
	})
}

func (p *Project) note(user, kind, action, details, record string) {
	p.log = append(p.log, Entry{p.server.clock(), user, action, details, record, kind})
}

// open returns a record, which it makes when it is not there.
func (p *Project) open(id string) (r *record, made bool) {
	if r = p.records[id]; r != nil {
		return r, false
	}
	r = &record{rows: map[row]map[string]string{}, locks: map[formRow]bool{}}
	p.records[id] = r
	return r, true
}

// put stores a value; "" removes it. It reports whether that changed anything.
func (r *record) put(at row, column, value string) bool {
	if r.rows[at] == nil {
		r.rows[at] = map[string]string{}
	}
	if at.form != "" && r.rows[row{at.event, "", 0}] == nil { // the record ID lies in the event itself
		r.rows[row{at.event, "", 0}] = map[string]string{}
	}
	before := r.rows[at][column]
	if value == "" {
		delete(r.rows[at], column)
	} else {
		r.rows[at][column] = value
	}
	return before != value
}
