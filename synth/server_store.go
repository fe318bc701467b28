package synth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
)

// collection holds the resources of one type, in the order in which they came.
type collection struct {
	list    []*entry // newest version of each, deleted ones too
	byID    map[string]*entry
	patient map[string][]*entry // by reference: Patient/1
}

// entry is one version of a resource.
type entry struct {
	key     fhir.Key
	version int
	updated int64 // milliseconds since 1970
	deleted bool
	json    []byte
	older   *entry
	index   searchIndex
}

// errRead says that a text is no resource. It does not repeat the text.
var errRead = errors.New("not a resource with an id")

// Add takes a resource as it is, with its own meta.lastUpdated. One of the same type and id is replaced.
func (s *Server) Add(text []byte) error {
	r, err := fhir.ReadResource(string(text), fhir.Origin{})
	if err != nil {
		return err
	}
	if r.ID == "" {
		return errRead
	}
	e := &entry{key: r.Key(), json: slices.Clone(text), updated: s.config.Now().UnixMilli(), index: indexOf(r)}
	if t, err := time.Parse(time.RFC3339, r.Path("meta", "lastUpdated").Text()); err == nil {
		e.updated = t.UnixMilli()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(e)
	return nil
}

// Put creates or updates a resource as a PUT does: a new version, updated now.
func (s *Server) Put(text []byte) error {
	r, err := fhir.ReadResource(string(text), fhir.Origin{})
	if err != nil {
		return err
	}
	if r.ID == "" {
		return errRead
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &entry{key: r.Key(), updated: s.config.Now().UnixMilli(), version: 1}
	if old := s.find(e.key); old != nil {
		e.version = old.version + 1
	}
	if e.json, err = stamped(text, e); err != nil {
		return err
	}
	if r, err = fhir.ReadResource(string(e.json), fhir.Origin{}); err != nil {
		return err
	}
	e.index = indexOf(r)
	s.place(e)
	return nil
}

// Delete deletes a resource: reading it answers 410 from now on, searches do not find it, the history tells of it. It reports whether it was there.
func (s *Server) Delete(key fhir.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(key)
	if old == nil || old.deleted {
		return false
	}
	s.place(&entry{key: key, version: old.version + 1, updated: s.config.Now().UnixMilli(), deleted: true})
	return true
}

// stamped writes meta.versionId and meta.lastUpdated. Members may change their order, nothing else.
func stamped(text []byte, e *entry) ([]byte, error) {
	var members, meta map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, errRead
	}
	if m, ok := members["meta"]; ok {
		if err := json.Unmarshal(m, &meta); err != nil {
			return nil, errRead
		}
	}
	if meta == nil {
		meta = map[string]json.RawMessage{}
	}
	meta["versionId"] = json.RawMessage(strconv.Quote(strconv.Itoa(e.version)))
	meta["lastUpdated"] = json.RawMessage(strconv.Quote(stampOf(e.updated)))
	m, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("write meta: %w", err)
	}
	members["meta"] = m
	return json.Marshal(members)
}

