package redcap

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Export holds the files of a project's design. Only Dictionary is needed; the others may be nil.
type Export struct {
	Dictionary io.Reader
	Events     []io.Reader // the list of events, the instrument-event mapping, or both
	Repeating  io.Reader   // the list of repeating instruments and events
}

// titles gives the API's column name for the titles of the web page's export, normalised.
var titles = map[string]string{
	"variable_field_name": "field_name", "variable": "field_name", "choices_calculations_or_slider_labels": "select_choices_or_calculations",
	"choices_or_calculations":                    "select_choices_or_calculations",
	"text_validation_type_or_show_slider_number": "text_validation_type_or_show_slider_number", "text_validation_type": "text_validation_type_or_show_slider_number",
	"branching_logic_show_field_only_if": "branching_logic", "question_number_surveys_only": "question_number",
}

// ReadDictionary reads a project's design. The draft's forms are the instruments, its items the fields, those of a checkbox
// one for each choice. It fails when a file is no CSV file with the columns that it must have.
func ReadDictionary(x Export) (*ecrf.Draft, error) {
	s, err := readSheet(x.Dictionary, titles)
	if err != nil {
		return nil, fmt.Errorf("data dictionary: %w", err)
	}
	r := &reader{draft: &ecrf.Draft{}, sheet: s, forms: map[string]int{}, fields: map[string]bool{}, presentation: map[string]int{}}
	if err := r.columns(); err != nil {
		return nil, fmt.Errorf("data dictionary: %w", err)
	}
	for i, row := range s.rows {
		r.field(i+2, row)
	}
	if r.boxes > maxRows {
		return nil, fmt.Errorf("data dictionary: the checkboxes have more than %d choices", maxRows)
	}
	if len(r.draft.Forms) == 0 {
		return nil, errors.New("data dictionary: the file has a header and no fields")
	}
	r.summary()
	if err := r.events(x.Events); err != nil {
		return nil, err
	}
	if err := r.repeating(x.Repeating); err != nil {
		return nil, err
	}
	return r.draft, nil
}

// reader fills one draft.
type reader struct {
	draft        *ecrf.Draft
	sheet        *sheet
	forms        map[string]int  // index in the draft
	fields       map[string]bool // names that were there
	boxes        int             // items of checkboxes
	presentation map[string]int  // filled cells of columns that say how a form looks
}

func (r *reader) columns() error {
	s := r.sheet
	if !s.has("field_name") && s.has("form_name", "field_type") && s.columns["form_name"] > 0 {
		s.columns["field_name"] = 0
		r.draft.Remark(ecrf.Look, "", fmt.Sprintf("the first column is headed %q; it was read as the field names", s.first))
	}
	if !s.has("field_name", "form_name", "field_type") {
		return errors.New("the columns field_name, form_name and field_type are not all there; export the data dictionary from REDCap as CSV")
	}
	if s.latin {
		r.draft.Remark(ecrf.Look, "", "the file is not UTF-8 and was read as Windows-1252; look at the letters that are not ASCII")
	}
	return nil
}

func (r *reader) field(line int, row []string) {
	name, form := r.sheet.get(row, "field_name"), r.sheet.get(row, "form_name")
	if name == "" || form == "" {
		if strings.Join(row, "") != "" {
			r.draft.Remark(ecrf.LeftOut, fmt.Sprintf("line %d of the data dictionary", line), "a row without field name or form name")
		}
		return
	}
	if r.fields[name] {
		r.draft.Remark(ecrf.LeftOut, name, "the field is there twice; the first stays")
		return
	}
	f := &field{reader: r, row: row, name: name, first: len(r.fields) == 0}
	r.fields[name] = true
	at, ok := r.forms[form]
	if !ok {
		at = len(r.draft.Forms)
		r.forms[form] = at
		r.draft.Forms = append(r.draft.Forms, ecrf.DraftForm{Name: form, Label: formLabel(form)})
	}
	r.draft.Forms[at].Items = append(r.draft.Forms[at].Items, f.items()...)
	r.logic(f)
}

// formLabel turns an instrument's name into the title that it was made from, as far as that can be known.
func formLabel(name string) string {
	words := strings.Join(strings.Fields(strings.ReplaceAll(name, "_", " ")), " ")
	if words == "" {
		return name
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// logic remarks what REDCap does with a field and a dictionary cannot say.
func (r *reader) logic(f *field) {
	if r.sheet.get(f.row, "branching_logic") != "" {
		r.draft.Remark(ecrf.LeftOut, f.name, "branching logic (REDCap hides the field, and takes imported values all the same)")
	}
	if f.annotation() != "" {
		r.draft.Remark(ecrf.LeftOut, f.name, "field annotation or action tags")
	}
	if f.identifier() {
		r.draft.Remark(ecrf.Look, f.name, "marked as an identifier in REDCap; leave it without a rule unless the protocol allows it")
	}
	for _, column := range presentation {
		if r.sheet.get(f.row, column) != "" {
			r.presentation[column]++
		}
	}
}

// Columns that say how a form looks.
var presentation = []string{"section_header", "field_note", "custom_alignment", "question_number", "matrix_group_name", "matrix_ranking"}

func (r *reader) summary() {
	for _, column := range presentation {
		if n := r.presentation[column]; n > 0 {
			r.draft.Remark(ecrf.LeftOut, fmt.Sprintf("%s of %d fields", strings.ReplaceAll(column, "_", " "), n), "what only concerns the look of a form")
		}
	}
}

// list adds the code list of one field.
func (r *reader) list(name string, codes []ecrf.Code) string {
	l := ecrf.DraftCodeList{Name: name, Inline: true, Codes: codes}
	if len(codes) == 2 && slices.Equal([]string{strings.ToLower(codes[0].Label), strings.ToLower(codes[1].Label)}, []string{"no", "yes"}) {
		l.Want = "no_yes"
	}
	r.draft.CodeLists = append(r.draft.CodeLists, l)
	return name
}
