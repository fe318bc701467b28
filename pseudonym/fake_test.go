package pseudonym

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
)

// resources is a patient's permitted resources in a test.
type resources struct{ *fhir.Record }

func (r resources) Resources() iter.Seq[*fhir.Resource] { return r.Record.Resources() }

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func testSubject() Subject {
	return Subject{number: "0000018", key: boxed([]byte("0123456789abcdefghijklmnopqrstuv"))}
}

func builtIn(t testing.TB) *Profile {
	t.Helper()
	p, err := BuiltIn(DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testVeil(t testing.TB, mode DateMode) *Veil {
	t.Helper()
	v, err := NewVeil(builtIn(t), Dates{Mode: mode, Zone: berlin(t)})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// record makes a patient's record of JSON texts; the first must be the Patient.
func record(t testing.TB, texts ...string) resources {
	t.Helper()
	var rec *fhir.Record
	for i, text := range texts {
		res, err := fhir.ReadResource(text, fhir.Origin{Source: "test", Position: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		if rec == nil {
			rec = fhir.NewRecord(res.Key())
		}
		rec.Add(res)
	}
	return resources{rec}
}

// texts returns every resource below a shared folder: files of one resource, Bundles and NDJSON.
func texts(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".json":
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all = appendEntries(all, text)
		case ".ndjson":
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 64<<20)
			for lines.Scan() {
				all = append(all, lines.Text())
			}
			return errors.Join(lines.Err(), f.Close())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func appendEntries(all []string, text []byte) []string {
	var b struct {
		ResourceType string
		Entry        []struct{ Resource json.RawMessage }
	}
	if json.Unmarshal(text, &b) != nil || b.ResourceType == "" {
		return all
	}
	if b.ResourceType != "Bundle" {
		return append(all, string(text))
	}
	for _, e := range b.Entry {
		if len(e.Resource) > 0 {
			all = append(all, string(e.Resource))
		}
	}
	return all
}

// written returns a Record as text.
func written(r *Record) string {
	var b []byte
	for res := range r.Resources() {
		b = append(fhir.AppendJSON(b, res.Node), '\n')
	}
	return string(b)
}

const somebody = `{"resourceType":"Patient","id":"somebody","birthDate":"1957-03-12","gender":"female"}`

// withPatient makes a record of the texts around a patient of our own.
func withPatient(t testing.TB, all []string) resources {
	t.Helper()
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "somebody"})
	for i, text := range append([]string{somebody}, all...) {
		res, err := fhir.ReadResource(text, fhir.Origin{Source: "test", Position: int64(i)})
		if err != nil {
			if strings.Contains(err.Error(), "FHIR id") {
				continue // the sample has ids that are none
			}
			t.Fatal(err)
		}
		rec.Add(res)
	}
	return resources{rec}
}
