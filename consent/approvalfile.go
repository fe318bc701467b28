package consent

import (
	"bufio"
	"bytes"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
)

// approval reads the legal basis of a statutory policy.
func (r *policyReader) approval(v yamldoc.Value) {
	f := v.Fields("number", "validFrom", "validUntil", "data", "objections", "objectionList")
	a := &r.set.Approval
	r.approved = true
	a.Number, a.ValidFrom = f["number"].Text(), fhir.FirstDay
	if d, ok := f["validFrom"]; ok {
		a.ValidFrom = day(d)
	}
	if d, ok := f["validUntil"]; ok {
		a.ValidUntil = day(d)
	} else {
		v.Errorf("add validUntil: YYYY-MM-DD", "the approval has no expiry")
	}
	if a.Number == "" {
		v.Errorf("add number: the file number of the law or approval", "the approval has no number")
	}
	if d, ok := f["data"]; ok {
		span := d.Fields("start", "end")
		a.Data = Interval{day(span["start"]), day(span["end"])}
		if a.Data.empty() {
			d.Errorf("", "the data end before they start")
		}
	}
	a.Objections = r.objections(f["objections"], f["objectionList"])
}

// objections reads patient ids: bare or as Patient/ID, from the policy and from the file that it names.
func (r *policyReader) objections(inline, list yamldoc.Value) []string {
	keys := map[string]bool{}
	for _, item := range inline.Items() {
		addObjection(keys, item.Text(), func() { item.Errorf("write a patient's id", "this is not an id") })
	}
	if list.Exists() {
		r.objectionFile(list, keys)
	}
	out := make([]string, 0, len(keys))
	for k := range keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (r *policyReader) objectionFile(list yamldoc.Value, keys map[string]bool) {
	if r.read == nil {
		list.Errorf("", "an objection list cannot be read here")
		return
	}
	text, err := r.read(list.Text())
	if err != nil {
		list.Errorf("", "the objection list cannot be read: %v", err)
		return
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			addObjection(keys, line, func() { list.Errorf("one patient id a line", "line %d of the objection list is not an id", n) })
		}
	}
	if err := lines.Err(); err != nil {
		list.Errorf("", "the objection list cannot be read: %v", err)
	}
}

func addObjection(keys map[string]bool, text string, bad func()) {
	id := strings.TrimPrefix(text, "Patient/")
	if !fhir.IsID(id) {
		bad()
		return
	}
	keys["Patient/"+id] = true
}
