package imaging

import (
	"iter"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// permitted is what Locate reads: one patient's consented resources.
type permitted interface {
	Resources() iter.Seq[*fhir.Resource]
	Find(fhir.Key) *fhir.Resource
}

// evidence is what one ImagingStudy says about the study that it stands for.
type evidence struct {
	resource   *fhir.Resource
	uids       []string // distinct; more than one is a contradiction
	method     Method   // the surest of them
	numbers    []number // distinct, of the nearest place that has any
	series     []string // valid series UIDs
	listed     int      // series, with or without a UID
	modalities []string
	started    fhir.DateTime
	badUID     bool
	counted    bool            // it stands for a study, or for several
	refuted    map[string]bool // pseudonymous UIDs of studies that a person rejected
}

// number is an accession number with its issuer, "" when that is not told.
type number struct{ system, value string }

// agrees reports whether two numbers may be the same: the issuer is compared only where both tell it.
func (n number) agrees(o number) bool {
	return n.value == o.value && (n.system == o.system || n.system == "" || o.system == "")
}

// reader collects the evidence of one patient.
type reader struct {
	rules    *Rules
	from     permitted
	reports  map[fhir.Key][]*fhir.Resource // DiagnosticReports by the ImagingStudy that they refer to
	patients []string
	refused  *Refused
}

func newReader(from permitted, rules *Rules, refused *Refused) *reader {
	r := &reader{rules: rules, from: from, refused: refused, reports: map[fhir.Key][]*fhir.Resource{}}
	for res := range from.Resources() {
		if res.Type == "DiagnosticReport" {
			r.report(res)
		}
	}
	r.patients = patientIDs(from, rules)
	return r
}

func (r *reader) report(res *fhir.Resource) {
	if notDone(res) {
		return
	}
	for ref := range res.Get("imagingStudy").Elements() {
		if k, ok := r.key(ref.Get("reference").Text()); ok {
			r.reports[k] = append(r.reports[k], res)
		}
	}
}

// key resolves the text of a reference, by the record's aliases where it has such.
func (r *reader) key(reference string) (fhir.Key, bool) {
	if from, ok := r.from.(interface{ KeyOf(string) (fhir.Key, bool) }); ok {
		return from.KeyOf(reference)
	}
	return fhir.ParseReference(reference).Key()
}

func notDone(res *fhir.Resource) bool {
	s := res.Get("status").Text()
	return s == "entered-in-error" || s == "cancelled"
}

func (r *reader) read(res *fhir.Resource) *evidence {
	e := &evidence{resource: res}
	r.readUIDs(e)
	r.readSeries(e)
	for m := range res.Get("modality").Elements() {
		r.addModality(e, m)
	}
	for m := range res.Get("modalityList").Elements() { // STU3
		r.addModality(e, m)
	}
	slices.Sort(e.modalities)
	r.readStart(e)
	e.numbers = r.numbers(res)
	return e
}

func (r *reader) readUIDs(e *evidence) {
	for id := range e.resource.Get("identifier").Elements() {
		if m, ok := r.rules.studyUID(id); ok && r.rules.uses(m) {
			r.addUID(e, id.Get("value").Text(), m)
		}
	}
	if uid := e.resource.Get("uid"); uid.Exists() && r.rules.uses(BySTU3) {
		r.addUID(e, uid.Text(), BySTU3)
	}
	if c := r.rules.Candidates.ofID(e.resource.ID); c != nil && r.rules.uses(ByHash) {
		e.add(c.uid, ByHash)
	}
}

func (r *reader) addUID(e *evidence, text string, m Method) {
	uid, ok := ParseUID(text)
	if !ok {
		r.refused.StudyUIDs++
		e.badUID = true
		return
	}
	e.add(uid, m)
}

func (e *evidence) add(uid string, m Method) {
	e.uids = insert(e.uids, uid)
	if e.method == "" || m.rank() < e.method.rank() {
		e.method = m
	}
}

func (r *reader) readSeries(e *evidence) {
	for s := range e.resource.Get("series").Elements() {
		e.listed++
		r.addModality(e, s.Get("modality"))
		text := s.Get("uid")
		if !text.Exists() {
			continue
		}
		if uid, ok := ParseUID(text.Text()); ok {
			e.series = insert(e.series, uid)
		} else {
			r.refused.SeriesUIDs++
		}
	}
}

// addModality takes a Coding, or the first coding of a CodeableConcept as R5 writes it. A code that is no DICOM code
// string is refused: nothing else may reach a table.
func (r *reader) addModality(e *evidence, n fhir.Node) {
	if coding := n.Get("coding"); coding.Exists() {
		n = coding.First()
	}
	code := strings.TrimSpace(n.Get("code").Text())
	switch {
	case code == "":
	case isModality(code):
		e.modalities = insert(e.modalities, code)
	default:
		r.refused.Modalities++
	}
}

// readStart takes the study's start, else the earliest of the series.
func (r *reader) readStart(e *evidence) {
	if d, err := fhir.ParseDateTime(e.resource.Get("started").Text()); err == nil {
		e.started = d
		return
	}
	for s := range e.resource.Get("series").Elements() {
		d, err := fhir.ParseDateTime(s.Get("started").Text())
		if err == nil && (e.started.Precision == 0 || earlier(d, e.started)) {
			e.started = d
		}
	}
}

func earlier(a, b fhir.DateTime) bool {
	x, okA := a.Instant()
	y, okB := b.Instant()
	if okA && okB {
		return x.Before(y)
	}
	return a.String() < b.String()
}

// numbers returns the accession numbers from the nearest place that has any: the study, its order, its report, and the
// report's order.
func (r *reader) numbers(res *fhir.Resource) []number {
	if found := r.own(res.Node); len(found) > 0 {
		return found
	}
	if found := r.ordered(res); len(found) > 0 {
		return found
	}
	var own, ordered []number
	for _, report := range r.reports[res.Key()] {
		own = union(own, r.identified(report.Get("identifier")))
		ordered = union(ordered, r.ordered(report))
	}
	if len(own) > 0 {
		return own
	}
	return ordered
}

// own reads the identifiers of an ImagingStudy and the accession of STU3.
func (r *reader) own(study fhir.Node) []number {
	found := r.identified(study.Get("identifier"))
	if a := study.Get("accession"); a.Exists() {
		found = r.accept(found, a)
	}
	return found
}

// identified returns the accession numbers among identifiers.
func (r *reader) identified(identifiers fhir.Node) (found []number) {
	for id := range identifiers.Elements() {
		if r.rules.isAccession(id) && id.Get("use").Text() != "old" {
			found = r.accept(found, id)
		}
	}
	return found
}

func (r *reader) accept(found []number, id fhir.Node) []number {
	value, ok := parseAccession(id.Get("value").Text())
	if !ok {
		r.refused.Accessions++
		return found
	}
	return union(found, []number{{id.Get("system").Text(), value}})
}

// ordered returns the accession numbers of what a resource is based on: of the reference itself (R5), and of the order.
func (r *reader) ordered(res *fhir.Resource) (found []number) {
	for ref := range res.Get("basedOn").Elements() {
		found = union(found, r.identified(ref.Get("identifier")))
		if order := r.resolve(res, ref.Get("reference").Text()); order.Exists() {
			found = union(found, r.identified(order.Get("identifier")))
		}
	}
	return found
}

func (r *reader) resolve(from *fhir.Resource, reference string) fhir.Node {
	if ref := fhir.ParseReference(reference); ref.Form == fhir.Contained {
		for c := range from.Get("contained").Elements() {
			if ref.ID != "" && strings.TrimPrefix(c.Get("id").Text(), "#") == ref.ID {
				return c
			}
		}
		return fhir.Node{}
	}
	if k, ok := r.key(reference); ok {
		if res := r.from.Find(k); res != nil {
			return res.Node
		}
	}
	return fhir.Node{}
}

// union adds numbers that agree with none that is there. Of two that agree the one with an issuer stays.
func union(a, b []number) []number {
	for _, n := range b {
		i := slices.IndexFunc(a, n.agrees)
		switch {
		case i < 0:
			a = append(a, n)
		case a[i].system == "":
			a[i] = n
		}
	}
	return a
}
