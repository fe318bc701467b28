package gather

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/fhir"
)

// registration is one call of Add, or of Delete where there is no text.
type registration struct{ url, text, deleted, at string }

// hospital draws what a server full of difficulties might hold: versions, deletions, merged and linked patients, every form of
// reference, shared resources, Consents of several patients. Every version says when it was written, so that their order in the
// input does not matter.
type hospital struct {
	*rand.Rand
	all []registration
}

const hospitalPatients = 40

func drawHospital(seed uint64) []registration {
	h := hospital{Rand: rand.New(rand.NewPCG(seed, 1))} // #nosec G404 -- test data
	for i := range hospitalPatients {
		h.patient(i)
	}
	for i := range 400 {
		h.resource(i)
	}
	for i := range 20 {
		h.add("", `{"resourceType":"Medication","id":"m%d",%s,"manufacturer":{"reference":"Organization/o%d"}}`, i, h.meta(), h.IntN(4))
		h.add("", `{"resourceType":"Organization","id":"o%d",%s}`, i, h.meta())
	}
	return h.all
}

func (h *hospital) add(url, format string, args ...any) {
	h.all = append(h.all, registration{url: url, text: fmt.Sprintf(format, args...)})
}

// meta is unique, so that no two versions are equally new.
func (h *hospital) meta() string {
	return fmt.Sprintf(`"meta":{"lastUpdated":"2024-01-01T00:00:00.%06dZ"}`, len(h.all))
}

func (h *hospital) patient(i int) {
	for range 1 + h.IntN(3)/2 {
		links := ""
		switch h.IntN(6) {
		case 0:
			links = fmt.Sprintf(`,"link":[{"type":"%s","other":%s}]`, []string{"replaced-by", "replaces", "seealso", "refer"}[h.IntN(4)], h.subject())
		case 1:
			links = fmt.Sprintf(`,"link":[{"type":"replaced-by","other":{"reference":"Patient/p%d"}}]`, h.IntN(hospitalPatients))
		}
		url := ""
		if h.IntN(2) == 0 {
			url = fmt.Sprintf("urn:uuid:%d", i/2*2) // now and then of two patients
		}
		h.add(url, `{"resourceType":"Patient","id":"p%d",%s,"identifier":[{"system":"s","value":"%d"},{"system":"t","value":"%d"}]%s}`, i, h.meta(), i, i/3, links)
	}
	if h.IntN(10) == 0 {
		h.all = append(h.all, registration{deleted: fmt.Sprintf("Patient/p%d", i), at: fmt.Sprintf("2024-01-01T00:00:00.%06dZ", len(h.all))})
	}
}

// subject refers to a patient in one of all ways; some lead nowhere.
func (h *hospital) subject() string {
	i := h.IntN(hospitalPatients + 3)
	switch h.IntN(8) {
	case 0:
		return fmt.Sprintf(`{"reference":"https://s.example/fhir/Patient/p%d"}`, i)
	case 1:
		return fmt.Sprintf(`{"reference":"urn:uuid:%d"}`, i)
	case 2:
		return fmt.Sprintf(`{"identifier":{"system":"s","value":"%d"}}`, i)
	case 3:
		return fmt.Sprintf(`{"reference":"Patient?identifier=t|%d"}`, i/3)
	}
	return fmt.Sprintf(`{"reference":"Patient/p%d"}`, i)
}

func (h *hospital) resource(i int) {
	id := fmt.Sprintf(`"id":"r%d",`, h.IntN(300))
	if h.IntN(20) == 0 {
		id = ""
	}
	switch h.IntN(6) {
	case 0:
		h.add("", `{"resourceType":"Consent","id":"c%d",%s,"patient":[%s,%s]}`, i, h.meta(), h.subject(), h.subject())
	case 1:
		h.add("", `{"resourceType":"Consent",%s%s,"patient":%s}`, id, h.meta(), h.subject())
	case 2:
		h.add("", `{"resourceType":"Device",%s%s,"patient":%s}`, id, h.meta(), h.subject())
	case 3:
		h.all = append(h.all, registration{deleted: fmt.Sprintf("Observation/r%d", h.IntN(300)), at: fmt.Sprintf("2024-01-01T00:00:00.%06dZ", len(h.all))})
	default:
		h.add(fmt.Sprintf("urn:uuid:o%d", i), `{"resourceType":"Observation",%s%s,"subject":%s,"focus":[{"reference":"Medication/m%d"}],"derivedFrom":[{"reference":"urn:uuid:o%d"}],"device":{"reference":"Device/r%d"}}`,
			id, h.meta(), h.subject(), h.IntN(25), h.IntN(400), h.IntN(300))
	}
}

// account is all that a catalog answers, in a form that does not depend on the order of the input.
type account struct {
	Records  []string
	Rejected []string
	Prints   []string // of all types, and of some
	Counts   Counts
	Len      int
}

