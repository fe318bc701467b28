package fakeredcap

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Columns of an import that hold no data. Some exports have more, which imports ignore.
var (
	structural = []string{"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group"}
	ignored    = func(name string) bool {
		return name == "redcap_survey_identifier" || strings.HasSuffix(name, "_timestamp")
	}
)

// batch is an import on its way: what it would write, and why it must not.
type batch struct {
	*Project
	call      Call
	user      User
	columns   map[string]column
	overwrite bool
	writes    []write
	groups    map[string]string // by record
	records   []string          // in the sequence of the request
	suggested []string          // what they were called in it
	quads     []quad
	newest    map[formRow]int // instances that "new" made, by the record's event and form
}

type write struct {
	record        string
	at            row
	column, value string
}

// take imports records: all of the request, or, when one value is refused, nothing.
func (p *Project) take(c Call, u User) reply {
	if !u.Import {
		return refusal(http.StatusForbidden, "You do not have API Import/Update privileges")
	}
	if f := c.format(); f != "json" && f != "csv" {
		return refusal(http.StatusNotImplemented, "this fake server imports JSON and CSV only")
	}
	if c.form.Has("backgroundProcess") {
		return refusal(http.StatusNotImplemented, "this fake server imports at once only")
	}
	rows, names, ok := c.rows()
	if !ok {
		return refusal(http.StatusBadRequest, unformatted)
	}
	if n := len(rows) * len(names); p.server.MaxCells > 0 && n > p.server.MaxCells {
		return outOfMemory()
	}
	_, columns := p.design.columns()
	b := &batch{Project: p, call: c, user: u, columns: columns, overwrite: c.Get("overwriteBehavior") == "overwrite", groups: map[string]string{}, newest: map[formRow]int{}}
	if why := b.refuse(names); why != "" {
		return refusal(http.StatusBadRequest, why)
	}
	for _, r := range rows {
		if why := b.row(r, names); why != "" {
			return refusal(http.StatusBadRequest, why)
		}
	}
	if len(b.quads) > 0 {
		return b.refusal()
	}
	b.commit()
	return b.reply()
}

// outOfMemory is how PHP fails: status 200, a page, and the error behind it.
func outOfMemory() reply {
	return reply{http.StatusOK, "text/html; charset=utf-8",
		"<br />\n<b>Fatal error</b>: Allowed memory size of 536870912 bytes exhausted\n" + `{"error":"REDCap ran out of server memory. The request cannot be processed."}`}
}

