package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
)

// fake is a server whose every answer is written by the test. Answers are found by path and query; "@" stands for the
// server's own base.
type fake struct {
	mu      sync.Mutex
	base    string
	answers map[string][]string // consumed one by one, the last one stays
	asked   []string
}

const noPatients = `{"resourceType":"Bundle","type":"searchset","total":0}`

func newFake(t *testing.T, answers map[string][]string) *fake {
	t.Helper()
	f := &fake{answers: answers}
	server := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(server.Close)
	f.base = server.URL + "/fhir"
	return f
}

func (f *fake) serve(w http.ResponseWriter, q *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := strings.TrimPrefix(q.URL.RequestURI(), "/fhir/")
	f.asked = append(f.asked, name)
	list, ok := f.answers[name]
	switch {
	case ok && len(list) > 1:
		f.answers[name] = list[1:]
	case !ok && name == "metadata":
		w.WriteHeader(http.StatusNotFound)
		return
	case !ok:
		list = []string{noPatients}
	}
	var status int
	if _, err := fmt.Sscanf(list[0], "%d", &status); err == nil {
		w.WriteHeader(status)
		return
	}
	_, _ = w.Write([]byte(strings.ReplaceAll(list[0], "@", f.base)))
}

func (f *fake) source(t *testing.T, o rest.Options) *rest.Source {
	t.Helper()
	o.PageSize = 2
	o.Wire = wire.Options{Base: f.base, Retries: 1, Pause: time.Microsecond, MaxPause: time.Millisecond}
	s, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// bundle writes a searchset. A total of -1 is left out.
func bundle(total int, next string, resources ...string) string {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Bundle","type":"searchset"`)
	if total >= 0 {
		fmt.Fprintf(&b, `,"total":%d`, total)
	}
	if next != "" {
		fmt.Fprintf(&b, `,"link":[{"relation":"next","url":%q}]`, next)
	}
	b.WriteString(`,"entry":[`)
	for i, r := range resources {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(`{"resource":` + r + `,"search":{"mode":"match"}}`)
	}
	return b.String() + "]}"
}

func patient(id string) string { return `{"resourceType":"Patient","id":"` + id + `"}` }

func observation(id, of string) string {
	return `{"resourceType":"Observation","id":"` + id + `","subject":{"reference":"Patient/` + of + `"}}`
}

// patients lists the ids that the source yields.
func patients(t *testing.T, s *rest.Source) (ids []string, rejected []fhir.Rejected, err error) {
	t.Helper()
	for facts, err := range s.Subjects(t.Context(), func(r fhir.Rejected) { rejected = append(rejected, r) }) {
		if err != nil {
			return ids, rejected, err
		}
		ids = append(ids, facts.Key().ID)
	}
	return ids, rejected, nil
}

func TestPagesAreFollowedWhateverTheirLinksLookLike(t *testing.T) {
	for name, next := range map[string]string{
		"absolute":              "@/Patient?page=2",
		"relative to the page":  "Patient?page=2",
		"relative to the host":  "/fhir/Patient?page=2",
		"query only":            "?page=2",
		"wrong host":            "https://internal:8443/fhir/Patient?page=2",
		"a doubled port":        "http://internal:443/fhir/Patient?page=2",
		"a dot segment":         "../fhir/Patient?page=2",
		"an address of its own": "//internal/fhir/Patient?page=2",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string][]string{
				"Patient?_count=2": {bundle(3, next, patient("b"), patient("c"))}, "Patient?page=2": {bundle(3, "", patient("a"))}})
			ids, _, err := patients(t, f.source(t, rest.Options{}))
			if err != nil || strings.Join(ids, "") != "abc" {
				t.Errorf("got %v, %v", ids, err)
			}
		})
	}
}

func TestTheQueryOfANextLinkIsKeptByteByByte(t *testing.T) {
	const odd = "Patient?_ship=a%2Fb|c%7C+%20;x=&y&code=http://loinc.org|1"
	f := newFake(t, map[string][]string{"Patient?_count=2": {bundle(2, "@/"+odd, patient("b"))}, odd: {bundle(2, "", patient("a"))}})
	if ids, _, err := patients(t, f.source(t, rest.Options{})); err != nil || len(ids) != 2 {
		t.Errorf("got %v, %v; asked %q", ids, err, f.asked)
	}
}

