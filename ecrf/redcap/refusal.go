package redcap

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// cause classifies what REDCap says of a cell that it does not take.
type cause string

const (
	causeFormat    cause = "the value does not have the format that the field wants"
	causeCategory  cause = "the value is no code of the field"
	causeLocked    cause = "the form or the record is locked"
	causeStructure cause = "the field does not belong to that event or instance"
	causeRange     cause = "the value is outside the field's range"
	causeOther     cause = "REDCap does not take the value"
)

// causes are looked for in this order in what REDCap says.
var causes = []struct {
	words string
	cause cause
}{
	{"located on a form that is locked", causeLocked},
	{"locked at the record level", causeLocked},
	{"record has been locked", causeLocked},
	{"not a valid category", causeCategory},
	{"does not follow the expected format", causeFormat},
	{"could not be validated", causeFormat},
	{"Invalid date", causeFormat},
	{"not designated for the event", causeStructure},
	{"redcap_repeat_instance", causeStructure},
	{"redcap_repeat_instrument", causeStructure},
	{"Repeating Instrument", causeStructure},
	{"out of range", causeRange},
	{"outside the", causeRange},
}

func causeOf(message string) cause {
	for _, c := range causes {
		if strings.Contains(message, c.words) {
			return c.cause
		}
	}
	return causeOther
}

// badCell is a cell that REDCap named in a refusal. Event is "" where it named none.
type badCell struct {
	record, event, field string
	cause                cause
}

// refusal is an import that was refused as a whole.
type refusal struct {
	status int
	cells  []badCell // that are to blame; none where REDCap named none
	reason string    // without values
}

func (r *refusal) Error() string {
	if len(r.cells) > 0 {
		return fmt.Sprintf("the server refused %d cells", len(r.cells))
	}
	return fmt.Sprintf("the server answered %d: %s", r.status, r.reason)
}

// reasons are what may be repeated of an answer: sentences of REDCap without a value of anybody.
var reasons = []struct{ words, reason string }{
	{"permissions to use the API", "the token is not accepted: it is wrong, or its account may not use the API"},
	{"API Import/Update privileges", "the account may not import: give it the right API Import/Update"},
	{"Delete Record privileges", "the account may not delete records"},
	{"log", "the account may not see the log"},
	{"classic projects", "the project is a classic one"},
	{"does not contain any repeating", "the project has nothing that repeats"},
	{"do not exist", "something that was named does not exist in the project"},
	{"were not found", "something that was named does not exist in the project"},
	{"is required", "a parameter is missing"},
}

// refused reads a refusal: quads of record, field, value and message as CSV, bare or within JSON; the JSON of older servers; or
// one sentence.
func refused(status int, text []byte) error {
	var told struct {
		Error   string `json:"error"`
		Records []struct {
			Record  string `json:"record"`
			Field   string `json:"field_name"`
			Message string `json:"message"`
		} `json:"records"`
	}
	r := &refusal{status: status}
	sentence := string(text)
	if json.Unmarshal(text, &told) == nil {
		sentence = told.Error
	}
	for _, bad := range told.Records {
		r.add(bad.Record, bad.Field, bad.Message)
	}
	if len(r.cells) == 0 {
		r.quads(sentence)
	}
	r.reason = reasonOf(status, sentence)
	return r
}

func reasonOf(status int, sentence string) string {
	for _, x := range reasons {
		if strings.Contains(sentence, x.words) {
			return x.reason
		}
	}
	if status == http.StatusBadRequest {
		return "the request was refused"
	}
	return http.StatusText(status)
}

// quads reads lines of record, field, value and message. Text that is no such lines leaves the refusal without cells.
func (r *refusal) quads(text string) {
	lines := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(text), "ERROR:")))
	lines.FieldsPerRecord, lines.LazyQuotes, lines.TrimLeadingSpace = -1, true, true
	rows, err := lines.ReadAll()
	if err != nil {
		return
	}
	for _, row := range rows {
		if len(row) != 4 {
			r.cells = nil
			return
		}
		r.add(row[0], row[1], row[3])
	}
}

// add takes a quad in. The record may have its event behind it, in parentheses.
func (r *refusal) add(record, field, message string) {
	bad := badCell{record: record, field: field, cause: causeOf(message)}
	if name, rest, ok := strings.Cut(record, " ("); ok && strings.HasSuffix(rest, ")") {
		bad.record, bad.event = name, strings.TrimSuffix(rest, ")")
	}
	r.cells = append(r.cells, bad)
}

// asRefusal returns the refusal within an error, or nil.
func asRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}
