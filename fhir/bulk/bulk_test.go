package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bulk"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/synth"
)

const patients = 60

// hospital is a server with synthetic patients, and the folder with the same data.
type hospital struct {
	*synth.Server
	base   string
	folder string
}

func newHospital(t *testing.T, config synth.ServerConfig) hospital {
	t.Helper()
	h := hospital{folder: t.TempDir()}
	if _, err := synth.Write(t.Context(), synth.Config{Seed: 5, Patients: patients}, h.folder); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.Server, err = synth.NewServer(config); err != nil {
		t.Fatal(err)
	}
	if err := h.Load(h.folder); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.base = server.URL + "/fhir"
	return h
}

func (h hospital) script(t *testing.T, s synth.Script) {
	t.Helper()
	if err := h.Script(&s); err != nil {
		t.Fatal(err)
	}
}

// open opens the source of the server. Nothing waits for long.
func (h hospital) open(t *testing.T, change func(*bulk.Options)) *bulk.Source {
	t.Helper()
	o := bulk.Options{Wire: wire.Options{Base: h.base, Pause: time.Microsecond, MaxPause: time.Millisecond}, Poll: time.Microsecond, Folder: t.TempDir()}
	if change != nil {
		change(&o)
	}
	s, err := bulk.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// wanted is what the tests ask for.
var wanted = fhir.WantTypes("Observation", "Condition", "MedicationStatement", "Medication", "Organization", "ImagingStudy", "ServiceRequest")

// records are the texts of each patient's record.
func records(t *testing.T, s fhir.Source, permitted func(id string) bool) (map[string]string, []fhir.Rejected, error) {
	t.Helper()
	var rejected []fhir.Rejected
	rej := func(r fhir.Rejected) { rejected = append(rejected, r) }
	var keys []fhir.Key
	for record, err := range s.Subjects(t.Context(), rej) {
		if err != nil {
			return nil, rejected, err
		}
		if permitted(record.Key().ID) {
			keys = append(keys, record.Key())
		}
	}
	if a, ok := s.(fhir.Admitter); ok {
		if err := a.Admit(t.Context(), keys, wanted, rej); err != nil {
			return nil, rejected, err
		}
	}
	all := map[string]string{}
	for _, k := range keys {
		record, err := s.Fetch(t.Context(), k, wanted, rej)
		if err != nil {
			return nil, rejected, err
		}
		var b strings.Builder
		for r := range record.Resources() {
			b.WriteString(r.Raw() + "\n")
		}
		all[k.ID] = b.String() + fmt.Sprint(record.LinkedFrom())
	}
	return all, rejected, nil
}

func everybody(string) bool { return true }

func fromFiles(t *testing.T, folder string, permitted func(string) bool) map[string]string {
	t.Helper()
	s, err := ndjson.Open([]string{folder}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, _, err := records(t, s, permitted)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnExportGivesTheRecordsThatFilesGive(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{Token: "secret"})
	want := fromFiles(t, h.folder, everybody)
	member := make([]string, 0, len(want))
	for record, err := range h.open(t, withToken).Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		for p := range record.OfType("Patient") {
			member = append(member, `{"entity":{"reference":"Patient/`+p.ID+`"}}`)
		}
	}
	if err := h.Add([]byte(`{"resourceType":"Group","id":"study","member":[` + strings.Join(member, ",") + `]}`)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*bulk.Options){
		"system":  nil,
		"patient": func(o *bulk.Options) { o.Level = bulk.Patient },
		"group":   func(o *bulk.Options) { o.Level, o.Group = bulk.Group, "study" },
		"on disk": func(o *bulk.Options) { o.Budget = 10_000 },
	} {
		got, _, err := records(t, h.open(t, func(o *bulk.Options) {
			withToken(o)
			if change != nil {
				change(o)
			}
		}), everybody)
		if err != nil {
			t.Fatal(name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %.2000s", name, d)
		}
	}
}

func withToken(o *bulk.Options) { o.Wire.Auth.Bearer = wire.NewSecret("secret") }

// TestFaultsChangeNothing has each export suffer, and wants the same records.
func TestFaultsChangeNothing(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	want := fromFiles(t, h.folder, everybody)
	_, usual, err := records(t, h.open(t, nil), everybody)
	if err != nil || len(usual) == 0 {
		t.Fatal(err)
	}
	fault := func(kind synth.FaultKind, match string, more ...func(*synth.Fault)) synth.Script {
		f := synth.Fault{Kind: kind, Match: match, Every: 3, Skip: 1}
		for _, change := range more {
			change(&f)
		}
		return synth.Script{Faults: []synth.Fault{f}}
	}
	busy := func(f *synth.Fault) { f.Status, f.RetryAfter, f.Every, f.Skip = 503, 1, 2, 0 }
	with := func(s synth.Script, change func(*synth.Script)) synth.Script {
		change(&s)
		return s
	}
	const file = "?generation"
	for name, script := range map[string]synth.Script{
		"the export takes its time":          {ExportPolls: 3},
		"503 at the kick-off":                fault(synth.FaultStatus, "$export", busy),
		"503 at the status":                  fault(synth.FaultStatus, "GET __export", busy),
		"429 at files":                       fault(synth.FaultStatus, file, busy, func(f *synth.Fault) { f.Status = 429 }),
		"files break off":                    fault(synth.FaultTruncate, file),
		"files break off, uncompressed":      with(fault(synth.FaultTruncate, file), func(s *synth.Script) { s.NoGzip = true }),
		"files break off, without ranges":    with(fault(synth.FaultTruncate, file), func(s *synth.Script) { s.NoRanges = true }),
		"connections break":                  fault(synth.FaultDrop, ""),
		"URLs of files run out":              fault(synth.FaultExpire, file, func(f *synth.Fault) { f.Every = 5 }),
		"an export is forgotten":             fault(synth.FaultGone, file, func(f *synth.Fault) { f.Times = 1 }),
		"an export is forgotten before that": fault(synth.FaultGone, "GET __export", func(f *synth.Fault) { f.Times, f.Skip = 1, 0 }),
		"a file is cut off":                  fault(synth.FaultCutFile, file),
		"a file is cut off and not counted":  with(fault(synth.FaultCutFile, file), func(s *synth.Script) { s.NoTotal = true }),
		"a wrong host of the status":         fault(synth.FaultLinkHost, "$export", func(f *synth.Fault) { f.Every, f.Skip = 0, 0 }),
	} {
		t.Run(name, func(t *testing.T) {
			h.script(t, script)
			defer h.script(t, synth.Script{})
			got, rejected, err := records(t, h.open(t, nil), everybody)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" || len(rejected) != len(usual) {
				t.Errorf("%d rejected instead of %d, %.2000s", len(rejected), len(usual), d)
			}
		})
	}
}

func TestABrokenTransferGoesOnWhereItBroke(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	h.script(t, synth.Script{NoGzip: true, Faults: []synth.Fault{{Kind: synth.FaultTruncate, Match: "?generation", Every: 2}}})
	if _, _, err := records(t, h.open(t, nil), everybody); err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, r := range h.Requests() {
		if r.Status == 206 {
			parts++
		}
	}
	if parts == 0 {
		t.Error("no file was asked for from a byte on")
	}
}

func TestNothingOfOthersIsKept(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	half := func(id string) bool { return id[len(id)-1]%2 == 0 }
	want := fromFiles(t, h.folder, half)
	s := h.open(t, nil)
	got, _, err := records(t, s, half)
	if err != nil || len(want) < 10 || len(want) > patients-10 {
		t.Fatal(err, len(want))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%.2000s", d)
	}
	refused := 0
	for record, err := range s.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		for r := range record.Resources() {
			if !fhir.IsFact(r.Type) && r.Type != "ResearchStudy" {
				t.Errorf("%s among the facts", r.Type)
			}
		}
		if half(record.Key().ID) {
			continue
		}
		if _, err := s.Fetch(t.Context(), record.Key(), wanted, func(fhir.Rejected) {}); err == nil {
			t.Error("resources of a patient who was not admitted were handed out")
		}
		if _, err := s.Fetch(t.Context(), record.Key(), fhir.Wanted{}, func(fhir.Rejected) {}); err != nil {
			t.Error(err)
		}
		refused++
	}
	if refused == 0 {
		t.Error("nobody was refused")
	}
}

