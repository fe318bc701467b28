package fakeredcap

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// selection is what an export asks for.
type selection struct {
	records, events []string
	columns         []string // of the data, in their sequence
	all             map[string]column
	forms           map[string]bool
	id              bool // the record ID, and with it the columns of structure
	groups          bool
	blank           bool // forms that nobody touched have an empty status
	begin, end      time.Time
}

func (p *Project) export(c Call, u User) reply {
	if c.Get("rawOrLabel") == "label" || c.Get("filterLogic") != "" || c.Get("rawOrLabelHeaders") == "label" {
		return refusal(http.StatusNotImplemented, "this fake server exports raw values only, without filterLogic")
	}
	s, refused := p.selected(c, u)
	if refused.status != 0 {
		return refused
	}
	if c.Get("type") == "eav" {
		return p.exportLong(c, u, s)
	}
	return p.exportFlat(c, u, s)
}

func (p *Project) selected(c Call, u User) (selection, reply) {
	d := &p.design
	names, all := d.columns()
	fields, forms := c.list("fields"), c.list("forms")
	s := selection{records: c.list("records"), events: c.list("events"), all: all, forms: map[string]bool{}, blank: c.Get("exportBlankForGrayFormStatus") == "true"}
	if bad := p.unknown(fields, all); len(bad) > 0 {
		return s, badValues("fields", bad)
	}
	if bad := slices.DeleteFunc(forms, func(f string) bool { return slices.Contains(d.forms(), f) }); len(bad) > 0 {
		return s, badValues("forms", bad)
	}
	forms = c.list("forms")
	if bad := slices.DeleteFunc(slices.Clone(s.events), func(e string) bool { return d.event(e) != nil }); len(bad) > 0 {
		return s, badValues("events", bad)
	}
	everything := len(fields) == 0 && len(forms) == 0
	for _, name := range names {
		col := all[name]
		asked := everything || slices.Contains(forms, col.form) || slices.Contains(fields, name) || col.field != nil && slices.Contains(fields, col.field.Name)
		switch {
		case !asked || u.DeIdentified && col.field != nil && col.field.Identifier != "":
		case name == d.recordID():
			s.id = true
		default:
			s.columns = append(s.columns, name)
			s.forms[col.form] = true
		}
	}
	s.groups = c.Get("exportDataAccessGroups") == "true" && len(d.Groups) > 0 && u.Group == ""
	var err error
	if s.begin, err = instant(c.Get("dateRangeBegin")); err == nil {
		s.end, err = instant(c.Get("dateRangeEnd"))
	}
	if err != nil {
		return s, refusal(http.StatusBadRequest, "The date range is not in the format YYYY-MM-DD HH:MM:SS")
	}
	return s, reply{}
}

func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse("2006-01-02 15:04:05", text)
}

func badValues(parameter string, values []string) reply {
	return refusal(http.StatusBadRequest, `The following values in the parameter "`+parameter+`" are not valid: '`+strings.Join(values, "', '")+`'`)
}

// unknown returns the fields that the project does not have. A checkbox can be asked for as a whole.
func (p *Project) unknown(fields []string, columns map[string]column) []string {
	return slices.DeleteFunc(slices.Clone(fields), func(name string) bool {
		if _, ok := columns[name]; ok {
			return true
		}
		return slices.ContainsFunc(p.design.Fields, func(f Field) bool { return f.Name == name && f.Type == "checkbox" })
	})
}

// asked returns the records that an export names, all of them when it names none.
func (p *Project) asked(s selection) []string {
	if len(s.records) == 0 {
		return p.sortedRecords()
	}
	there := slices.DeleteFunc(slices.Clone(s.records), func(id string) bool { return p.records[id] == nil })
	return slices.SortedFunc(slices.Values(there), byName)
}

// each calls yield with every row that is asked for and that the user may see.
func (p *Project) each(u User, s selection, yield func(id string, r *record, at row)) {
	for _, id := range p.asked(s) {
		r := p.records[id]
		switch {
		case u.Group != "" && r.group != u.Group:
			continue
		case r.changed.Before(s.begin), !s.end.IsZero() && r.changed.After(s.end):
			continue
		}
		for _, at := range p.sortedRows(r) {
			if wanted(s.events, at.event) && (at.form == "" || s.forms[at.form]) {
				yield(id, r, at)
			}
		}
	}
}

