package fakeredcap

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Call is a request as it was understood.
type Call struct {
	Content, Action string
	form            url.Values
}

// CallOf reads a request; it can be read again.
func CallOf(q *http.Request) (Call, error) {
	if err := q.ParseForm(); err != nil {
		return Call{}, err
	}
	return Call{q.PostForm.Get("content"), q.PostForm.Get("action"), q.PostForm}, nil
}

// Get returns a parameter.
func (c Call) Get(name string) string { return c.form.Get(name) }

// Import reports whether the call writes records: data makes it an import, whatever the action.
func (c Call) Import() bool {
	return c.Content == "record" && c.Action != "delete" && (c.form.Has("data") || c.Action == "import")
}

// list returns a parameter that is indexed, name[0] and so on, or written with commas.
func (c Call) list(name string) []string {
	var all []string
	for key, values := range c.form {
		if strings.HasPrefix(key, name+"[") {
			all = append(all, values...)
		}
	}
	if text := c.Get(name); text != "" {
		for part := range strings.SplitSeq(text, ",") {
			all = append(all, strings.TrimSpace(part))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c Call) format() string { return or(c.Get("format"), "xml") }

func (c Call) returnFormat() string { return or(c.Get("returnFormat"), c.format()) }

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// reply is an answer. A body without a kind is the text of a refusal, which send spells in the caller's format.
type reply struct {
	status int
	kind   string
	body   string
}

func refusal(status int, text string) reply { return reply{status, "", text} }

const (
	jsonType = "application/json; charset=utf-8"
	csvType  = "text/csv; charset=utf-8"
	xmlType  = "text/xml; charset=utf-8"
	xmlHead  = `<?xml version="1.0" encoding="UTF-8" ?>`
)

func (r reply) send(w http.ResponseWriter, format string) {
	if r.kind == "" {
		r = r.spell(format)
	}
	w.Header().Set("Content-Type", r.kind)
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.body))
}

// spell writes a refusal in a format. Quads stand in CSV without the word ERROR.
func (r reply) spell(format string) reply {
	switch format {
	case "json":
		return reply{r.status, jsonType, `{"error":` + jsonText(r.body) + `}`}
	case "csv":
		if strings.HasPrefix(r.body, `"`) {
			return reply{r.status, csvType, r.body}
		}
		return reply{r.status, csvType, "ERROR: " + r.body}
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(r.body))
	return reply{r.status, xmlType, xmlHead + "<hash><error>" + b.String() + "</error></hash>"}
}

func jsonText(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be written
	return strings.TrimSuffix(b.String(), "\n")
}

// page is what a proxy or the server's web pages say.
func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<!DOCTYPE html>\n<html><head><title>" + text + "</title></head><body><h1>" + text + "</h1></body></html>\n"))
}

// table is an answer of named columns. numbers are the columns that JSON writes without quotes.
func table(format string, columns []string, rows [][]string, numbers ...string) reply {
	switch format {
	case "json":
		return reply{http.StatusOK, jsonType, jsonTable(columns, rows, numbers)}
	case "csv":
		return reply{http.StatusOK, csvType, csvTable(columns, rows)}
	}
	return refusal(http.StatusNotImplemented, "this fake server writes JSON and CSV only")
}

func jsonTable(columns []string, rows [][]string, numbers []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(jsonRow(columns, row, numbers))
	}
	b.WriteByte(']')
	return b.String()
}

func jsonRow(columns, row, numbers []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for j, name := range columns {
		if j > 0 {
			b.WriteByte(',')
		}
		b.WriteString(jsonText(name) + ":")
		if _, err := strconv.Atoi(row[j]); err == nil && slices.Contains(numbers, name) {
			b.WriteString(row[j])
			continue
		}
		b.WriteString(jsonText(row[j]))
	}
	b.WriteByte('}')
	return b.String()
}

func csvTable(columns []string, rows [][]string) string {
	if len(rows) == 0 {
		return "\n"
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(columns) // a strings.Builder takes everything
	_ = w.WriteAll(rows)
	return b.String()
}