// TestOnlyReadingRequestsAreSent looks at everything that the server was asked, also in a run that goes wrong.
func TestOnlyReadingRequestsAreSent(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	h.script(t, synth.Script{ExportPolls: 1, Faults: []synth.Fault{{Kind: synth.FaultExpire, Match: "?generation", Every: 7}, {Kind: synth.FaultDrop, Every: 11}}})
	s := h.open(t, func(o *bulk.Options) {
		o.TypeFilters, o.Since = []string{"Observation?status=final"}, "1990-01-01T00:00:00Z"
	})
	if _, _, err := records(t, s, everybody); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reread(t.Context(), nil, nil, func(fhir.Rejected) {}); err != nil {
		t.Fatal(err)
	}
	var begun, ended, clinical int
	for _, r := range h.Requests() {
		kickOff := r.Method == "GET" && r.Path == "$export"
		status := strings.HasPrefix(r.Path, "__export/") && strings.Count(r.Path, "/") == 1
		switch {
		case kickOff:
			begun++
		case r.Method == "DELETE" && status:
			ended++
		case r.Method != "GET" || !strings.HasPrefix(r.Path, "__export/"):
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
		facts := strings.Contains(r.Query, "_type=Patient%2CConsent%2CEncounter%2CResearchSubject%2CResearchStudy&") || strings.HasSuffix(r.Query, "_type=Patient%2CConsent%2CEncounter%2CResearchSubject%2CResearchStudy")
		if kickOff && !facts {
			clinical++
			if !strings.Contains(r.Query, "_typeFilter=Observation%3Fstatus%3Dfinal") || !strings.Contains(r.Query, "_since=1990") {
				t.Errorf("the clinical export was asked for by %s", r.Query)
			}
		} else if kickOff && strings.Contains(r.Query, "_since") {
			t.Errorf("facts are not asked for whole: %s", r.Query)
		}
	}
	if begun < 3 || ended < 3 || clinical == 0 {
		t.Errorf("%d exports begun, %d ended, %d clinical", begun, ended, clinical)
	}
}

func TestAStoppedRunEndsItsExport(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	h.script(t, synth.Script{ExportPolls: 1 << 30})
	ctx, stop := context.WithCancel(t.Context())
	s := h.open(t, func(o *bulk.Options) {
		asked := 0
		o.Wire.Log = func(wire.Attempt) {
			if asked++; asked == 5 {
				stop()
			}
		}
	})
	for _, err := range s.Subjects(ctx, func(fhir.Rejected) {}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	last := h.Requests()[len(h.Requests())-1]
	if last.Method != "DELETE" || last.Status != 202 {
		t.Errorf("the last request is %s, %d", last.Method, last.Status)
	}
}

func TestAnExportThatTakesTooLongEndsTheRun(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	h.script(t, synth.Script{ExportPolls: 1 << 30})
	_, _, err := records(t, h.open(t, func(o *bulk.Options) { o.Wait = 20 * time.Millisecond }), everybody)
	if err == nil || !strings.Contains(err.Error(), "not done within") {
		t.Errorf("%v", err)
	}
}

func TestPartialErrorsAreReportedAndFactsMustBeWhole(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	h.script(t, synth.Script{Faults: []synth.Fault{{Kind: synth.FaultPartial, Match: "Observation"}}})
	_, rejected, err := records(t, h.open(t, nil), everybody)
	told := slices.ContainsFunc(rejected, func(r fhir.Rejected) bool {
		return strings.Contains(r.Reason, "could not be exported (1 errors of the code exception)")
	})
	if err != nil || !told {
		t.Errorf("%v %v", rejected, err)
	}
	h.script(t, synth.Script{Faults: []synth.Fault{{Kind: synth.FaultPartial, Match: "$export"}}})
	if _, _, err := records(t, h.open(t, nil), everybody); err == nil || !strings.Contains(err.Error(), "a refusal may be among what is missing") {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeHadEndsTheRun(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	for name, c := range map[string]struct {
		fault synth.Fault
		want  string
	}{
		"a file is always cut off":       {synth.Fault{Kind: synth.FaultCutFile, Match: "?generation"}, "cut off"},
		"URLs always run out":            {synth.Fault{Kind: synth.FaultExpire, Match: "?generation"}, "410"},
		"exports are always forgotten":   {synth.Fault{Kind: synth.FaultGone, Match: "__export"}, "expire"},
		"the server is down":             {synth.Fault{Kind: synth.FaultStatus, Status: 503}, "503"},
		"the status is a proxy's page":   {synth.Fault{Kind: synth.FaultHTML, Match: "GET __export"}, "no manifest"},
		"the kick-off is not allowed":    {synth.Fault{Kind: synth.FaultStatus, Status: 403, Match: "$export"}, "may not read"},
		"the kick-off is a proxy's page": {synth.Fault{Kind: synth.FaultHTML, Match: "$export"}, "does not export asynchronously"},
	} {
		h.script(t, synth.Script{Faults: []synth.Fault{c.fault}})
		_, _, err := records(t, h.open(t, nil), everybody)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "generation") || strings.Contains(err.Error(), "__export") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFilesOnAnotherHostAreReadOnlyWhereThatIsNamed has the files on a store that refuses the server's credentials.
func TestFilesOnAnotherHostAreReadOnlyWhereThatIsNamed(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{Token: "secret"})
	store := httptest.NewServer(h)
	defer store.Close()
	h.script(t, synth.Script{ExportOpen: true, ExportHost: store.URL})
	if _, _, err := records(t, h.open(t, withToken), everybody); err == nil || !strings.Contains(err.Error(), "name it among the hosts") {
		t.Errorf("%v", err)
	}
	got, _, err := records(t, h.open(t, func(o *bulk.Options) {
		withToken(o)
		o.Hosts = []string{strings.TrimPrefix(store.URL, "http://")}
	}), everybody)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fromFiles(t, h.folder, everybody), got); d != "" {
		t.Errorf("%.2000s", d)
	}
}

func TestFactsAreExportedAgainBeforeDelivery(t *testing.T) {
	h := newHospital(t, synth.ServerConfig{})
	s := h.open(t, nil)
	all, _, err := records(t, s, everybody)
	if err != nil {
		t.Fatal(err)
	}
	var keys []fhir.Key
	for id := range all {
		keys = append(keys, fhir.Key{Type: "Patient", ID: id})
	}
	slices.SortFunc(keys, func(a, b fhir.Key) int { return strings.Compare(a.ID, b.ID) })
	gone, refuses := keys[0], keys[1]
	h.Delete(gone)
	if err := h.Put([]byte(`{"resourceType":"Consent","id":"new","status":"active","patient":{"identifier":{"system":"none","value":"none"},"reference":"` + refuses.String() + `"}}`)); err != nil {
		t.Fatal(err)
	}
	s.Refresh()
	again, err := s.Reread(t.Context(), keys, []string{"Consent"}, func(fhir.Rejected) {})
	if err != nil {
		t.Fatal(err)
	}
	for range again[0].OfType("Patient") {
		t.Error("a Patient that was deleted is still there")
	}
	found := false
	for c := range again[1].OfType("Consent") {
		found = found || c.ID == "new"
	}
	if !found {
		t.Error("a new Consent was not found")
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for name, o := range map[string]bulk.Options{
		"no group":     {Level: bulk.Group},
		"a bad group":  {Level: bulk.Group, Group: "a/b"},
		"two levels":   {Level: bulk.Patient, Group: "a"},
		"other level":  {Level: "all"},
		"a host's URL": {Hosts: []string{"https://files.example"}},
	} {
		o.Wire.Base = "https://hospital.example/fhir"
		if _, err := bulk.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
