package gather

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/fhir"
)

func TestASpoolGivesBackWhatItWasGiven(t *testing.T) {
	dir := t.TempDir()
	s, err := NewSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 0 && !s.named {
		t.Errorf("the spool has the name %v", names)
	}
	if info, err := s.file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var at []int64
	var wg sync.WaitGroup
	for i := range 1000 {
		offset, err := s.Append(fmt.Sprintf("secret %d %s", i, strings.Repeat("x", i)))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, offset)
		if i%100 == 0 { // reading and writing may alternate
			wg.Go(func() {
				if text, err := s.Read(offset, len(fmt.Sprintf("secret %d ", i))+i); err != nil || !strings.HasPrefix(text, fmt.Sprintf("secret %d ", i)) {
					t.Errorf("text %d: %v", i, err)
				}
			})
		}
	}
	wg.Wait()
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	onDisk := make([]byte, s.size)
	if _, err := s.file.ReadAt(onDisk, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(onDisk, []byte("secret")) || bytes.Contains(onDisk, []byte("xxxx")) {
		t.Error("the spool is readable on disk")
	}
	if _, err := s.file.WriteAt([]byte{onDisk[at[5]+3] ^ 1}, at[5]+3); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(at[5], len("secret 5 xxxxx")); err == nil {
		t.Error("a changed text was accepted")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestAnIndexFindsItsWayAmongManyEntries(t *testing.T) {
	m := NewMemory(func(i uint32) string { return fmt.Sprint("input ", i) })
	const patients, each = 50, 400 // more than one block
	for i := range patients * each {
		text := fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","subject":{"reference":"Patient/p%d"}}`, i, i%patients)
		r, err := fhir.ReadResource(text, fhir.Origin{Position: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		if why := m.Add(r, "", false, 3); why != "" {
			t.Fatal(why)
		}
	}
	m.Resolve(func(r fhir.Rejected) { t.Error(r) })
	if len(m.Patients()) != patients || m.Len() != patients*each {
		t.Fatalf("%d patients with %d resources", len(m.Patients()), m.Len())
	}
	for _, p := range m.Patients() {
		record, err := m.Record(p, func(string) bool { return true })
		if err != nil || record.Len() != each {
			t.Fatalf("%d resources, %v", record.Len(), err)
		}
		for r := range record.Resources() {
			if r.Get("subject").Get("reference").Text() != "Patient/"+p.ID || r.Origin.Source != "input 3" || "o"+fmt.Sprint(r.Origin.Position) != r.ID {
				t.Fatalf("%s at %v in the record of another patient", r, r.Origin)
			}
		}
	}
}

func TestALongChainAndALargeCircleOfMergedPatientsEnd(t *testing.T) {
	m := NewMemory(func(uint32) string { return "x" })
	const n = 20_000
	for i := range n {
		chain := fmt.Sprintf(`{"resourceType":"Patient","id":"chain%d","link":[{"type":"replaced-by","other":{"reference":"Patient/chain%d"}}]}`, i, min(i+1, n-1))
		circle := fmt.Sprintf(`{"resourceType":"Patient","id":"circle%d","link":[{"type":"replaced-by","other":{"reference":"Patient/circle%d"}}]}`, i, (i+1)%n)
		for _, text := range []string{chain, circle} {
			r, err := fhir.ReadResource(text, fhir.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			m.Add(r, "", false, 0)
		}
	}
	circular := 0
	m.Resolve(func(fhir.Rejected) { circular++ })
	if circular != n || len(m.Patients()) != n+1 {
		t.Errorf("%d in circles and %d patients, want %d and %d", circular, len(m.Patients()), n, n+1)
	}
}

// What two records of a batch have in common is in each of them once: whoever releases one does not take it from the other.
func TestRecordsOfOneMemoryShareNoResource(t *testing.T) {
	m := NewMemory(func(uint32) string { return "x" })
	for _, text := range []string{
		`{"resourceType":"Medication","id":"m"}`,
		`{"resourceType":"MedicationStatement","id":"a","subject":{"reference":"Patient/a"},"medicationReference":{"reference":"Medication/m"}}`,
		`{"resourceType":"MedicationStatement","id":"b","subject":{"reference":"Patient/b"},"medicationReference":{"reference":"Medication/m"}}`,
	} {
		r, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if why := m.Add(r, "", false, 0); why != "" {
			t.Fatal(why)
		}
	}
	m.Resolve(func(r fhir.Rejected) { t.Error(r) })
	shared := fhir.Key{Type: "Medication", ID: "m"}
	var found []*fhir.Resource
	for _, p := range m.Patients() {
		record, err := m.Record(p, func(string) bool { return true })
		if err != nil || record.Len() != 2 || record.Find(shared) == nil {
			t.Fatalf("%d resources, %v", record.Len(), err)
		}
		found = append(found, record.Find(shared))
	}
	if len(found) != 2 || found[0] == found[1] || found[0].String() != found[1].String() {
		t.Errorf("%d records, and one resource in both: %t", len(found), found[0] == found[1])
	}
}

func TestWhatIsMissingIsToldOnce(t *testing.T) {
	m := NewMemory(func(uint32) string { return "x" })
	all := func(string) bool { return true }
	add := func(text string) {
		t.Helper()
		r, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if why := m.Add(r, "", false, 0); why != "" {
			t.Fatal(why)
		}
	}
	add(`{"resourceType":"Medication","id":"m","manufacturer":{"reference":"Organization/o"},"ingredient":[{"itemReference":{"reference":"Substance/s"}}]}`)
	add(`{"resourceType":"Organization","id":"o"}`)
	if got := m.Missing(all); len(got) != 1 || got[0] != (fhir.Key{Type: "Substance", ID: "s"}) {
		t.Errorf("missing: %v", got)
	}
	if got := m.Missing(all); len(got) != 0 {
		t.Errorf("missing again: %v", got)
	}
	add(`{"resourceType":"Substance","id":"s","code":{"extension":[{"url":"u","valueReference":{"reference":"Organization/p"}}]}}`)
	if got := m.Missing(all); len(got) != 1 || got[0].ID != "p" {
		t.Errorf("missing of what came later: %v", got)
	}
}
