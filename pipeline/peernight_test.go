package pipeline_test

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
)

// send asks the peer for something that crflink itself never does.
func send(t *testing.T, method, target, body string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/fhir+json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode > 299 {
		t.Fatalf("%s: %d %s %v", method, answer.StatusCode, text, err)
	}
	return string(text)
}

// TestAPeerIsReadOnlyWhereItChanged reads the official test data of an independent server, whose resources are up to a year old, lets one be
// deleted and one be updated, and compares the next night with one that reads everything.
func TestAPeerIsReadOnlyWhereItChanged(t *testing.T) {
	data := shared.Dir(t, "data", "mii-kds-testdata", "resources")
	base := shared.Peer(t, data, "--spread-days", "400", "--paging", "offset", "--max-count", "20")
	dir := t.TempDir()
	state, copied := filepath.Join(dir, "state"), filepath.Join(dir, "copy")
	study := loadStudy(t, "testdata/mii/study.yaml")
	night := func(state string, full bool) (book string, read int) {
		ok := t.Run("run", func(t *testing.T) {
			own := *study
			own.State, own.Targets, own.Imaging.Folder = state, nil, ""
			most := 1000
			own.MaxLost = &most
			parts := openParts(t, &own, t.TempDir())
			source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = source.Close() })
			parts.Source = source
			outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(own.Zone), Workers: 2, Full: full})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range outcome.Tally.Read {
				read += n
			}
			book = casebook(t, parts)
		})
		if !ok {
			t.FailNow()
		}
		return book, read
	}
	copyState(t, t.TempDir(), state)
	first, whole := night(state, false)
	if again, read := night(state, false); again != first || read*2 > whole {
		t.Errorf("of %d resources %d were read again although nothing had changed", whole, read)
	}
	observations := permittedObservations(t, data)
	send(t, http.MethodDelete, base+"/"+observations[0].String(), "")
	text := send(t, http.MethodGet, base+"/"+observations[1].String(), "")
	send(t, http.MethodPut, base+"/"+observations[1].String(), strings.Replace(text, `"status":"final"`, `"status":"entered-in-error"`, 1))
	copyState(t, state, copied)
	got, little := night(state, false)
	want, everything := night(copied, true)
	if got != want {
		t.Error(firstDifference(want, got))
	}
	if little == 0 || little*2 > everything {
		t.Errorf("%d resources were read after two had changed, %d when everything is read", little, everything)
	}
	t.Logf("read %d resources instead of %d", little, everything)
}

// permittedObservations returns Observations of different patients.
func permittedObservations(t *testing.T, data string) (keys []fhir.Key) {
	t.Helper()
	files, err := ndjson.Open([]string{data}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for facts, err := range files.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := files.Fetch(t.Context(), facts.Key(), fhir.WantTypes("Observation"), func(fhir.Rejected) {})
		if err != nil {
			t.Fatal(err)
		}
		for res := range record.OfType("Observation") {
			if bytes.Contains([]byte(res.Raw()), []byte("67162-8")) && !slices.Contains(keys, res.Key()) { // that the mapping reads
				keys = append(keys, res.Key())
				break
			}
		}
	}
	if len(keys) < 2 {
		t.Fatalf("only %d patients have an Observation that the mapping reads", len(keys))
	}
	return keys
}
