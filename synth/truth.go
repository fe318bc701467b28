package synth

import (
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// Truth is what a correct run of the example study yields for one patient, in source terms. The reading of the study's rules is that of
// docs/semantics.md.
type Truth struct {
	Patients []string // ids of the Patient resources: the surviving one, then the one merged into it
	PID      string   // the hospital's patient number of the surviving one
	Subject  string   // study number; "" for a patient who is not enrolled
	Decision Decision
	Cells    []Cell  // of permitted and enrolled patients only
	Imaging  []Image // studies that the consent covers, of the same patients
}

// Decision is the consent decision on the as-of day.
type Decision struct {
	Outcome string // permitted, excluded (a readable refusal), held (missing, expired or unreadable), not-enrolled (permitted, without number)
	Reason  string // see Reasons
	Window  []Span
}

// Reasons lists the reasons of decisions by outcome.
var Reasons = map[string][]string{
	"permitted":    {"granted"},
	"excluded":     {"withdrawn", "denied"},
	"held":         {"no-consent", "not-active", "expired", "unreadable", "review", "incomplete-codes", "not-yet-valid"},
	"not-enrolled": {"no-subject-number"},
}

// Cell is one item of one form instance. Either Value or Missing is empty. Repeat is 1 in forms that do not repeat. Value is the canonical
// text of the item; of imaging.study_uid the original StudyInstanceUID.
type Cell struct {
	Event, Form    string
	Repeat         int
	Item           string
	Value, Missing string
}

// Image is one imaging study. UID, accession and series are those of the PACS, whether or not they stand in the resource.
type Image struct {
	Resource    string // id of the ImagingStudy
	UID         string
	Series      []string // UIDs, in the order of Modalities
	Accession   string
	Date        fhir.Day // local day of started
	Modalities  []string
	Method      string // first rung that leads to the study: dicom-uid, uri, hashed-id, accession-patient, series-uid, patient-date
	PSMA        bool
	DayDistance int // days from the index PET; meaningful with Indexed
	Indexed     bool
}

// Start and End are the days of the span in FHIR's spelling.
func (s Span) Start() string { return s.first.String() }

// End is the last day, included.
func (s Span) End() string { return s.last.String() }

// method is the first rung of the ladder of anchors that leads from the resource to the study, with the names of package imaging. Only the first
// two need no list of the PACS's studies. An accession number may be that of two studies, see Image.Accession.
func (v identifierVariant) method() string {
	switch {
	case v == ietfOID:
		return "uri"
	case v.uidKnown():
		return "dicom-uid"
	case v.hashed():
		return "hashed-id"
	case v.writesAccession():
		return "accession-patient"
	case v.seriesKnown():
		return "series-uid"
	}
	return "patient-date"
}

// tell returns the truth about the patient.
func (p *patient) tell() *Truth {
	t := &Truth{Patients: []string{p.id}, PID: p.pid, Subject: p.subject()}
	if p.oldID != "" {
		t.Patients = append(t.Patients, p.oldID)
	}
	t.Decision = p.decide()
	if t.Decision.Outcome != "permitted" {
		return t
	}
	t.Cells = make([]Cell, 0, 128)
	s := teller{p: p, truth: t, window: t.Decision.Window}
	s.findIndex()
	s.baseline()
	s.course()
	s.images()
	return t
}

// teller fills the cells of one patient.
type teller struct {
	p           *patient
	truth       *Truth
	window      []Span
	index       fhir.Day // day of the index PET
	indexed     bool
	event, form string
	repeat      int
	pool        []candidate
}

func (t *teller) begin(event, form string, repeat int) {
	t.event, t.form, t.repeat = event, form, repeat
}

func (t *teller) put(item, value string) {
	t.truth.Cells = append(t.truth.Cells, Cell{t.event, t.form, t.repeat, item, value, ""})
}

func (t *teller) miss(item, reason string) {
	t.truth.Cells = append(t.truth.Cells, Cell{t.event, t.form, t.repeat, item, "", reason})
}

// fill puts the value, or the reason when there is one.
func (t *teller) fill(item, value, reason string) {
	if reason != "" {
		t.miss(item, reason)
		return
	}
	t.put(item, value)
}

// counts reports whether a fact is the patient's and covered by the consent.
func (t *teller) counts(f *base) bool { return !f.orphan && f.when.inside(t.window) }

func (t *teller) findIndex() {
	for i := range t.p.studies {
		f := &t.p.studies[i]
		if t.counts(&f.base) && !f.void() && f.isPSMA() && (!t.indexed || f.when.start.day < t.index) {
			t.index, t.indexed = f.when.start.day, true
		}
	}
}

// isPSMA reports whether the study is a PET with a PSMA tracer, as far as the resource says so by code.
func (f *study) isPSMA() bool {
	pet, psma := false, false
	for _, m := range f.modalities {
		pet = pet || m == "PT"
	}
	for _, c := range f.tracers {
		psma = psma || c.code == ga68.code || c.code == f18psma.code
	}
	return pet && psma
}

func (t *teller) images() {
	for i := range t.p.studies {
		f := &t.p.studies[i]
		if !t.counts(&f.base) || f.void() {
			continue
		}
		m := Image{
			Resource: t.p.studyID(f), UID: f.uid, Accession: f.accession, Date: f.when.start.day, Modalities: f.modalities,
			Method: f.variant.method(), PSMA: f.isPSMA(), Indexed: t.indexed,
		}
		if t.indexed {
			m.DayDistance = int(m.Date - t.index)
		}
		for j := range f.modalities {
			m.Series = append(m.Series, f.seriesUID(j))
		}
		t.truth.Imaging = append(t.truth.Imaging, m)
	}
}

// AppendJSON appends the truth as one JSON object.
func (t *Truth) AppendJSON(b []byte) []byte {
	w := writer{append(b, '{')}
	w.array("patient")
	for _, id := range t.Patients {
		w.plain("", id)
	}
	w.endArray()
	w.plain("pid", t.PID)
	w.plain("subject", t.Subject)
	t.Decision.write(&w)
	w.array("cells")
	for i := range t.Cells {
		t.Cells[i].write(&w)
	}
	w.endArray()
	w.array("imaging")
	for i := range t.Imaging {
		t.Imaging[i].write(&w)
	}
	w.endArray()
	w.end()
	return w.b
}

func (d *Decision) write(w *writer) {
	w.object("decision")
	w.plain("outcome", d.Outcome)
	w.plain("reason", d.Reason)
	w.array("window")
	for _, s := range d.Window {
		w.object("")
		w.plain("start", s.Start())
		w.plain("end", s.End())
		w.end()
	}
	w.endArray()
	w.end()
}

func (c *Cell) write(w *writer) {
	w.object("")
	w.plain("event", c.Event)
	w.plain("form", c.Form)
	w.integer("repeat", int64(c.Repeat))
	w.plain("item", c.Item)
	w.text("value", c.Value)
	w.plain("missing", c.Missing)
	w.end()
}

func (m *Image) write(w *writer) {
	w.object("")
	w.plain("resource", m.Resource)
	w.plain("studyUID", m.UID)
	w.array("seriesUIDs")
	for _, s := range m.Series {
		w.plain("", s)
	}
	w.endArray()
	w.plain("accession", m.Accession)
	w.date("date", onDay(m.Date))
	w.array("modalities")
	for _, s := range m.Modalities {
		w.plain("", s)
	}
	w.endArray()
	w.plain("method", m.Method)
	w.raw("psma", strconv.FormatBool(m.PSMA))
	if m.Indexed {
		w.integer("dayDistance", int64(m.DayDistance))
	} else {
		w.raw("dayDistance", "null")
	}
	w.end()
}
