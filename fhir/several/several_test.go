package several_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/several"
	"github.com/crflink/crflink/internal/crash"
)

// shelf is a source of resources in memory.
type shelf struct {
	name    string
	records map[string][]string // texts by patient
	aliases map[string]fhir.Key
	broken  error
	asked   int             // fetches
	begun   *sync.WaitGroup // of the walks of several shelves; nil waits for none
}

func (s *shelf) Name() string { return s.name }
func (s *shelf) Close() error { return nil }

func (s *shelf) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		if s.begun != nil {
			s.begun.Done()
			s.begun.Wait() // for ever, were the shelves asked one after the other
		}
		rej(fhir.Rejected{Reason: s.name})
		for i, id := range sorted(s.records) {
			if s.broken != nil && i > 0 {
				yield(nil, s.broken)
				return
			}
			if !yield(s.record(id), nil) {
				return
			}
		}
	}
}

func (s *shelf) Fetch(_ context.Context, k fhir.Key, _ fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	s.asked++
	if s.records[k.ID] == nil {
		return nil, fhir.ErrUnknownPatient
	}
	rej(fhir.Rejected{Type: "Consent", Patient: k})
	return s.record(k.ID), s.broken
}

func (s *shelf) record(id string) *fhir.Record {
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: id})
	for _, text := range s.records[id] {
		r, err := fhir.ReadResource(text, fhir.Origin{Source: s.name})
		if err != nil {
			panic(err)
		}
		record.Add(r)
	}
	for reference, k := range s.aliases {
		record.SetAlias(reference, k)
	}
	return record
}

func sorted(m map[string][]string) []string {
	ids := make([]string, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func patient(id, pid string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"value":%q}]}`, id, pid)
}

func observation(id, subject string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"subject":{"reference":"%s"},"hasMember":[{"reference":"Observation\/m%s"},{"reference":"#in"}]}`, id, subject, id)
}

func byValue(p *fhir.Resource) (string, bool) {
	v := p.Get("identifier").First().Get("value").Text()
	return v, v != ""
}

func join(t *testing.T, identify func(*fhir.Resource) (string, bool), parts ...several.Part) fhir.Partial {
	t.Helper()
	s, err := several.New(several.Options{Parts: parts, Identify: identify})
	if err != nil {
		t.Fatal(err)
	}
	p, ok := s.(fhir.Partial)
	if !ok {
		t.Fatal("it is no Partial")
	}
	return p
}

func told(t *testing.T, s fhir.Source) (ids []string, err error) {
	t.Helper()
	for record, err := range s.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, record.Key().ID)
	}
	return ids, nil
}

func TestOnePersonInTwoSourcesIsOneRecordAndWhatTheyNumberAlikeStaysApart(t *testing.T) {
	long := strings.Repeat("x", 64)
	a := &shelf{name: "A", records: map[string][]string{
		"1": {patient("1", "anna"), observation("o", "Patient/1")}, "2": {patient("2", "bert")},
	}}
	b := &shelf{name: "B", aliases: map[string]fhir.Key{"urn:uuid:u": {Type: "Patient", ID: "1"}}, records: map[string][]string{
		"1": {patient("1", "carl"), observation("o", "urn:uuid:u")}, "2": {patient("2", "anna"), observation("o", "Patient/2"), observation(long, "https://b.example/fhir/Patient/2")},
	}}
	s := join(t, byValue, several.Part{Alias: "a", Source: a}, several.Part{Alias: "b", Source: b})
	if ids, err := told(t, s); err != nil || !slices.Equal(ids, []string{"a.1", "a.2", "b.1"}) {
		t.Fatalf("%v, %v", ids, err)
	}
	var rejected []string
	record, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a.1"}, fhir.Everything(), func(r fhir.Rejected) {
		rejected = append(rejected, r.Patient.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := range record.Resources() {
		line := r.Origin.Alias + " " + r.Type + "/" + r.ID
		for ref := range r.References() {
			line += " " + ref.Text()
		}
		got = append(got, line)
	}
	want := []string{
		"a Patient/a.1", "b Patient/b.2", "a Observation/a.o Patient/a.1 Observation/a.mo #in", "b Observation/b.o Patient/b.2 Observation/b.mo #in",
	}
	if len(got) != 5 || !slices.Equal(got[:4], want) || !strings.HasPrefix(got[4], "b Observation/b.x-") || !strings.Contains(got[4], " Patient/b.2 ") {
		t.Errorf("%q", got)
	}
	if !slices.Equal(record.Same(), []fhir.Key{{Type: "Patient", ID: "b.2"}}) || !slices.Equal(rejected, []string{"a.1", "b.2"}) || !slices.Equal(s.Sits(record.Key()), []string{"a", "b"}) {
		t.Errorf("same: %v, rejected: %v, sits: %v", record.Same(), rejected, s.Sits(record.Key()))
	}
	record, err = s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "b.1"}, fhir.Everything(), func(fhir.Rejected) {})
	if err != nil || record.Find(fhir.Key{Type: "Observation", ID: "b.o"}).Path("subject", "reference").Text() != "Patient/b.1" {
		t.Errorf("a reference by fullUrl: %v", err)
	}
	if _, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "b.2"}, fhir.Wanted{}, func(fhir.Rejected) {}); !errors.Is(err, fhir.ErrUnknownPatient) {
		t.Errorf("a patient who is part of another's record: %v", err)
	}
}

