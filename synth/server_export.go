package synth

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// exported is an export that was begun (Bulk Data Access, $export). Its files are those of the moment of the kick-off.
type exported struct {
	request    string
	files      []exportFile
	failed     bool // an error file tells that something could not be exported
	asked      int  // how often its status was asked for
	generation int  // of the URLs of its files
}

type exportFile struct {
	typ  string
	body []byte
	n    int // resources
}

// exportPath is where status and files of exports are.
const exportPath = "__export/"

// linesPerFile is how many resources a file has.
const linesPerFile = 500

func isExport(path string) bool { return path == "$export" || strings.HasSuffix(path, "/$export") }

// export begins an export of all, of what belongs to patients, or of what belongs to the members of a Group.
func (c *call) export() answer {
	if !strings.Contains(c.r.Header.Get("Prefer"), "respond-async") {
		return outcome(http.StatusBadRequest, "required", "an export needs the header Prefer: respond-async")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	patients, refused := c.exportedPatients()
	if refused != nil {
		return *refused
	}
	x, err := c.exportEntries(patients)
	if err != nil {
		return outcome(http.StatusBadRequest, "invalid", err.Error())
	}
	x.request = c.base + "/" + c.path + "?" + c.r.URL.RawQuery
	x.failed = c.has(FaultPartial)
	c.s.tokens++
	id := hexID(mix(c.s.tokens + 0x51ed270b9d1f))
	c.s.exports[id] = x
	return answer{status: http.StatusAccepted, header: map[string]string{"Content-Location": c.exportBase() + "/" + exportPath + id}}
}

// exportBase is the base in the URLs of an export.
func (c *call) exportBase() string {
	if c.has(FaultLinkHost) {
		return "http://fhir.internal.invalid:8080" + basePath
	}
	return c.base
}

// exportedPatients returns whose resources are asked for; nil is everybody's, and what belongs to nobody.
func (c *call) exportedPatients() (map[string]bool, *answer) {
	parts := strings.Split(c.path, "/")
	patients := map[string]bool{}
	switch {
	case len(parts) == 1:
		return nil, nil
	case len(parts) == 2 && parts[0] == "Patient":
		if all := c.s.types["Patient"]; all != nil {
			for _, e := range all.list {
				patients[e.key.String()] = true
			}
		}
		return patients, nil
	case len(parts) == 3 && parts[0] == "Group":
		e := c.s.find(fhir.Key{Type: "Group", ID: parts[1]})
		if e == nil || e.deleted {
			break
		}
		r, err := fhir.ReadResource(string(e.json), fhir.Origin{})
		if err != nil {
			break
		}
		for m := range r.Get("member").Elements() {
			patients[m.Path("entity", "reference").Text()] = true
		}
		return patients, nil
	}
	a := outcome(http.StatusNotFound, "not-found", "there is nothing of that name to export")
	return nil, &a
}

func (c *call) exportEntries(patients map[string]bool) (*exported, error) {
	values := c.r.URL.Query()
	types := strings.FieldsFunc(values.Get("_type"), func(r rune) bool { return r == ',' })
	since := int64(0)
	if v := values.Get("_since"); v != "" {
		low, _, err := milliseconds(v)
		if err != nil {
			return nil, fmt.Errorf("_since is no instant")
		}
		since = low
	}
	filters, err := c.exportFilters(values)
	if err != nil {
		return nil, err
	}
	x := &exported{}
	for _, typ := range slices.Sorted(maps.Keys(c.s.types)) {
		named := slices.Contains(types, typ)
		if len(types) > 0 && !named {
			continue
		}
		var list []*entry
		for _, e := range c.s.types[typ].list {
			if !e.deleted && e.updated >= since && e.belongs(patients, named) && matches(filters[typ], e) {
				list = append(list, e)
			}
		}
		slices.SortFunc(list, compareEntries)
		for part := range slices.Chunk(list, linesPerFile) {
			x.files = append(x.files, fileOf(typ, part))
		}
	}
	return x, nil
}

// belongs reports whether an entry is exported with the patients. What belongs to nobody comes with them only where its type is
// asked for.
func (e *entry) belongs(patients map[string]bool, named bool) bool {
	if patients == nil || patients[e.key.String()] {
		return true
	}
	for _, p := range e.index.patients {
		if patients[p] {
			return true
		}
	}
	return named && len(e.index.patients) == 0 && fhir.BelongsToPatients(e.key.Type) != fhir.Owned
}

// exportFilters reads _typeFilter: searches, of which a resource of their type has to meet one.
func (c *call) exportFilters(values url.Values) (map[string][]*search, error) {
	filters := map[string][]*search{}
	for _, text := range strings.FieldsFunc(values.Get("_typeFilter"), func(r rune) bool { return r == ',' }) {
		typ, query, _ := strings.Cut(text, "?")
		parameters, err := url.ParseQuery(query)
		if err != nil {
			return nil, fmt.Errorf("_typeFilter cannot be read")
		}
		q, err := c.parseSearch(typ, parameters)
		if err != nil {
			return nil, err
		}
		filters[typ] = append(filters[typ], q)
	}
	return filters, nil
}

func matches(filters []*search, e *entry) bool {
	if len(filters) == 0 {
		return true
	}
	return slices.ContainsFunc(filters, func(q *search) bool {
		return !slices.ContainsFunc(q.filters, func(f func(*entry) bool) bool { return !f(e) })
	})
}

func fileOf(typ string, part []*entry) exportFile {
	var b bytes.Buffer
	for _, e := range part {
		if json.Compact(&b, e.json) == nil { // they were parsed when they came
			b.WriteByte('\n')
		}
	}
	return exportFile{typ, b.Bytes(), len(part)}
}

// exportPart answers for the status and the files of an export.
func (c *call) exportPart() answer {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	id, file, isFile := strings.Cut(strings.TrimPrefix(c.path, exportPath), "/")
	x := c.s.exports[id]
	switch {
	case x == nil || c.has(FaultGone):
		delete(c.s.exports, id)
		return outcome(http.StatusNotFound, "not-found", "there is no such export")
	case c.r.Method == http.MethodDelete && !isFile:
		delete(c.s.exports, id)
		return answer{status: http.StatusAccepted}
	case c.r.Method != http.MethodGet:
		return outcome(http.StatusMethodNotAllowed, "not-supported", "this interaction is not supported")
	case isFile:
		return c.exportFile(x, file)
	}
	if x.asked++; x.asked <= c.s.faults.script.ExportPolls {
		return answer{status: http.StatusAccepted, header: map[string]string{"X-Progress": "in progress"}}
	}
	return c.manifest(id, x)
}

func (c *call) manifest(id string, x *exported) answer {
	script := &c.s.faults.script
	type output struct {
		Type  string `json:"type"`
		URL   string `json:"url"`
		Count *int   `json:"count,omitempty"`
	}
	address := func(name string) string {
		base := cmp.Or(script.ExportHost, strings.TrimSuffix(c.exportBase(), basePath))
		return fmt.Sprintf("%s%s/%s%s/%s?generation=%d", base, basePath, exportPath, id, name, x.generation)
	}
	outputs, failures := []output{}, []output{}
	for i := range x.files {
		o := output{x.files[i].typ, address(strconv.Itoa(i)), &x.files[i].n}
		if script.NoTotal {
			o.Count = nil
		}
		outputs = append(outputs, o)
	}
	if x.failed {
		failures = append(failures, output{"OperationOutcome", address("errors"), nil})
	}
	body, err := json.Marshal(map[string]any{
		"transactionTime": stampOf(c.s.config.Now().UnixMilli()), "request": x.request, "requiresAccessToken": c.s.config.Token != "" && !script.ExportOpen,
		"output": outputs, "error": failures,
	})
	if err != nil {
		return outcome(http.StatusInternalServerError, "exception", "the manifest cannot be written")
	}
	return answer{status: http.StatusOK, header: map[string]string{"Content-Type": "application/json"}, body: body}
}

// exportFile answers for one file, or for a part of it from a byte on.
func (c *call) exportFile(x *exported, name string) answer {
	if c.has(FaultExpire) {
		x.generation++ // the URLs that are known run out; the manifest has others now
	}
	if c.r.URL.Query().Get("generation") != strconv.Itoa(x.generation) {
		return outcome(http.StatusGone, "expired", "the address of the file has run out")
	}
	if c.s.faults.script.ExportOpen && c.r.Header.Get("Authorization") != "" {
		return outcome(http.StatusBadRequest, "security", "only one way to authenticate is allowed") // as stores of files do
	}
	var body []byte
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(x.files) {
		body = x.files[n].body
	} else if name == "errors" && x.failed {
		body = append(issue("error", "exception", "a resource could not be exported"), '\n')
	} else {
		return outcome(http.StatusNotFound, "not-found", "there is no such file")
	}
	if c.has(FaultCutFile) {
		body = body[:len(body)*2/3]
	}
	a := answer{status: http.StatusOK, header: map[string]string{"Content-Type": "application/fhir+ndjson", "Accept-Ranges": "bytes"}, body: body}
	if from, ok := rangeFrom(c.r.Header.Get("Range"), len(body)); ok && !c.s.faults.script.NoRanges {
		a.status, a.body = http.StatusPartialContent, body[from:]
		a.header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body))
	} else if strings.Contains(c.r.Header.Get("Accept-Encoding"), "gzip") && !c.s.faults.script.NoGzip {
		a.body = zipped(body)
		a.header["Content-Encoding"] = "gzip"
	}
	return a
}

// rangeFrom reads a range that begins at a byte and has no end (RFC 9110 14.1.2).
func rangeFrom(text string, size int) (int, bool) {
	text, ok := strings.CutPrefix(text, "bytes=")
	text, open := strings.CutSuffix(text, "-")
	from, err := strconv.Atoi(text)
	return from, ok && open && err == nil && from >= 0 && from < size
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // into memory
	_ = z.Close()
	return b.Bytes()
}
