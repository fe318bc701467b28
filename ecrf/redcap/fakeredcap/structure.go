package fakeredcap

import (
	"net/http"
	"strconv"
	"strings"
)

// structure answers what asks for a project's design.
func (p *Project) structure(c Call, u User) reply {
	switch c.Content {
	case "project":
		return p.exportProject(c)
	case "metadata":
		return p.exportMetadata(c)
	case "exportFieldNames":
		return p.exportFieldNames(c)
	case "instrument":
		return p.exportForms(c)
	case "event", "arm", "formEventMapping":
		return p.exportEvents(c)
	case "repeatingFormsEvents":
		return p.exportRepeating(c)
	case "dag":
		return p.exportGroups(c)
	case "userDagMapping":
		return p.exportUserGroups(c)
	case "user":
		return p.exportUsers(c, u)
	}
	return unoffered(c)
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (p *Project) exportProject(c Call) reply {
	d := &p.design
	pairs := [][2]string{
		{"project_id", "1"}, {"project_title", d.Title}, {"creation_time", ""}, {"production_time", ""}, {"in_production", flag(d.InProduction)},
		{"project_language", "English"}, {"purpose", "0"}, {"purpose_other", ""}, {"project_notes", ""}, {"custom_record_label", ""},
		{"secondary_unique_field", ""}, {"is_longitudinal", flag(d.longitudinal())}, {"has_repeating_instruments_or_events", flag(len(d.Repeating) > 0)},
		{"surveys_enabled", "0"}, {"scheduling_enabled", "0"}, {"record_autonumbering_enabled", flag(d.AutoNumber)}, {"randomization_enabled", "0"},
		{"ddp_enabled", "0"}, {"project_irb_number", ""}, {"project_grant_number", ""}, {"project_pi_firstname", ""}, {"project_pi_lastname", ""},
		{"display_today_now_button", "1"}, {"missing_data_codes", d.MissingCodes}, {"external_modules", ""}, {"bypass_branching_erase_field_prompt", "0"},
	}
	var columns, values []string
	for _, pair := range pairs {
		columns, values = append(columns, pair[0]), append(values, pair[1])
	}
	numbers := []string{
		"project_id", "in_production", "purpose", "is_longitudinal", "has_repeating_instruments_or_events", "surveys_enabled", "scheduling_enabled",
		"record_autonumbering_enabled", "randomization_enabled", "ddp_enabled", "display_today_now_button", "bypass_branching_erase_field_prompt",
	}
	if c.format() == "json" { // one object, no list
		return reply{http.StatusOK, jsonType, jsonRow(columns, values, numbers)}
	}
	return table(c.format(), columns, [][]string{values})
}

// wanted reports whether a name is in a list of the call, or the call has no such list.
func wanted(list []string, name string) bool {
	for _, l := range list {
		if l == name {
			return true
		}
	}
	return len(list) == 0
}

func (p *Project) exportMetadata(c Call) reply {
	fields, forms := c.list("fields"), c.list("forms")
	var rows [][]string
	for i := range p.design.Fields {
		if f := &p.design.Fields[i]; wanted(fields, f.Name) && wanted(forms, f.Form) {
			rows = append(rows, f.row())
		}
	}
	return table(c.format(), fieldColumns, rows)
}

func (p *Project) exportFieldNames(c Call) reply {
	names, columns := p.design.columns()
	var rows [][]string
	for _, name := range names {
		switch col := columns[name]; {
		case col.code != "":
			rows = append(rows, []string{col.field.Name, col.code, name})
		case col.field == nil || col.field.Type != "file":
			rows = append(rows, []string{name, "", name})
		}
	}
	return table(c.format(), []string{"original_field_name", "choice_value", "export_field_name"}, rows)
}

// title is the label that a form's name was made from, as far as that can be known.
func title(form string) string {
	words := strings.Fields(strings.ReplaceAll(form, "_", " "))
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

func (p *Project) exportForms(c Call) reply {
	var rows [][]string
	for _, form := range p.design.forms() {
		rows = append(rows, []string{form, title(form)})
	}
	return table(c.format(), []string{"instrument_name", "instrument_label"}, rows)
}

func (p *Project) exportEvents(c Call) reply {
	if !p.design.longitudinal() {
		what := map[string]string{"event": "events", "arm": "arms", "formEventMapping": "form/event mappings"}[c.Content]
		return refusal(http.StatusBadRequest, "You cannot export "+what+" for classic projects")
	}
	switch c.Content {
	case "arm":
		return p.exportArms(c)
	case "formEventMapping":
		return p.exportDesignation(c)
	}
	var rows [][]string
	for _, e := range p.design.Events {
		rows = append(rows, []string{e.Label, strconv.Itoa(e.Arm), e.Name, e.Custom, strconv.Itoa(e.ID)})
	}
	return table(c.format(), []string{"event_name", "arm_num", "unique_event_name", "custom_event_label", "event_id"}, rows, "arm_num", "event_id")
}

func (p *Project) exportArms(c Call) reply {
	var rows [][]string
	seen := map[int]bool{}
	for _, e := range p.design.Events {
		if !seen[e.Arm] {
			seen[e.Arm] = true
			rows = append(rows, []string{strconv.Itoa(e.Arm), "Arm " + strconv.Itoa(e.Arm)})
		}
	}
	return table(c.format(), []string{"arm_num", "name"}, rows, "arm_num")
}

func (p *Project) exportDesignation(c Call) reply {
	var rows [][]string
	for _, e := range p.design.Events {
		for _, form := range e.Forms {
			rows = append(rows, []string{strconv.Itoa(e.Arm), e.Name, form})
		}
	}
	return table(c.format(), []string{"arm_num", "unique_event_name", "form"}, rows, "arm_num")
}

func (p *Project) exportRepeating(c Call) reply {
	if len(p.design.Repeating) == 0 {
		return refusal(http.StatusBadRequest,
			"You cannot export repeating instruments and events because the project does not contain any repeating instruments and events")
	}
	columns := []string{"form_name", "custom_form_label"}
	if p.design.longitudinal() {
		columns = append([]string{"event_name"}, columns...)
	}
	var rows [][]string
	for _, r := range p.design.Repeating {
		row := []string{r.Form, r.Label}
		if p.design.longitudinal() {
			row = append([]string{r.Event}, row...)
		}
		rows = append(rows, row)
	}
	return table(c.format(), columns, rows)
}

func (p *Project) exportGroups(c Call) reply {
	var rows [][]string
	for _, g := range p.design.Groups {
		rows = append(rows, []string{g.Name, g.Unique, strconv.Itoa(g.ID)})
	}
	return table(c.format(), []string{"data_access_group_name", "unique_group_name", "data_access_group_id"}, rows, "data_access_group_id")
}

func (p *Project) exportUserGroups(c Call) reply {
	var rows [][]string
	for _, u := range p.users {
		rows = append(rows, []string{u.Name, u.Group})
	}
	return table(c.format(), []string{"username", "redcap_data_access_group"}, rows)
}

// exportUsers tells of every account what a client can ask for: whether it may export, import and delete, and its group.
func (p *Project) exportUsers(c Call, _ User) reply {
	columns := []string{"username", "data_access_group", "data_access_group_id", "api_export", "api_import", "record_create", "record_delete", "lock_records"}
	var rows [][]string
	for _, u := range p.users {
		id := ""
		if g := p.design.group(u.Group); g != nil {
			id = strconv.Itoa(g.ID)
		}
		rows = append(rows, []string{u.Name, u.Group, id, flag(u.Export), flag(u.Import), flag(u.Import), flag(u.Delete), "0"})
	}
	return table(c.format(), columns, rows, "data_access_group_id", "api_export", "api_import", "record_create", "record_delete", "lock_records")
}
