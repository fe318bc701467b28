package gics

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/wire"
)

// maxAnswer is the longest answer that is read, in bytes: a page of 100 documents has about 4 MB.
const maxAnswer = 256 << 20

// page is an answer of gICS.
type page struct {
	total     int // Bundle.total; -1 when absent
	documents []document
}

// document is what of one signed document, or of one policy state, matters.
type document struct {
	name     string   // by which it is known again: fullUrl, or id
	consents []string // JSON
	persons  []string // values of the configured identifier system
	foreign  bool     // has identifiers of other systems
}

func (d *document) names(person string) bool { return slices.Contains(d.persons, person) }

var errUnreadable = fmt.Errorf("%w: it is not a FHIR Bundle; a login page or a proxy may have answered", wire.ErrBroken)

// readPage reads a Bundle of documents. Errors tell places, never content.
func readPage(body io.Reader, system string) (*page, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var t fhir.Table
	if err := t.ParseWithin(string(text), fhir.Limits{Bytes: maxAnswer, Depth: fhir.DefaultLimits.Depth}); err != nil {
		return nil, errUnreadable
	}
	root := t.Root()
	if root.Get("resourceType").Text() != "Bundle" {
		return nil, errors.New("the answer is not a Bundle; check the base URL")
	}
	p := &page{total: -1}
	if n := root.Get("total"); n.Exists() {
		if p.total, err = strconv.Atoi(n.Text()); err != nil || p.total < 0 {
			return nil, errors.New("the answer's total is not a count")
		}
	}
	for entry := range root.Get("entry").Elements() {
		d := document{name: entry.Get("fullUrl").Text()}
		if d.name == "" {
			d.name = entry.Path("resource", "id").Text()
		}
		if err := d.take(entry.Get("resource"), system, 0); err != nil {
			return nil, fmt.Errorf("entry %d of the answer: %w", len(p.documents)+1, err)
		}
		if len(d.consents) == 0 {
			return nil, fmt.Errorf("entry %d of the answer has no Consent", len(p.documents)+1)
		}
		p.documents = append(p.documents, d)
	}
	return p, nil
}

// maxNesting bounds Bundles within Bundles.
const maxNesting = 4

// take collects from a resource and, where it is a Bundle, from what is in it.
func (d *document) take(r fhir.Node, system string, depth int) error {
	switch r.Get("resourceType").Text() {
	case "Bundle":
		if depth == maxNesting {
			return errors.New("its Bundles are nested too deeply")
		}
		for entry := range r.Get("entry").Elements() {
			if err := d.take(entry.Get("resource"), system, depth+1); err != nil {
				return err
			}
		}
	case "Consent":
		d.consents = append(d.consents, string(fhir.AppendJSON(nil, r)))
		d.identify(r.Path("patient", "identifier"), system)
	case "Patient", "Person":
		d.identify(r.Get("identifier"), system)
	case "OperationOutcome":
		return errors.New("it is an OperationOutcome in the place of a document")
	case "":
		return errors.New("it holds no resource")
	}
	return nil
}

func (d *document) identify(identifiers fhir.Node, system string) {
	for id := range identifiers.Elements() {
		value := id.Get("value").Text()
		switch {
		case value == "":
		case id.Get("system").Text() != system:
			d.foreign = true
		case !d.names(value):
			d.persons = append(d.persons, value)
		}
	}
}

// merger makes Consents of gICS into Consents of a record's patient.
type merger struct {
	patient fhir.Key
	source  string
	all     []*fhir.Resource
	texts   map[string]bool // what was added
	ids     map[string]bool // that are taken
}

func newMerger(record *fhir.Record, keep bool, source string) *merger {
	m := &merger{patient: record.Key(), source: source, texts: map[string]bool{}, ids: map[string]bool{"": true}}
	if keep {
		for own := range record.OfType("Consent") {
			m.all = append(m.all, own)
			m.ids[own.ID] = true
		}
	}
	return m
}

// add takes a Consent. Its patient becomes the record's: gICS refers to patients by ids of its own. Where its id is taken
// or is no FHIR id, it gets one that depends on its content only, so that none takes the place of another.
func (m *merger) add(text string, ordinal int64) error {
	if m.texts[text] {
		return nil
	}
	m.texts[text] = true
	var members map[string]json.RawMessage
	var id string
	if json.Unmarshal([]byte(text), &members) != nil {
		return errors.New("gICS: a Consent cannot be read")
	}
	if json.Unmarshal(members["id"], &id) != nil || !fhir.IsID(id) || m.ids[id] {
		sum := sha256.Sum256([]byte(text))
		id = "gics-" + hex.EncodeToString(sum[:20])
	}
	m.ids[id] = true
	delete(members, "_patient")
	delete(members, "_id")
	members["id"] = fhir.AppendQuoted(nil, id)
	members["patient"] = fmt.Appendf(nil, `{"reference":%s}`, fhir.AppendQuoted(nil, "Patient/"+m.patient.ID))
	whole, err := json.Marshal(members)
	if err != nil {
		return errors.New("gICS: a Consent cannot be written")
	}
	res, err := fhir.ReadResource(string(whole), fhir.Origin{Source: m.source, Position: ordinal})
	if err != nil {
		return fmt.Errorf("gICS: %w", err)
	}
	m.all = append(m.all, res)
	return nil
}
