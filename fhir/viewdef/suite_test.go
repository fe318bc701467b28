package viewdef

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/shared"
)

var reportFile = flag.String("report", "", "write the suite's test_report.json to this file")

// The public suite of SQL on FHIR v2, as far as it is there.
type suiteFile struct {
	Resources []json.RawMessage
	Tests     []suiteTest
}

type suiteTest struct {
	Title         string
	Tags          []string
	View          json.RawMessage
	Expect        []map[string]any
	ExpectCount   *int
	ExpectError   bool
	ExpectColumns []string
}

type suiteResult struct {
	Name   string         `json:"name"`
	Result map[string]any `json:"result"`
}

// wantTests are how many tests the suite has: one that vanishes is noticed.
const wantTests, wantShareable = 134, 123

func TestEveryTestOfThePublicSuitePasses(t *testing.T) {
	dir := shared.Dir(t, "data", "sql-on-fhir-tests")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	report := map[string]map[string][]suiteResult{}
	total, shareable := 0, 0
	for _, name := range files {
		if strings.HasSuffix(name, ".schema.json") {
			continue
		}
		var file suiteFile
		readJSON(t, name, &file)
		results := []suiteResult{}
		for _, test := range file.Tests {
			result := map[string]any{"passed": true}
			if err := test.run(file.Resources); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(name), test.Title, err)
				result = map[string]any{"passed": false, "error": err.Error()}
			} else {
				total++
				if slices.Contains(test.Tags, "shareable") {
					shareable++
				}
			}
			results = append(results, suiteResult{test.Title, result})
		}
		report[filepath.Base(name)] = map[string][]suiteResult{"tests": results}
	}
	if total != wantTests || shareable != wantShareable {
		t.Errorf("%d tests pass, %d of them shareable; want %d and %d", total, shareable, wantTests, wantShareable)
	}
	checkReport(t, filepath.Join(dir, "test-report.schema.json"), report)
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkReport holds the report against the suite's schema, and writes it where that is asked for.
func checkReport(t *testing.T, schemaFile string, report any) {
	t.Helper()
	content, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("the report is not what the suite's schema asks for: %v", err)
	}
	if *reportFile == "" {
		return
	}
	if err := os.WriteFile(*reportFile, append(content, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run holds the view's rows, as NDJSON writes them, against what is expected.
func (s *suiteTest) run(resources []json.RawMessage) error {
	got, columns, err := suiteRows(string(s.View), resources)
	switch {
	case s.ExpectError && err == nil:
		return fmt.Errorf("no error, where one is expected")
	case s.ExpectError:
		return nil
	case err != nil:
		return err
	case s.ExpectCount != nil && len(got) != *s.ExpectCount:
		return fmt.Errorf("%d rows, want %d", len(got), *s.ExpectCount)
	case s.ExpectColumns != nil && !slices.Equal(columns, s.ExpectColumns):
		return fmt.Errorf("columns %v, want %v", columns, s.ExpectColumns)
	case s.Expect == nil:
		return nil
	}
	left := slices.Clone(got)
	for _, want := range s.Expect {
		for _, name := range columns {
			if _, ok := want[name]; !ok {
				want[name] = nil // rows may leave out nulls
			}
		}
		at := slices.IndexFunc(left, func(row map[string]any) bool { return reflect.DeepEqual(row, want) })
		if at < 0 {
			return fmt.Errorf("no row %v in %v", want, got)
		}
		left = slices.Delete(left, at, at+1)
	}
	if len(left) > 0 {
		return fmt.Errorf("unexpected rows %v", left)
	}
	return nil
}

func suiteRows(source string, resources []json.RawMessage) (rows []map[string]any, columns []string, err error) {
	view, err := Compile("view.json", source)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range view.Columns() {
		columns = append(columns, c.Name)
	}
	var out strings.Builder
	w := NewNDJSON(&out, view.Columns())
	runner := view.Runner(fhirpath.Env{AsOf: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)})
	for _, text := range resources {
		res, err := fhir.ReadResource(string(text), fhir.Origin{})
		if err != nil {
			return nil, nil, err
		}
		if err := runner.Each(res, w.Write); err != nil {
			return nil, nil, err
		}
		if err := w.Keep(); err != nil {
			return nil, nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(out.String()) {
		row := map[string]any{}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return rows, columns, nil
}