func TestAValueThatTwoPatientsOfOneSourceHaveJoinsNobody(t *testing.T) {
	a := &shelf{name: "A", records: map[string][]string{"1": {patient("1", "anna")}, "2": {patient("2", "anna")}}}
	b := &shelf{name: "B", records: map[string][]string{"1": {patient("1", "anna")}}}
	if ids, err := told(t, join(t, byValue, several.Part{Alias: "a", Source: a}, several.Part{Alias: "b", Source: b})); err != nil || len(ids) != 3 {
		t.Errorf("%v, %v", ids, err)
	}
	if ids, err := told(t, join(t, nil, several.Part{Alias: "b", Source: b}, several.Part{Alias: "c", Source: b})); err != nil || len(ids) != 2 {
		t.Errorf("nobody is named: %v, %v", ids, err)
	}
}

func TestIdsOfOneSourceMayStayAsTheyAre(t *testing.T) {
	a := &shelf{name: "A", records: map[string][]string{"1": {patient("1", "anna")}, "b.7": {patient("b.7", "dora")}}}
	b := &shelf{name: "B", records: map[string][]string{"1": {patient("1", "carl")}}}
	s := join(t, byValue, several.Part{Alias: "a", Source: a, Plain: true}, several.Part{Alias: "b", Source: b})
	s.Tolerate()
	ids, err := told(t, s)
	if err != nil || !slices.Contains(ids, "b.1") {
		t.Errorf("%v, %v", ids, err)
	}
	if silent := s.Sources()[0].Silent; silent == nil || !strings.Contains(silent.Error(), "begins like the alias") {
		t.Errorf("an id that could be another source's: %v", silent)
	}
}

func TestASourceThatBreaksEndsEverythingUnlessItIsTolerated(t *testing.T) {
	broken := errors.New("broken")
	a := &shelf{name: "A", records: map[string][]string{"1": {patient("1", "anna")}, "2": {patient("2", "bert")}}}
	b := &shelf{name: "B", broken: broken, records: map[string][]string{"1": {patient("1", "anna")}, "2": {patient("2", "carl")}}}
	strict := join(t, byValue, several.Part{Alias: "a", Source: a}, several.Part{Alias: "b", Source: b})
	var silent *fhir.UnreachedError
	if _, err := told(t, strict); !errors.As(err, &silent) || silent.Alias != "b" || !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	s := join(t, byValue, several.Part{Alias: "a", Source: a}, several.Part{Alias: "b", Source: b})
	s.Tolerate()
	if ids, err := told(t, s); err != nil || !slices.Equal(ids, []string{"a.1", "a.2"}) {
		t.Errorf("%v, %v", ids, err)
	}
	b.broken = nil
	whole := join(t, byValue, several.Part{Alias: "a", Source: a}, several.Part{Alias: "b", Source: b})
	whole.Tolerate()
	if ids, err := told(t, whole); err != nil || len(ids) != 3 {
		t.Fatalf("%v, %v", ids, err)
	}
	b.broken, b.asked = broken, 0
	for range 2 { // once it has failed it is not asked again
		if _, err := whole.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a.1"}, fhir.Wanted{}, func(fhir.Rejected) {}); !errors.As(err, &silent) {
			t.Errorf("%v", err)
		}
	}
	if b.asked != 1 {
		t.Errorf("a source that failed was asked %d times", b.asked)
	}
	if _, err := whole.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a.2"}, fhir.Wanted{}, func(fhir.Rejected) {}); err != nil {
		t.Errorf("who is in the other source only: %v", err)
	}
	c := &shelf{name: "C", broken: broken, records: b.records}
	none := join(t, byValue, several.Part{Alias: "b", Source: b}, several.Part{Alias: "c", Source: c})
	none.Tolerate()
	if _, err := told(t, none); !errors.Is(err, broken) {
		t.Errorf("no source answers: %v", err)
	}
}

// TestSourcesAreReadAtTheSameTimeAndToldInTheirOrder lets each of three sources wait until the others are read, too.
func TestSourcesAreReadAtTheSameTimeAndToldInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun sync.WaitGroup
		begun.Add(3)
		var parts []several.Part
		for _, alias := range []string{"a", "b", "c"} {
			parts = append(parts, several.Part{Alias: alias, Source: &shelf{name: alias, begun: &begun, records: map[string][]string{"1": {patient("1", "anna")}}}})
		}
		var order []string
		s := join(t, byValue, parts...)
		for record, err := range s.Subjects(t.Context(), func(x fhir.Rejected) { order = append(order, x.Origin.Alias) }) {
			if err != nil || record.Key().ID != "a.1" || !slices.Equal(s.Sits(record.Key()), []string{"a", "b", "c"}) {
				t.Errorf("%v, %v", record, err)
			}
		}
		if want := []string{"a", "b", "c"}; !slices.Equal(order[:3], want) {
			t.Errorf("rejected are told of %v, want %v", order, want)
		}
	})
}

// TestAMistakeOfTheProgramsOwnEndsEverything, also where sources are tolerated: whom it hides is not gone.
func TestAMistakeOfTheProgramsOwnEndsEverything(t *testing.T) {
	records := map[string][]string{"1": {patient("1", "anna")}}
	s := join(t, func(*fhir.Resource) (string, bool) { panic("anna") },
		several.Part{Alias: "a", Source: &shelf{name: "A", records: records}}, several.Part{Alias: "b", Source: &shelf{name: "B", records: records}})
	s.Tolerate()
	var own *crash.Error
	if ids, err := told(t, s); !errors.As(err, &own) {
		t.Errorf("%v, %v", ids, err)
	}
}