func (p *Project) exportFlat(c Call, u User, s selection) reply {
	columns := p.structureColumns(s)
	rows := [][]string{}
	p.each(u, s, func(id string, r *record, at row) {
		line := p.structureValues(s, id, r, at)
		for _, name := range s.columns {
			line = append(line, p.shown(s, r, at, name))
		}
		rows = append(rows, line)
	})
	return table(c.format(), append(columns, s.columns...), rows, "redcap_repeat_instance")
}

// structureColumns are the columns before the data. They come with the record ID.
func (p *Project) structureColumns(s selection) []string {
	var columns []string
	if s.id {
		columns = append(columns, p.design.recordID())
		if p.design.longitudinal() {
			columns = append(columns, "redcap_event_name")
		}
		if len(p.design.Repeating) > 0 {
			columns = append(columns, "redcap_repeat_instrument", "redcap_repeat_instance")
		}
	}
	if s.groups {
		columns = append(columns, "redcap_data_access_group")
	}
	return columns
}

func (p *Project) structureValues(s selection, id string, r *record, at row) []string {
	var line []string
	if s.id {
		line = append(line, id)
		if p.design.longitudinal() {
			line = append(line, at.event)
		}
		if len(p.design.Repeating) > 0 {
			line = append(line, at.form, number(at.instance))
		}
	}
	if s.groups {
		line = append(line, r.group)
	}
	return line
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// shown is what a flat export has in a column of a row: nothing where the form is not filled there, 0 for a box that is not
// checked and for the status of a form that nobody touched.
func (p *Project) shown(s selection, r *record, at row, name string) string {
	col := s.all[name]
	v := r.rows[at][name]
	switch {
	case !p.design.holds(at, col.form):
		return ""
	case v == "" && (col.code != "" || col.complete && !s.blank):
		return "0"
	}
	return v
}

// holds reports whether a form is filled in a row.
func (d *Design) holds(at row, form string) bool {
	return d.designated(at.event, form) && d.rowOf(at.event, form, at.instance) == at
}

// exportLong gives a line per value that there is. A checked box is the field with its code.
func (p *Project) exportLong(c Call, u User, s selection) reply {
	columns := []string{"record"}
	if p.design.longitudinal() {
		columns = append(columns, "redcap_event_name")
	}
	repeats := len(p.design.Repeating) > 0
	if repeats {
		columns = append(columns, "redcap_repeat_instrument", "redcap_repeat_instance")
	}
	rows := [][]string{}
	p.each(u, s, func(id string, r *record, at row) {
		line := func(field, value string) {
			row := []string{id}
			if p.design.longitudinal() {
				row = append(row, at.event)
			}
			if repeats {
				row = append(row, at.form, number(at.instance))
			}
			rows = append(rows, append(row, field, value))
		}
		if s.id && at.form == "" {
			line(p.design.recordID(), id)
		}
		for _, name := range s.columns {
			switch col, v := s.all[name], r.rows[at][name]; {
			case v == "":
			case col.code != "":
				line(col.field.Name, col.code)
			default:
				line(name, v)
			}
		}
	})
	return table(c.format(), append(columns, "field_name", "value"), rows, "redcap_repeat_instance")
}

func (p *Project) exportLog(c Call) reply {
	begin, errBegin := time.Parse("2006-01-02 15:04", or(c.Get("beginTime"), "0001-01-01 00:00"))
	end, errEnd := time.Parse("2006-01-02 15:04", or(c.Get("endTime"), "9999-12-31 23:59"))
	if errBegin != nil || errEnd != nil {
		return refusal(http.StatusBadRequest, "The time range is not in the format YYYY-MM-DD HH:MM")
	}
	rows := [][]string{}
	for _, e := range slices.Backward(p.log) {
		at := e.At.Truncate(time.Minute)
		switch kind := c.Get("logtype"); {
		case at.Before(begin), at.After(end), c.Get("user") != "" && c.Get("user") != e.User, c.Get("record") != "" && c.Get("record") != e.Record:
		case kind == "" || kind == e.Kind || kind == "record" && strings.HasPrefix(e.Kind, "record_"):
			rows = append(rows, []string{at.Format("2006-01-02 15:04"), e.User, e.Action, e.Details, e.Record})
		}
	}
	return table(c.format(), []string{"timestamp", "username", "action", "details", "record"}, rows)
}
