package viewdef_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/viewdef"
	"github.com/crflink/crflink/synth"
)

// Views as a site would write them: plain columns, a condition, a loop.
var benchViews = map[string]string{
	"Patient": `{"resource":"Patient","select":[{"column":[
		{"name":"id","path":"getResourceKey()"},{"name":"gender","path":"gender"},{"name":"birth","path":"birthDate"},
		{"name":"dead","path":"deceased.exists()"},{"name":"zip","path":"address.first().postalCode"},{"name":"family","path":"name.where(use='official').family.first()"}]}]}`,
	"Observation": `{"resource":"Observation","where":[{"path":"status = 'final' or status = 'amended'"}],"select":[{"column":[
		{"name":"id","path":"id"},{"name":"patient","path":"subject.getReferenceKey(Patient)"},{"name":"at","path":"effective.ofType(dateTime)"},
		{"name":"loinc","path":"code.coding.where(system='http://loinc.org').code.first()"},{"name":"value","path":"value.ofType(Quantity).value"},
		{"name":"unit","path":"value.ofType(Quantity).code"},{"name":"text","path":"code.text"}]}]}`,
	"Condition": `{"resource":"Condition","select":[{"column":[
		{"name":"id","path":"id"},{"name":"patient","path":"subject.getReferenceKey(Patient)"},{"name":"recorded","path":"recordedDate"}]},
		{"forEach":"code.coding","column":[{"name":"system","path":"system"},{"name":"code","path":"code"},{"name":"n","path":"%rowIndex"}]}]}`,
}

// From files to CSV on one core: reading, decoding, evaluating, writing. rows/s is what counts.
func BenchmarkFilesToCSV(b *testing.B) {
	folder := b.TempDir()
	if _, err := synth.Write(context.Background(), synth.Config{Seed: 20260901, Patients: 100}, folder); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		for name, source := range benchViews {
			rows += tabulate(b, source, filepath.Join(folder, name+".ndjson"))
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

func tabulate(t testing.TB, source, file string) (rows int) {
	view, err := viewdef.Compile("view.json", source)
	if err != nil {
		t.Fatal(err)
	}
	runner := view.Runner(fhirpath.Env{Zone: time.UTC})
	w := viewdef.NewCSV(io.Discard, view.Columns())
	write := func(r *viewdef.Row) error { rows++; return w.Write(r) }
	err = ndjson.Each(context.Background(), []string{file}, ndjson.Options{}, func(res *fhir.Resource) error {
		if err := runner.Each(res, write); err != nil {
			t.Fatal(err)
		}
		return w.Keep()
	}, func(r fhir.Rejected) { t.Fatal(r.Reason) })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// A row costs no allocation of its own; the text of a key that is made of type and id is one.
func TestAResourceCostsOnlyTheTextOfItsKey(t *testing.T) {
	texts := map[string]string{
		"Patient":     `{"resourceType":"Patient","id":"p","gender":"male","birthDate":"1951","name":[{"use":"official","family":"F"}],"address":[{"postalCode":"1"}]}`,
		"Observation": `{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},"code":{"text":"c","coding":[{"system":"http://loinc.org","code":"1"}]},"effectiveDateTime":"2026-01-01","valueQuantity":{"value":1.50,"code":"mg"}}`,
		"Condition":   `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"a","code":"1"},{"system":"b","code":"2"}]}}`,
	}
	for name, source := range benchViews {
		view, err := viewdef.Compile("view.json", source)
		if err != nil {
			t.Fatal(err)
		}
		res, err := fhir.ReadResource(texts[name], fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		runner := view.Runner(fhirpath.Env{})
		w := viewdef.NewCSV(io.Discard, view.Columns())
		write := w.Write
		once := func() {
			if err := runner.Each(res, write); err != nil {
				t.Fatal(err)
			}
			if err := w.Keep(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, once); n > 1 {
			t.Errorf("%s: %v allocations for a resource", name, n)
		}
	}
}
