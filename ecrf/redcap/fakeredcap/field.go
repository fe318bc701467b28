package fakeredcap

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Field is a row of the data dictionary.
type Field struct {
	Name, Form, Section, Type, Label, Choices, Note, Validation, Min, Max, Identifier,
	Branching, Required, Alignment, Question, Matrix, Ranking, Annotation string
}

// fieldColumns are the API's names of the columns, in the sequence of Field's members.
var fieldColumns = []string{
	"field_name", "form_name", "section_header", "field_type", "field_label", "select_choices_or_calculations", "field_note",
	"text_validation_type_or_show_slider_number", "text_validation_min", "text_validation_max", "identifier", "branching_logic",
	"required_field", "custom_alignment", "question_number", "matrix_group_name", "matrix_ranking", "field_annotation",
}

func (f *Field) members() []*string {
	return []*string{
		&f.Name, &f.Form, &f.Section, &f.Type, &f.Label, &f.Choices, &f.Note, &f.Validation, &f.Min, &f.Max, &f.Identifier,
		&f.Branching, &f.Required, &f.Alignment, &f.Question, &f.Matrix, &f.Ranking, &f.Annotation,
	}
}

func (f *Field) row() []string {
	row := make([]string, 0, len(fieldColumns))
	for _, m := range f.members() {
		row = append(row, *m)
	}
	return row
}

// ReadFields reads a data dictionary as the API or the web page exports it: 18 columns, whose sequence is the same in both.
func ReadFields(r io.Reader) ([]Field, error) {
	rows, err := readCSV(r)
	if err != nil {
		return nil, fmt.Errorf("data dictionary: %w", err)
	}
	var fields []Field
	for _, row := range rows[1:] {
		if len(row) < len(fieldColumns) {
			return nil, errors.New("data dictionary: a row has less than 18 columns")
		}
		var f Field
		for i, m := range f.members() {
			*m = strings.TrimSpace(row[i])
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return nil, errors.New("data dictionary: no fields")
	}
	return fields, nil
}

func readCSV(r io.Reader) ([][]string, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.LazyQuotes = -1, true
	rows, err := c.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file is empty")
	}
	rows[0][0] = strings.TrimPrefix(rows[0][0], "\uFEFF")
	return rows, nil
}

func (f *Field) tagged(tag string) bool {
	return strings.Contains(strings.ToUpper(f.Annotation), tag)
}

func (f *Field) calculated() bool {
	return f.Type == "calc" || f.tagged("@CALCTEXT") || f.tagged("@CALCDATE")
}

// codes returns the raw codes of a choice field.
func (f *Field) codes() []string {
	switch f.Type {
	case "yesno", "truefalse":
		return []string{"1", "0"}
	case "radio", "dropdown", "checkbox":
		return codesOf(f.Choices)
	}
	return nil
}

// codesOf splits "1, Yes | 2, No, never" at the bars, and each part at its first comma.
func codesOf(choices string) []string {
	var codes []string
	for part := range strings.SplitSeq(choices, "|") {
		code, _, _ := strings.Cut(part, ",")
		if code = strings.TrimSpace(code); code != "" {
			codes = append(codes, code)
		}
	}
	return codes
}

// boxColumn is the column of one choice of a checkbox.
func boxColumn(field, code string) string {
	var b strings.Builder
	b.WriteString(field + "___")
	for _, r := range strings.ToLower(code) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}
