package fakeredcap

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Errors of the web pages.
var (
	ErrLocked  = errors.New("the form or the record is locked")
	ErrUnknown = errors.New("the project has no such field, event or record")
)

// Enter is a person who types a value into a form and saves it; "" clears the field. Pages warn and do not refuse, so any
// value is stored. It makes the record when it is not there.
func (p *Project) Enter(person string, c Cell, value string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, columns := p.design.columns()
	col, ok := columns[c.Field]
	if !ok || !p.design.designated(c.Event, col.form) {
		return fmt.Errorf("%w: %s in %q", ErrUnknown, c.Field, c.Event)
	}
	at := p.design.rowOf(c.Event, col.form, c.Instance)
	if r := p.records[c.Record]; r != nil && (r.locked || r.locks[formRow{at.event, col.form, at.instance}]) {
		return ErrLocked
	}
	r, made := p.open(c.Record)
	if col.code != "" && value == "0" {
		value = ""
	}
	if !r.put(at, c.Field, value) && !made {
		return nil
	}
	r.changed = p.server.clock()
	p.saved(person, "", place{c.Record, at}, made, []string{detail(col, c.Field, value)})
	return nil
}

// saved writes the line of a row that was saved.
func (p *Project) saved(user, how string, at place, made bool, changes []string) {
	kind, action := "record_edit", "Update record "
	if made {
		kind, action = "record_add", "Create record "
	}
	action += how + at.record
	if e := p.design.event(at.event); e != nil {
		action += fmt.Sprintf(" (%s (Arm %d: Arm %d))", e.Label, e.Arm, e.Arm)
	}
	if at.instance > 0 {
		changes = append([]string{fmt.Sprintf("[instance = %d]", at.instance)}, changes...)
	}
	p.note(user, kind, action, strings.Join(changes, ",\n"), at.record)
}

// detail tells a change as the log does.
func detail(c column, name, value string) string {
	if c.code == "" {
		return fmt.Sprintf("%s = '%s'", name, value)
	}
	state := "unchecked"
	if value == "1" {
		state = "checked"
	}
	return fmt.Sprintf("%s(%s) = %s", c.field.Name, c.code, state)
}

// Lock locks the form of a cell, in its event and instance.
func (p *Project) Lock(person string, c Cell) error { return p.lock(person, c, true) }

// Unlock takes that lock away.
func (p *Project) Unlock(person string, c Cell) error { return p.lock(person, c, false) }

func (p *Project) lock(person string, c Cell, locked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, columns := p.design.columns()
	col, ok := columns[c.Field]
	r := p.records[c.Record]
	if !ok || r == nil {
		return ErrUnknown
	}
	at := p.design.rowOf(c.Event, col.form, c.Instance)
	r.locks[formRow{at.event, col.form, at.instance}] = locked
	action := "Lock record"
	if !locked {
		action = "Unlock record"
	}
	p.note(person, "lock_record", action, "Action: "+action+"\nRecord: "+c.Record+"\nForm: "+col.form, c.Record)
	return nil
}

// LockRecord locks a record as a whole, or takes that lock away.
func (p *Project) LockRecord(person, id string, locked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.records[id]
	if r == nil {
		return ErrUnknown
	}
	r.locked = locked
	p.note(person, "lock_record", "Lock/unlock entire record", "Record: "+id, id)
	return nil
}

// DeleteRecord is a person who deletes a record.
func (p *Project) DeleteRecord(person, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.records[id] == nil {
		return ErrUnknown
	}
	delete(p.records, id)
	p.note(person, "record_delete", "Delete record "+id, p.design.recordID()+" = '"+id+"'", id)
	return nil
}

// Redesign changes the project's design; what is stored stays.
func (p *Project) Redesign(person string, change func(*Design)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.design.clone()
	change(&d)
	p.design = d
	p.note(person, "manage", "Manage/Design", "Edit project fields", "")
}

// Assign puts a record into a data access group.
func (p *Project) Assign(person, id, group string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.records[id]
	if r == nil || group != "" && p.design.group(group) == nil {
		return ErrUnknown
	}
	r.group = group
	p.note(person, "record_edit", "Assign record to Data Access Group", "redcap_data_access_group = '"+group+"'", id)
	return nil
}

// GroupOf returns the data access group of a record, "" where it has none.
func (p *Project) GroupOf(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.records[id]; r != nil {
		return r.group
	}
	return ""
}

// Content returns every value that is stored.
func (p *Project) Content() map[Cell]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[Cell]string{}
	for id, r := range p.records {
		for at, values := range r.rows {
			for column, v := range values {
				all[Cell{id, at.event, at.instance, column}] = v
			}
		}
	}
	return all
}

// Records returns the records in the sequence of an export.
func (p *Project) Records() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sortedRecords()
}

// Log returns the log, oldest first.
func (p *Project) Log() []Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// Fill stores the rows of a flat CSV export as they are, without a line in the log.
func (p *Project) Fill(r io.Reader) error {
	rows, err := readCSV(r)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, columns := p.design.columns()
	for _, line := range rows[1:] {
		values := map[string]string{}
		for i, name := range rows[0] {
			values[name] = line[i]
		}
		p.fill(values, columns)
	}
	return nil
}

func (p *Project) fill(values map[string]string, columns map[string]column) {
	instance, _ := strconv.Atoi(values["redcap_repeat_instance"])
	at := row{values["redcap_event_name"], values["redcap_repeat_instrument"], instance}
	r, _ := p.open(values[p.design.recordID()])
	r.changed, r.group = p.server.clock(), values["redcap_data_access_group"]
	if r.rows[at] == nil {
		r.rows[at] = map[string]string{}
	}
	for name := range maps.Keys(columns) {
		v := values[name]
		if name != p.design.recordID() && v != "" && (columns[name].code == "" || v != "0") {
			r.put(at, name, v)
		}
	}
}