func stampOf(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// find returns the newest version; the lock is held.
func (s *Server) find(key fhir.Key) *entry {
	if c := s.types[key.Type]; c != nil {
		return c.byID[key.ID]
	}
	return nil
}

// place makes e the newest version of its resource; the lock is held.
func (s *Server) place(e *entry) {
	c := s.types[e.key.Type]
	if c == nil {
		c = &collection{byID: map[string]*entry{}, patient: map[string][]*entry{}}
		s.types[e.key.Type] = c
	}
	if e.version == 0 {
		e.version = 1
	}
	if e.older = c.byID[e.key.ID]; e.older != nil {
		e.version = max(e.version, e.older.version+1)
		c.remove(e.older)
	}
	c.byID[e.key.ID] = e
	c.list = append(c.list, e)
	for _, ref := range e.index.patients {
		c.patient[ref] = append(c.patient[ref], e)
	}
	s.change = append(s.change, e)
}

func (c *collection) remove(old *entry) {
	same := func(e *entry) bool { return e == old }
	c.list = slices.DeleteFunc(c.list, same)
	for _, ref := range old.index.patients {
		c.patient[ref] = slices.DeleteFunc(c.patient[ref], same)
	}
}

// IDs returns the ids of a type's resources in the order in which they came.
func (s *Server) IDs(typ string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ids []string
	if c := s.types[typ]; c != nil {
		for _, e := range c.list {
			if !e.deleted {
				ids = append(ids, e.key.ID)
			}
		}
	}
	return ids
}

// Total returns the number of resources of a type.
func (s *Server) Total(typ string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	if c := s.types[typ]; c != nil {
		for _, e := range c.list {
			if !e.deleted {
				n++
			}
		}
	}
	return n
}

// searchIndex holds what searches compare, taken from the resource when it came.
type searchIndex struct {
	patients    []string // references to patients, relative
	identifiers []tokenPair
	tokens      map[string][]tokenPair // by parameter: code, status, class, modality, category
	first, last int64                  // the resource's date in seconds since 1970, both included; 0, 0 is none
	medications []string               // ids of referenced Medications
}

type tokenPair struct{ system, code string }

func indexOf(r *fhir.Resource) searchIndex {
	x := searchIndex{tokens: map[string][]tokenPair{}}
	for _, name := range []string{"subject", "patient", "individual"} {
		if key, ok := fhir.ParseReference(r.Path(name, "reference").Text()).Key(); ok && key.Type == "Patient" {
			x.patients = append(x.patients, key.String())
		}
	}
	for id := range r.Get("identifier").Elements() {
		x.identifiers = append(x.identifiers, tokenPair{id.Get("system").Text(), id.Get("value").Text()})
	}
	for _, name := range []string{"code", "category", "type", "medicationCodeableConcept", "verificationStatus"} {
		for concept := range r.Get(name).Elements() {
			for c := range concept.Get("coding").Elements() {
				x.addToken(name, c)
			}
		}
	}
	for _, name := range []string{"modality", "class"} {
		for c := range r.Get(name).Elements() {
			x.addToken(name, c)
		}
	}
	x.tokens["status"] = []tokenPair{{"", r.Get("status").Text()}}
	if key, ok := fhir.ParseReference(r.Path("medicationReference", "reference").Text()).Key(); ok {
		x.medications = append(x.medications, key.ID)
	}
	x.date(r)
	return x
}

func (x *searchIndex) addToken(name string, c fhir.Node) {
	if name == "medicationCodeableConcept" {
		name = "code"
	}
	x.tokens[name] = append(x.tokens[name], tokenPair{c.Get("system").Text(), c.Get("code").Text()})
}

// dateElements are tried in this order; a resource has one of them.
var dateElements = []string{
	"effectiveDateTime", "effectivePeriod", "performedDateTime", "performedPeriod", "period", "recordedDate", "authoredOn", "started", "dateTime",
}

// endOfTime stands for the end of an open period.
const endOfTime = int64(1) << 40

func (x *searchIndex) date(r *fhir.Resource) {
	for _, name := range dateElements {
		n := r.Get(name)
		switch n.Kind() {
		case fhir.String:
			x.first, x.last = instants(n.Text())
			return
		case fhir.Object:
			x.first, _ = instants(n.Get("start").Text())
			if _, x.last = instants(n.Get("end").Text()); !n.Get("end").Exists() {
				x.last = endOfTime
			}
			return
		}
	}
}

// instants returns the first and last second that a date may mean, a date without time being one of UTC; 0, 0 for what is no date.
func instants(text string) (first, last int64) {
	d, err := fhir.ParseDateTime(text)
	if err != nil {
		return 0, 0
	}
	if t, ok := d.Instant(); ok {
		return t.Unix(), t.Unix()
	}
	a, b := d.Days(time.UTC)
	return epoch(a), epoch(b+1) - 1
}

// compareEntries orders a searchset: by lastUpdated, then id, so that pages are stable.
func compareEntries(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.updated, b.updated), strings.Compare(a.key.Type, b.key.Type), strings.Compare(a.key.ID, b.key.ID))
}
