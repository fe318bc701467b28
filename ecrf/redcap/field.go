package redcap

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// field is one row of the data dictionary.
type field struct {
	*reader
	row   []string
	name  string
	first bool
}

func (f *field) annotation() string { return f.sheet.get(f.row, "field_annotation") }

func (f *field) identifier() bool {
	switch strings.ToLower(f.sheet.get(f.row, "identifier")) {
	case "y", "yes", "1", "true":
		return true
	}
	return false
}

func (f *field) required() bool {
	switch strings.ToLower(f.sheet.get(f.row, "required_field")) {
	case "y", "yes", "1", "true":
		return true
	}
	return false
}

func (f *field) choices() string { return f.sheet.get(f.row, "select_choices_or_calculations") }

// items returns the field's items: one for each choice of a checkbox, one for every other field.
func (f *field) items() []ecrf.DraftItem {
	it := ecrf.DraftItem{Name: f.name, Label: f.sheet.get(f.row, "field_label"), Type: ecrf.Text, Required: f.required()}
	if f.identifier() {
		it.Note = "identifier"
	}
	kind := strings.ToLower(f.sheet.get(f.row, "field_type"))
	switch {
	case f.first:
		it.Skip = "the record ID, which is the subject's number"
	case calculated.MatchString(f.annotation()):
		it.Skip = "calculated by REDCap (@CALCTEXT or @CALCDATE)"
	case kind == "checkbox":
		return f.checkbox(it)
	default:
		f.single(&it, kind)
	}
	return []ecrf.DraftItem{it}
}

var calculated = regexp.MustCompile(`(?i)@CALC(TEXT|DATE)\b`)

func (f *field) single(it *ecrf.DraftItem, kind string) {
	switch kind {
	case "calc":
		it.Skip = "calculated by REDCap"
	case "descriptive":
		it.Skip = "a text for the reader, which holds no value"
	case "file":
		it.Skip = "a file or signature, which is no value of a form"
	case "yesno", "truefalse":
		it.Type = ecrf.Boolean
	case "radio", "dropdown", "select":
		it.Type, it.CodeList = ecrf.Choice, f.list(f.name, Choices(f.choices()))
	case "slider":
		it.Type, it.Min, it.Max = ecrf.Integer, "0", "100"
		f.bounds(it, func(s string) string { return s })
	case "notes", "textarea":
	case "sql":
		f.draft.Remark(ecrf.Changed, f.name, "the choices come from a query on the REDCap server; the item is a text and its codes are not checked")
	case "text":
		f.text(it)
	default:
		f.draft.Remark(ecrf.Changed, f.name, fmt.Sprintf("the field type %q is unknown; the item is a text", kind))
	}
}

const maxCheckboxLabel = 2000

// checkbox makes a yes or no of each choice, named as REDCap's export columns.
func (f *field) checkbox(of ecrf.DraftItem) []ecrf.DraftItem {
	var items []ecrf.DraftItem
	if len(of.Label) > maxCheckboxLabel { // it stands before the label of each choice
		of.Label = strings.ToValidUTF8(of.Label[:maxCheckboxLabel], "") + "…"
		f.draft.Remark(ecrf.Changed, f.name, "the label of a checkbox is longer than 2000 characters and was cut")
	}
	for _, c := range Choices(f.choices()) {
		if f.boxes++; f.boxes > maxRows {
			break
		}
		it := of
		it.Type, it.Required = ecrf.Boolean, false
		it.Name = f.name + "___" + columnCode(c.Value)
		it.Want = f.name + "_" + strings.Replace(c.Value, "-", "minus_", negative(c.Value))
		it.Label = of.Label + ": " + c.Label
		items = append(items, it)
	}
	if len(items) == 0 {
		of.Skip = "a checkbox without choices"
		return []ecrf.DraftItem{of}
	}
	if of.Required {
		f.draft.Remark(ecrf.LeftOut, f.name, "that one of a checkbox's choices is required")
	}
	return items
}

// negative is how many leading minus signs a code has, 0 or 1.
func negative(code string) int {
	if strings.HasPrefix(code, "-") {
		return 1
	}
	return 0
}

// columnCode spells a code as in REDCap's column names: lower case, and an underscore for what is no letter or digit.
func columnCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(code))
}

// Choices splits a choice string, "1, Yes | 2, No, never": choices at the bars, each at its first comma. A choice
// without a comma is its own code. Line breaks count as bars where there are no bars.
func Choices(s string) []ecrf.Code {
	separator := "|"
	if !strings.Contains(s, separator) {
		separator = "\n"
	}
	var codes []ecrf.Code
	for part := range strings.SplitSeq(s, separator) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		code, label, ok := strings.Cut(part, ",")
		if code = strings.TrimSpace(code); !ok {
			label = code
		}
		codes = append(codes, ecrf.Code{Value: code, Label: strings.TrimSpace(label)})
	}
	return codes
}
