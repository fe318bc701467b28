package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/pipeline"
)

// retrospective is the end of the code that permits what was collected before the consent.
const retrospective = ".45"

// consents rewrites the Consents of a hospital's folder: each document becomes those that change returns.
func consents(t *testing.T, folder string, change func(map[string]any) []map[string]any) {
	t.Helper()
	name := filepath.Join(folder, "Consent.ndjson")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		for _, d := range change(doc) {
			b, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(append(b, '\n'))
		}
	}
	if err := os.WriteFile(name, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// isRetrospective reports whether a provision is about the data from before.
func isRetrospective(p any) bool {
	text, _ := json.Marshal(p)
	return strings.Contains(string(text), retrospective+`"`)
}

// refused adds a later document to each that permits the past, which refuses it.
func refused(doc map[string]any) []map[string]any {
	root, _ := doc["provision"].(map[string]any)
	list, _ := root["provision"].([]any)
	for _, p := range list {
		if !isRetrospective(p) {
			continue
		}
		inner, _ := p.(map[string]any)
		later := map[string]any{}
		for k, v := range doc {
			later[k] = v
		}
		id, _ := doc["id"].(string)
		later["id"], later["dateTime"] = id+"-later", "2026-08-01T10:00:00+02:00"
		later["provision"] = map[string]any{"type": "deny", "period": map[string]any{"end": "3000-01-01"}, "provision": []any{
			map[string]any{"type": "deny", "period": map[string]any{"end": "3000-01-01"}, "code": inner["code"]},
		}}
		return []map[string]any{doc, later}
	}
	return []map[string]any{doc}
}

// omitted leaves out what permits the past, as a correction of the document would.
func omitted(doc map[string]any) []map[string]any {
	root, _ := doc["provision"].(map[string]any)
	list, _ := root["provision"].([]any)
	var left []any
	for _, p := range list {
		if !isRetrospective(p) {
			left = append(left, p)
		}
	}
	root["provision"] = left
	return []map[string]any{doc}
}

// collector keeps what it was given.
type collector struct{ cells map[string]string }

func (*collector) Name() string { return "edc" }
func (*collector) Kind() string { return "redcap" }
func (c *collector) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	c.cells = map[string]string{}
	for book, err := range d.Casebooks(ctx) {
		if err != nil {
			return ecrf.DeliveryReport{}, err
		}
		for _, cell := range book.Cells {
			c.cells[fmt.Sprint(book.Facts.Subject, cell.CellKey)] = cell.Value
		}
	}
	return ecrf.DeliveryReport{}, nil
}

// values counts the cells with a value.
func (c *collector) values() (n int) {
	for _, v := range c.cells {
		if v != "" {
			n++
		}
	}
	return n
}

// TestWhatTheConsentNoLongerCoversIsNotDelivered makes consents smaller than in the run before. What was refused is removed; what is
// not covered for another reason stays in the ledger, and comes back with the consent.
func TestWhatTheConsentNoLongerCoversIsNotDelivered(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any) []map[string]any
		erased bool
	}{"refused": {refused, true}, "omitted": {omitted, false}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, 1, 40)
			before, err := os.ReadFile(filepath.Join(s.folder, "Consent.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			parts := openParts(t, exampleStudy(t), s.folder)
			most := 100
			parts.Study.MaxLost = &most
			target := &collector{}
			receives(parts.Study, target.Name())
			parts.Targets = []ecrf.Target{target}
			run := func() *pipeline.Outcome {
				source, err := ndjson.Open([]string{s.folder}, ndjson.Options{Name: "hospital"})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = source.Close() })
				parts.Source = source
				return mustRun(t, parts)
			}
			run()
			all, first := target.values(), target.cells
			consents(t, s.folder, c.change)
			outcome := run()
			fewer := target.values()
			if fewer >= all || fewer == 0 {
				t.Fatalf("%d values are delivered, %d before", fewer, all)
			}
			kept := 0
			for book, err := range parts.Ledger.Casebooks(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				for _, cell := range book.Cells {
					if cell.KeptBack() {
						kept++
					}
				}
			}
			// Some of these patients have refused something else before; of them nothing is kept back.
			if revoked := outcome.Tally.Cells.Revoked; c.erased && (revoked == 0 || kept > 0) || !c.erased && kept <= revoked {
				t.Errorf("%d values are removed and %d kept back, of %d that are not delivered any more", revoked, kept, all-fewer)
			}
			if err := os.WriteFile(filepath.Join(s.folder, "Consent.ndjson"), before, 0o600); err != nil {
				t.Fatal(err)
			}
			run()
			for cell, value := range first {
				if value != "" && target.cells[cell] != value {
					t.Errorf("the consents are as they were, and %s is not", cell)
				}
			}
		})
	}
}
