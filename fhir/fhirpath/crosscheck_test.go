package fhirpath_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/shared"
)

// TestFhirpathJSGivesTheSame compares the engine with npm's fhirpath 5.2.2 and its R4 model on every resource of the
// shared data. CRFLINK_FHIRPATH_JS names the folder in which the package is installed (npm i fhirpath@5.2.2).
func TestFhirpathJSGivesTheSame(t *testing.T) {
	folder := os.Getenv("CRFLINK_FHIRPATH_JS")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "fhirpath")); folder == "" || err != nil {
		shared.Absent(t, "CRFLINK_FHIRPATH_JS names no folder with npm's fhirpath; make setup installs it")
	}
	resources := sharedResources(t)
	compiled := crosscheckExpressions(t)
	lines := runJS(t, folder, resources)
	if len(lines) != len(resources) {
		t.Fatalf("%d results for %d resources", len(lines), len(resources))
	}
	env := &fhirpath.Env{}
	evaluations, differences := 0, 0
	for i, text := range resources {
		var want []any
		if err := json.Unmarshal(lines[i], &want); err != nil {
			t.Fatal(err)
		}
		focus := parseText(t, text)
		typ := focus.Get("resourceType").Text()
		for j, x := range compiled(typ) {
			evaluations++
			got := ours(t, x, env, focus)
			if !sameResult(got, want[j]) {
				if differences++; differences <= 20 {
					t.Errorf("%s %d: %s\n  gave %v\n  npm's %v", typ, i, x, got, want[j])
				}
			}
		}
	}
	t.Logf("%d resources, %d evaluations, %d differences", len(resources), evaluations, differences)
}

func crosscheckExpressions(t *testing.T) func(typ string) []*fhirpath.Expr {
	text, err := os.ReadFile("testdata/crosscheck/expressions.json")
	if err != nil {
		t.Fatal(err)
	}
	var sources map[string][]string
	if err := json.Unmarshal(text, &sources); err != nil {
		t.Fatal(err)
	}
	compiled := map[string][]*fhirpath.Expr{}
	return func(typ string) []*fhirpath.Expr {
		if compiled[typ] == nil {
			for _, src := range sources["*"] {
				compiled[typ] = append(compiled[typ], mustCompile(t, src, ""))
			}
			for _, src := range sources[typ] {
				compiled[typ] = append(compiled[typ], mustCompile(t, src, typ))
			}
		}
		return compiled[typ]
	}
}

func mustCompile(t *testing.T, src, typ string) *fhirpath.Expr {
	x, err := fhirpath.Compile(src, fhirpath.Options{Type: typ})
	if err != nil {
		t.Fatalf("%s: %s: %v", typ, src, err)
	}
	return x
}

// ours is the result as decoded JSON, or an object with the error.
func ours(t *testing.T, x *fhirpath.Expr, env *fhirpath.Env, focus fhir.Node) any {
	values, err := x.Eval(env, focus, nil)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	text := []byte{'['}
	for _, v := range values {
		if v.Node().Kind() == fhir.Null {
			continue // npm's leaves out of its result what has extensions only
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = v.AppendJSON(text)
	}
	var got any
	if err := json.Unmarshal(append(text, ']'), &got); err != nil {
		t.Fatalf("%s: %v", x, err)
	}
	return got
}

// sameResult allows for the binary numbers of JavaScript, and takes an error for an error.
func sameResult(got, want any) bool {
	a, okA := got.([]any)
	b, okB := want.([]any)
	if !okA || !okB {
		return okA == okB
	}
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, okX := a[i].(float64)
		y, okY := b[i].(float64)
		if okX && okY {
			if math.Abs(x-y) > 1e-12*math.Max(1, math.Abs(y)) {
				return false
			}
		} else if !reflect.DeepEqual(a[i], b[i]) {
			return false
		}
	}
	return true
}

func runJS(t *testing.T, folder string, resources []string) [][]byte {
	abs, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "testdata/crosscheck/crosscheck.mjs", abs, "testdata/crosscheck/expressions.json")
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(resources, "\n")+"\n"), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(out), []byte("\n"))
}

// sharedResources returns all resources of the shared data, one line each; the resources of Bundles on their own too.
func sharedResources(t *testing.T) []string {
	var all []string
	add := func(text []byte) {
		var line bytes.Buffer
		if json.Compact(&line, text) != nil {
			return
		}
		var table fhir.Table
		if table.Parse(line.String()) != nil || table.Root().Get("resourceType").Text() == "" {
			return
		}
		all = append(all, line.String())
		for e := range table.Root().Get("entry").Elements() {
			if r := e.Get("resource"); r.Exists() {
				all = append(all, r.String())
			}
		}
	}
	for _, pattern := range []string{"mii-kds-testdata/resources/*.json", "mii-bildgebung-examples/*.json", "fhirpath-tests/input-json/*.json"} {
		files, err := filepath.Glob(filepath.Join(shared.Dir(t, "data"), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			add(text)
		}
	}
	eachLine(t, shared.Dir(t, "data", "synthea", "slim.ndjson.gz"), add)
	return all
}

func eachLine(t *testing.T, path string, use func([]byte)) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReaderSize(z, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 1 {
			use(line)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