func accountOf(t *testing.T, all []registration, budget int64) account {
	t.Helper()
	c := NewCatalog(func(uint32) string { return "x" }, t.TempDir(), budget)
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	var a account
	reject := func(r fhir.Rejected, text string) {
		patients := []string{r.Patient.ID}
		for _, k := range r.Others {
			patients = append(patients, k.ID)
		}
		slices.Sort(patients)
		a.Rejected = append(a.Rejected, fmt.Sprint(text, r.Reason, patients))
	}
	for i, g := range all {
		if g.deleted != "" {
			k, _ := fhir.ParseReference(g.deleted).Key()
			if err := c.Delete(k, g.at); err != nil {
				t.Fatal(err)
			}
			continue
		}
		r, err := fhir.ReadResource(g.text, fhir.Origin{Position: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		why, err := c.Add(r, g.url, false, Place{Span: Span{Offset: int64(i), Length: uint32(len(g.text))}, Position: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		if why != "" {
			reject(fhir.Rejected{Reason: why}, g.text)
		}
	}
	if err := c.Resolve(func(r fhir.Rejected) { reject(r, all[r.Origin.Position].text) }); err != nil {
		t.Fatal(err)
	}
	if c.OnDisk() != (budget < DefaultBudget) {
		t.Fatalf("on disk: %v", c.OnDisk())
	}
	for p, err := range c.Patients() {
		if err != nil {
			t.Fatal(err)
		}
		a.Records = append(a.Records, recordText(t, c, p, all))
		for _, types := range []string{"Patient Consent Observation Device Medication Organization", "Patient Observation Organization", "Consent"} {
			print := c.Fingerprint(p, func(typ string) bool { return strings.Contains(types, typ) })
			if len(print) != 32 {
				t.Errorf("%s: fingerprint %q", p.ID, print)
			}
			a.Prints = append(a.Prints, print)
		}
	}
	if _, ok, err := c.Find("nobody"); ok || err != nil {
		t.Errorf("nobody was found, %v", err)
	}
	if different := len(slices.Compact(slices.Sorted(slices.Values(a.Prints)))); different < len(a.Records) {
		t.Errorf("%d fingerprints of %d patients", different, len(a.Records))
	}
	slices.Sort(a.Rejected)
	a.Counts, a.Len = c.Counts(), c.Len()
	return a
}

// recordText writes out a patient's record, as found by the id.
func recordText(t *testing.T, c *Catalog, p Patient, all []registration) string {
	t.Helper()
	found, ok, err := c.Find(p.ID)
	if err != nil || !ok {
		t.Fatalf("a patient cannot be found: %v", err)
	}
	record, err := c.Record(found, func(string) bool { return true }, func(at Span) (string, error) { return all[at.Offset].text, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	b := []string{p.ID, fmt.Sprint(record.LinkedFrom())}
	var resources []string
	for r := range record.Resources() {
		resources = append(resources, r.String())
	}
	slices.Sort(resources) // those without an id come in the order of the input
	for reference, key := range record.Aliases() {
		b = append(b, reference+" is "+key.String())
	}
	slices.Sort(b[2:])
	return strings.Join(append(b, resources...), "\n")
}

func TestOnDiskACatalogAnswersAsInMemory(t *testing.T) {
	merged, contested := 0, 0
	for seed := range uint64(12) {
		all := drawHospital(seed)
		want := accountOf(t, all, DefaultBudget)
		r := rand.New(rand.NewPCG(seed, 2)) // #nosec G404 -- test data
		for _, budget := range []int64{1, 4000, 40_000} {
			if d := cmp.Diff(want, accountOf(t, all, budget)); d != "" {
				t.Fatalf("seed %d, budget %d:\n%s", seed, budget, d)
			}
		}
		shuffled := slices.Clone(all)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got := accountOf(t, shuffled, 4000)
		if d := cmp.Diff(want.Records, got.Records); d != "" {
			t.Fatalf("seed %d, in another order:\n%s", seed, d)
		}
		merged += hospitalPatients - len(want.Records)
		contested += strings.Count(strings.Join(want.Rejected, "\n"), severalPatients)
	}
	if merged < 20 || contested < 20 {
		t.Errorf("%d patients merged and %d Consents contested: too few to prove anything", merged, contested)
	}
}

func TestASorterSortsMoreThanFitsIntoMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1)) // #nosec G404 -- test data
	s := sorter{folder: t.TempDir()}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	const rows, runs = 3000, 150 // more runs than are merged at once
	var want []string
	for i := range rows {
		row := fmt.Sprintf("%d %s", r.IntN(1000), strings.Repeat("x", r.IntN(40)))
		want = append(want, row)
		if err := s.add([]byte(row)); err != nil {
			t.Fatal(err)
		}
		if i%(rows/runs) == 0 {
			if err := s.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(want)
	var got []string
	for row, err := range s.all() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(row))
	}
	if !slices.Equal(got, want) || len(s.runs) > maxRuns {
		t.Errorf("%d rows of %d in %d runs, in the wrong order", len(got), len(want), len(s.runs))
	}
}

func TestATableFindsRowsAcrossBlocks(t *testing.T) {
	table, err := newTable(t.TempDir(), byText)
	if err != nil {
		t.Fatal(err)
	}
	defer table.close()
	count := func(i int) int { return i * i % 700 } // some patients have rows in several blocks, some none
	for i := range 300 {
		for n := range count(i) {
			if err := table.add(fmt.Appendf(nil, "p%03d\x00 %d %060d", i, n, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := table.finish(); err != nil {
		t.Fatal(err)
	}
	for i := range 301 {
		found := 0
		for row, err := range table.find(idKey(fmt.Sprintf("p%03d", i))) {
			if err != nil || !strings.HasPrefix(string(row), fmt.Sprintf("p%03d\x00 %d ", i, found)) {
				t.Fatalf("row %d of patient %d is %q, %v", found, i, row, err)
			}
			found++
		}
		if i < 300 && found != count(i) || i == 300 && found != 0 {
			t.Errorf("patient %d has %d rows, want %d", i, found, count(i))
		}
	}
}