// refuse checks the columns as a whole.
func (b *batch) refuse(names []string) string {
	long := b.call.Get("type") == "eav"
	if !long && !slices.Contains(names, b.design.recordID()) {
		return "The record ID field '" + b.design.recordID() + "' is missing in the data"
	}
	var unknown []string
	for _, name := range names {
		_, known := b.columns[name]
		if !known && !slices.Contains(structural, name) && !ignored(name) && (!long || name != "record") {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return "The following fields were not found in the project as real data fields: " + strings.Join(unknown, ", ")
	}
	if b.user.Group != "" && slices.Contains(names, "redcap_data_access_group") {
		return "You cannot assign records to Data Access Groups because you are in a Data Access Group"
	}
	return ""
}

func (b *batch) row(r submitted, names []string) string {
	id := strings.TrimSpace(r[b.design.recordID()])
	if b.call.Get("type") == "eav" {
		id = strings.TrimSpace(r["record"])
	}
	suggested := id
	switch {
	case b.call.Get("forceAutoNumber") == "true":
		id = b.autoNumber(suggested)
	case id == "":
		return "A record name is missing in a row of the data"
	}
	stored := b.Project.records[id]
	if stored != nil && b.user.Group != "" && stored.group != b.user.Group {
		return "The record '" + id + "' belongs to another Data Access Group"
	}
	if !slices.Contains(b.records, id) {
		b.records, b.suggested = append(b.records, id), append(b.suggested, suggested)
	}
	if g := r["redcap_data_access_group"]; g != "" {
		if b.design.group(g) == nil {
			b.quads = append(b.quads, quad{id, "redcap_data_access_group", g, "The value is not a valid Data Access Group"})
		}
		b.groups[id] = g
	}
	b.cells(id, r, names)
	return ""
}

// autoNumber names a record anew, and all rows of one suggested name alike.
func (b *batch) autoNumber(suggested string) string {
	if i := slices.Index(b.suggested, suggested); i >= 0 {
		return b.records[i]
	}
	highest := 0
	for _, id := range append(b.sortedRecords(), b.records...) {
		if n, err := strconv.Atoi(id); err == nil {
			highest = max(highest, n)
		}
	}
	return strconv.Itoa(highest + 1)
}

// cells checks a row's values.
func (b *batch) cells(id string, r submitted, names []string) {
	event := r["redcap_event_name"]
	name := id
	if b.design.longitudinal() {
		name = id + " (" + event + ")"
		if b.design.event(event) == nil {
			b.quads = append(b.quads, quad{name, "redcap_event_name", event, "Invalid event name"})
			return
		}
	}
	at, why := b.place(id, event, r)
	if why.why != "" {
		why.record = name
		b.quads = append(b.quads, why)
		return
	}
	b.ensure(id, at)
	for _, column := range names {
		col, ok := b.columns[column]
		value := r[column]
		if !ok || column == b.design.recordID() || value == "" && !b.overwrite {
			continue
		}
		if value, why := b.cell(id, at, col, column, value, r); why != "" {
			b.quads = append(b.quads, quad{name, column, r[column], why})
		} else {
			b.writes = append(b.writes, write{id, at, column, value})
		}
	}
}

// ensure makes the record and the row, also where no value is written.
func (b *batch) ensure(id string, at row) {
	b.writes = append(b.writes, write{id, at, "", ""})
}

// place finds the row that the structure columns name.
func (b *batch) place(id, event string, r submitted) (row, quad) {
	form, text := r["redcap_repeat_instrument"], r["redcap_repeat_instance"]
	if form != "" && !b.design.repeats(event, form) {
		return row{}, quad{"", "redcap_repeat_instrument", form, "redcap_repeat_instrument must be the unique form name of a Repeating Instrument for this event"}
	}
	if form == "" && !b.design.repeats(event, "") {
		if text != "" {
			return row{}, quad{"", "redcap_repeat_instance", text, "redcap_repeat_instance cannot have a value since this instrument or event is not a repeating instrument or event"}
		}
		return row{event, "", 0}, quad{}
	}
	if text == "new" && b.call.Get("type") != "eav" {
		return row{event, form, b.next(id, event, form)}, quad{}
	}
	n, err := strconv.Atoi(or(text, "1"))
	if err != nil || n < 1 || text == "" && form != "" {
		return row{}, quad{"", "redcap_repeat_instance", text, "redcap_repeat_instance must be an integer of at least 1"}
	}
	return row{event, form, n}, quad{}
}

// next is the instance behind the highest.
func (b *batch) next(id, event, form string) int {
	key := formRow{id + "\x00" + event, form, 0}
	highest := b.newest[key]
	if r := b.Project.records[id]; r != nil {
		for at := range r.rows {
			if at.event == event && at.form == form {
				highest = max(highest, at.instance)
			}
		}
	}
	b.newest[key] = highest + 1
	return highest + 1
}

// cell checks one value in its place.
func (b *batch) cell(id string, at row, col column, name, value string, r submitted) (stored, why string) {
	switch {
	case !b.design.designated(at.event, col.form):
		if value == "" {
			return "", ""
		}
		return "", fmt.Sprintf("This field ('%s') exists on an instrument that is not designated for the event named '%s'. You are not allowed to import data for this field into this event.",
			name, b.design.event(at.event).Label)
	case !b.design.holds(at, col.form):
		if value == "" {
			return "", ""
		}
		return "", b.misplaced(at, col, name)
	}
	if why := b.lockOf(id, at, col.form); why != "" {
		return "", why
	}
	if value == "" {
		return "", ""
	}
	stored, why = b.design.accept(col, value, b.call.Get("dateFormat"))
	if col.code != "" && stored == "0" {
		stored = ""
	}
	return stored, why
}

func (b *batch) misplaced(at row, col column, name string) string {
	if b.design.repeats(at.event, col.form) && at.form == "" {
		return fmt.Sprintf("This field ('%s') exists on a Repeating Instrument named '%s'. However, the fields 'redcap_repeat_instance' and/or 'redcap_repeat_instrument' for this row have no value",
			name, title(col.form))
	}
	return fmt.Sprintf("This field ('%s') does not belong to the repeating instrument or event of this row", name)
}

func (b *batch) lockOf(id string, at row, form string) string {
	r := b.Project.records[id]
	switch {
	case r == nil:
		return ""
	case r.locked:
		return "This record has been locked at the record level. No value within this record can be modified."
	case r.locks[formRow{at.event, form, at.instance}]:
		return "This field is located on a form that is locked. You must first unlock this form for this record."
	}
	return ""
}

func (b *batch) refusal() reply {
	if b.server.Old {
		var cells []string
		for _, q := range b.quads {
			cells = append(cells, jsonRow([]string{"record", "field_name", "value", "message"}, []string{q.record, q.field, q.value, q.why}, nil))
		}
		return reply{http.StatusBadRequest, jsonType, `{"error":"There were data validation errors","records":[` + strings.Join(cells, ",") + `]}`}
	}
	var lines []string
	for _, q := range b.quads {
		lines = append(lines, q.String())
	}
	return refusal(http.StatusBadRequest, strings.Join(lines, "\n"))
}

// place is a row of a record. The log has a line for each.
type place struct {
	record string
	row
}

// commit stores what was checked, and logs what that changed.
func (b *batch) commit() {
	changes := map[place][]string{}
	var places []place
	made := map[string]bool{}
	for _, w := range b.writes {
		r, isNew := b.open(w.record)
		if isNew {
			made[w.record], r.group = true, b.user.Group
		}
		at := place{w.record, w.at}
		if _, known := changes[at]; !known {
			changes[at], places = nil, append(places, at)
		}
		if w.column == "" {
			if r.rows[w.at] == nil {
				r.put(w.at, "", "")
			}
		} else if r.put(w.at, w.column, w.value) {
			changes[at] = append(changes[at], detail(b.columns[w.column], w.column, w.value))
		}
	}
	for _, at := range places {
		b.logged(at, made[at.record], changes[at])
		made[at.record] = false
	}
	for _, id := range b.records {
		if r, g := b.Project.records[id], b.groups[id]; g != "" && g != r.group {
			r.group, r.changed = g, b.server.clock()
			b.note(b.user.Name, "record_edit", "Assign record to Data Access Group", "redcap_data_access_group = '"+g+"'", id)
		}
	}
}

func (b *batch) logged(at place, made bool, changes []string) {
	if !made && len(changes) == 0 {
		return
	}
	b.Project.records[at.record].changed = b.server.clock()
	if made {
		changes = append([]string{b.design.recordID() + " = '" + at.record + "'"}, changes...)
	}
	b.saved(b.user.Name, "(API) ", at, made, changes)
}

func (b *batch) reply() reply {
	format := b.call.returnFormat()
	switch b.call.Get("returnContent") {
	case "nothing":
		return reply{http.StatusOK, "text/html; charset=utf-8", ""}
	case "ids":
		return list(format, "id", b.records)
	case "auto_ids":
		pairs := make([]string, len(b.records))
		for i := range b.records {
			pairs[i] = b.records[i] + "," + b.suggested[i]
		}
		return list(format, "id", pairs)
	}
	n := strconv.Itoa(len(b.records))
	switch format {
	case "json":
		return reply{http.StatusOK, jsonType, `{"count": ` + n + `}`}
	case "csv":
		return reply{http.StatusOK, csvType, n}
	}
	return reply{http.StatusOK, xmlType, xmlHead + "<count>" + n + "</count>"}
}

func list(format, head string, values []string) reply {
	switch format {
	case "json":
		var quoted []string
		for _, v := range values {
			quoted = append(quoted, jsonText(v))
		}
		return reply{http.StatusOK, jsonType, "[" + strings.Join(quoted, ",") + "]"}
	case "csv":
		return reply{http.StatusOK, csvType, head + "\n" + strings.Join(values, "\n") + "\n"}
	}
	return refusal(http.StatusNotImplemented, "this fake server writes lists as JSON and CSV only")
}