func TestWhatCannotBeTrustedEndsTheWalk(t *testing.T) {
	outcome := `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"timeout","diagnostics":"Patient/secret"}]}`
	for name, c := range map[string]struct {
		answers map[string][]string
		options rest.Options
		want    string
	}{
		"a foreign host, strictly": {map[string][]string{"Patient?_count=2": {bundle(2, "https://elsewhere/fhir/Patient?p=2", patient("a"))}}, rest.Options{Links: rest.SameHost}, "another host"},
		"a path outside":           {map[string][]string{"Patient?_count=2": {bundle(2, "/admin?p=2", patient("a"))}}, rest.Options{}, "out of the configured base"},
		"a page read before":       {map[string][]string{"Patient?_count=2": {bundle(-1, "@/Patient?p=2", patient("a"))}, "Patient?p=2": {bundle(-1, "@/Patient?p=2", patient("b"))}}, rest.Options{}, "read before"},
		"results cut off":          {map[string][]string{"Patient?_count=2": {bundle(5, "", patient("a"))}, "Patient?_summary=count": {bundle(5, "")}}, rest.Options{}, "counts 5 Patient resources but its pages held 1"},
		"an error among results":   {map[string][]string{"Patient?_count=2": {bundle(1, "", patient("a"), outcome)}}, rest.Options{}, "timeout"},
		"no JSON":                  {map[string][]string{"Patient?_count=2": {"<html>busy</html>"}}, rest.Options{}, "not one whole searchset"},
		"half a page":              {map[string][]string{"Patient?_count=2": {bundle(1, "", patient("a"))[:90]}}, rest.Options{}, "not one whole searchset"},
		"another Bundle":           {map[string][]string{"Patient?_count=2": {`{"resourceType":"Bundle","type":"history"}`}}, rest.Options{}, "not one whole searchset"},
		"no id":                    {map[string][]string{"Patient?_count=2": {bundle(1, "", `{"resourceType":"Patient"}`)}}, rest.Options{}, "without an id"},
		"no right to read":         {map[string][]string{"Consent?_count=2": {"403"}}, rest.Options{}, "403"},
		"always expired":           {map[string][]string{"Patient?_count=2": {bundle(2, "@/Patient?p=2", patient("a"))}, "Patient?p=2": {"410"}}, rest.Options{}, "expire"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := patients(t, newFake(t, c.answers).source(t, c.options))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "?")) {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestPassingTroubleChangesNothing(t *testing.T) {
	first := bundle(3, "@/Patient?p=2", patient("a"), patient("b"))
	for name, answers := range map[string]map[string][]string{
		"expired once":        {"Patient?_count=2": {first, first}, "Patient?p=2": {"410", bundle(3, "", patient("c"))}},
		"half a page once":    {"Patient?_count=2": {first[:130], first}, "Patient?p=2": {bundle(3, "", patient("c"))}},
		"an HTML page once":   {"Patient?_count=2": {first}, "Patient?p=2": {"<html>", bundle(3, "", patient("c"))}},
		"503 once":            {"Patient?_count=2": {"503", first}, "Patient?p=2": {bundle(3, "", patient("c"))}},
		"repeated resources":  {"Patient?_count=2": {first}, "Patient?p=2": {bundle(3, "", patient("b"), patient("c"))}},
		"deleted in between":  {"Patient?_count=2": {strings.Replace(first, `"total":3`, `"total":4`, 1)}, "Patient?p=2": {bundle(3, "", patient("c"))}, "Patient?_summary=count": {bundle(3, "")}},
		"missed, then found":  {"Patient?_count=2": {bundle(3, "", patient("a")), first}, "Patient?p=2": {bundle(3, "", patient("c"))}, "Patient?_summary=count": {bundle(3, "")}},
		"an empty last page":  {"Patient?_count=2": {first}, "Patient?p=2": {bundle(3, "@/Patient?p=3", patient("c"))}, "Patient?p=3": {bundle(3, "")}},
		"warning as an entry": {"Patient?_count=2": {first}, "Patient?p=2": {bundle(3, "", patient("c"), `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"x"}]}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			ids, rejected, err := patients(t, newFake(t, answers).source(t, rest.Options{}))
			if err != nil || strings.Join(ids, "") != "abc" || len(rejected) != 0 {
				t.Errorf("got %v, %v, %v", ids, rejected, err)
			}
		})
	}
}

func TestARejectedResourceIsReportedOnceAndCounted(t *testing.T) {
	bad := `{"resourceType":"Consent","id":"x","id":"y"}`
	f := newFake(t, map[string][]string{
		"Patient?_count=2": {bundle(1, "", patient("a"))},
		"Consent?_count=2": {bundle(3, "@/Consent?p=2", bad, `{"resourceType":"Consent","id":"z"}`), bundle(3, "@/Consent?p=2", bad, `{"resourceType":"Consent","id":"z"}`)},
		"Consent?p=2":      {"503", bundle(3, "", `{"resourceType":"Consent","id":"c","patient":{"reference":"Patient/a"}}`)}})
	s := f.source(t, rest.Options{})
	_, rejected, err := patients(t, s)
	if err != nil || len(rejected) != 2 || rejected[0].Type != "Consent" || rejected[1].Type != "Consent" {
		t.Errorf("got %v, %v; want two Consents rejected", rejected, err)
	}
}

func TestAServerThatIgnoresTheParameterIsFoundOut(t *testing.T) {
	self := strings.Replace(bundle(1, "", observation("o", "a")), `,"entry"`, `,"link":[{"relation":"self","url":"@/Observation?_count=2"}],"entry"`, 1)
	for name, c := range map[string]struct{ answer, want string }{
		"by its self link":       {self, "ignored the search parameter patient"},
		"by foreign resources":   {bundle(2, "", observation("o", "a"), observation("p", "b")), "other patients"},
		"by an error of its own": {"400", "400"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string][]string{"Patient?_count=2": {bundle(2, "", patient("a"), patient("b"))}, "Observation?patient=a&_count=2": {c.answer}})
			_, err := f.source(t, rest.Options{}).Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a"}, fhir.WantTypes("Observation"), func(fhir.Rejected) {})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestMergedPatientsAreFetchedTogether(t *testing.T) {
	old := `{"resourceType":"Patient","id":"old","link":[{"type":"replaced-by","other":{"reference":"Patient/new"}}]}`
	f := newFake(t, map[string][]string{
		"metadata":         {`{"resourceType":"CapabilityStatement","rest":[{"resource":[{"type":"Patient"},{"type":"Observation","searchParam":[{"name":"subject"}]},{"type":"Medication"}]}]}`},
		"Patient?_count=2": {bundle(2, "", patient("new"), old)},
		"Observation?subject=Patient/new,Patient/old&_count=2": {bundle(2, "", observation("1", "old"), observation("2", "new"))}})
	record, err := f.source(t, rest.Options{}).Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "new"}, fhir.WantTypes("Observation", "Condition"), func(r fhir.Rejected) { t.Error(r) })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := range record.Resources() {
		got = append(got, r.Key().String())
	}
	if want := []string{"Patient/new", "Patient/old", "Observation/1", "Observation/2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, q := range f.asked {
		if strings.HasPrefix(q, "Consent") || strings.HasPrefix(q, "Condition") {
			t.Errorf("%s was asked although the server does not have the type", q)
		}
	}
}

func TestFetchesRunSideBySide(t *testing.T) {
	answers := map[string][]string{"Patient?_count=2": {bundle(8, "", patient("a"), patient("b"), patient("c"), patient("d"), patient("e"), patient("f"), patient("g"), patient("h"))}}
	for _, id := range strings.Split("abcdefgh", "") {
		answers["Observation?patient="+id+"&_count=2"] = []string{bundle(1, "", strings.Replace(observation(id, id), "}}", `},"device":{"reference":"Device/d"}}`, 1))}
	}
	answers["Device?_id=d&_count=2"] = []string{bundle(1, "", `{"resourceType":"Device","id":"d"}`)}
	s := newFake(t, answers).source(t, rest.Options{})
	var wg sync.WaitGroup
	for _, id := range strings.Split("abcdefgh", "") {
		wg.Go(func() {
			record, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: id}, fhir.WantTypes("Observation", "Device"), func(fhir.Rejected) {})
			if err != nil || record.Len() != 3 {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	wg.Wait()
}

func TestLongListsOfIDsAreAskedForInPieces(t *testing.T) {
	long := strings.Repeat("x", 60)
	var ids []string
	answers := map[string][]string{}
	var subject strings.Builder
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("%s%02d", long, i))
		subject.WriteString(`,{"reference":"Medication/` + ids[i] + `"}`)
	}
	answers["Patient?_count=2"] = []string{bundle(1, "", patient("a"))}
	answers["Observation?patient=a&_count=2"] = []string{bundle(1, "", `{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/a"},"focus":[{}`+subject.String()+`]}`)}
	f := newFake(t, answers)
	if _, err := f.source(t, rest.Options{}).Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a"}, fhir.WantTypes("Observation", "Medication"), func(fhir.Rejected) {}); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, q := range f.asked {
		list, ok := strings.CutPrefix(q, "Medication?_id=")
		if len(q) > 2000 {
			t.Errorf("a query of %d bytes", len(q))
		}
		if ok {
			for _, id := range strings.Split(strings.TrimSuffix(list, "&_count=2"), ",") {
				found[id] = true
			}
		}
	}
	if len(found) != len(ids) {
		t.Errorf("asked for %d medications, want %d", len(found), len(ids))
	}
}
