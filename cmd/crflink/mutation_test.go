package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/report"
)

// hostile are texts that harm programs which trust them.
var hostile = []string{
	`=cmd|'/c calc'!A0`, `+1+1`, `-2+3`, `@SUM(1)`, "\t=1+1", "\r=1", `"; DROP TABLE cell; --`, `' OR '1'='1`, `<script>alert(1)</script>`, `]]><x/>`,
	`&xxe;`, `<!DOCTYPE a [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>`, "\x00", "a\x00b", "\x1b[2J", "\u202e", "\ufeff", "\ufffe", "\uffff", "\U0001F4A9", "%s%n%x",
	"../../etc/passwd", strings.Repeat("A", 200_000), "C61=1+1", "8-52\n=1", "＝1+1", "'", `""`, "NaN", "null",
}

// mutator spoils resources in one way after the other, by a seed.
type mutator struct{ *rand.Rand }

// mutate returns one line of NDJSON.
func (m mutator) mutate(t *testing.T, line string) string {
	ways := []func(*testing.T, string) string{m.flip, m.cut, m.retype, m.huge, m.nest, m.poison, m.double, m.poisonCode}
	text := ways[m.IntN(len(ways))](t, line)
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(text)
}

func (m mutator) flip(_ *testing.T, line string) string {
	b := []byte(line)
	for range 1 + m.IntN(5) {
		b[m.IntN(len(b))] ^= 1 << m.IntN(8)
	}
	return string(b)
}

func (m mutator) cut(_ *testing.T, line string) string { return line[:1+m.IntN(len(line)-1)] }

func (m mutator) double(_ *testing.T, line string) string {
	return strings.Replace(line, "{", `{"status":"final","`+[]string{"status", "id", "subject"}[m.IntN(3)]+`":"x",`, 1)
}

func (m mutator) nest(_ *testing.T, line string) string {
	depth := 1 + m.IntN(20_000)
	inner := []string{strings.Repeat(`{"extension":[`, depth) + strings.Repeat(`]}`, depth), strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)}[m.IntN(2)]
	return strings.Replace(line, "{", `{"note":`+inner+`,`, 1)
}

// at replaces one leaf of the resource by what with returns.
func (m mutator) at(t *testing.T, line string, accept func(any) bool, with func(any) any) string {
	v := decodeLine(t, line)
	var places []func(any)
	var values []any
	eachLeaf("", v, func(_ string, value any, set func(any)) {
		if accept(value) {
			places, values = append(places, set), append(values, value)
		}
	})
	if len(places) == 0 {
		return m.flip(t, line)
	}
	i := m.IntN(len(places))
	places[i](with(values[i]))
	return encodeLine(t, v)
}

func anything(any) bool { return true }

func (m mutator) retype(t *testing.T, line string) string {
	others := []any{1, -1.5, true, nil, "", "x", []any{}, map[string]any{}, []any{nil}, []any{[]any{map[string]any{"a": 1}}}, map[string]any{"resourceType": "Patient"}}
	return m.at(t, line, anything, func(any) any { return others[m.IntN(len(others))] })
}

func (m mutator) huge(t *testing.T, line string) string {
	numbers := []string{"1e400", "-1E+999999999", "1e-999999999", strings.Repeat("9", 5000), "0." + strings.Repeat("0", 3000) + "1", "1e18", "-0.0", "99999999999999999999"}
	return m.at(t, line, anything, func(any) any { return json.Number(numbers[m.IntN(len(numbers))]) })
}

func (m mutator) poison(t *testing.T, line string) string {
	return m.at(t, line, func(v any) bool { _, ok := v.(string); return ok }, func(any) any { return hostile[m.IntN(len(hostile))] })
}

// poisonCode puts a text behind a code that the mapping looks for, so that it gets as far as a cell if anything does.
func (m mutator) poisonCode(t *testing.T, line string) string {
	codes := regexp.MustCompile(`^(C61|5-604|8-52|\d{5}$)`)
	return m.at(t, line, func(v any) bool { s, ok := v.(string); return ok && codes.MatchString(s) }, func(v any) any {
		s, _ := v.(string)
		h := hostile[m.IntN(len(hostile))]
		return []string{s + h, h + s, h}[m.IntN(3)]
	})
}

func decodeLine(t testing.TB, line string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var v any
	must(t, d.Decode(&v))
	return v
}

func encodeLine(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	must(t, e.Encode(v))
	return strings.TrimSuffix(b.String(), "\n")
}

// eachLeaf visits the values that are no objects or arrays, with their path (type and names; contained resources by
// their own type) and what replaces them.
func eachLeaf(path string, v any, visit func(path string, value any, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		if typ, ok := v["resourceType"].(string); ok {
			path = typ
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "resourceType" {
				continue
			}
			eachChild(path+"."+name, v[name], func(x any) { v[name] = x }, visit)
		}
	case []any:
		for i := range v {
			eachChild(path, v[i], func(x any) { v[i] = x }, visit)
		}
	}
}

func eachChild(path string, v any, set func(any), visit func(string, any, func(any))) {
	switch v.(type) {
	case map[string]any, []any:
		eachLeaf(path, v, visit)
	default:
		visit(path, v, set)
	}
}

// linesOf reads all lines of the hospital's files, in their order.
func linesOf(t testing.TB, folder string) []string {
	t.Helper()
	var all []string
	for _, name := range files(t, folder) {
		text, err := os.ReadFile(filepath.Join(folder, name))
		must(t, err)
		all = append(all, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	return all
}

// TestMutatedResourcesAreAccountedForAndHarmNothing mixes 10,000 spoilt resources into hospitals. Every one of them is
// either read or rejected, and what is delivered stays valid.
func TestMutatedResourcesAreAccountedForAndHarmNothing(t *testing.T) {
	t.Parallel()
	seeds := uint64(5)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { withMutated(t, seed) })
	}
}

func withMutated(t *testing.T, seed uint64) {
	folder := hospital(t, 7+seed, 120)
	lines := linesOf(t, folder)
	m := mutator{rand.New(rand.NewPCG(seed, 17))}
	var mutated []string
	for range 2000 {
		mutated = append(mutated, m.mutate(t, lines[m.IntN(len(lines))]))
	}
	spoilt := filepath.Join(t.TempDir(), "spoilt")
	must(t, os.Mkdir(spoilt, 0o700))
	must(t, os.WriteFile(filepath.Join(spoilt, "mutated.ndjson"), []byte(strings.Join(mutated, "\n")+"\n"), 0o600))
	j := newJob(t, fmt.Sprintf("files: [%s, %s]", folder, spoilt))
	s := j.sync(t, "--json", "--html", "out/report.html")
	if strings.Contains(s.err, "goroutine ") || strings.Contains(s.err, "panic") {
		t.Errorf("the run panicked: %.2000s", s.err)
	}
	run := jsonReport(t, s)
	readOrRejected(t, mutated, run, spoilt)
	if r := run.Resources; r.Read != r.Kept+r.Dropped.Sum() {
		t.Errorf("of %d resources read %d are kept and %d dropped", r.Read, r.Kept, r.Dropped.Sum())
	}
	safeTables(t, j)
	validODM(t, j.path("out/psma-registry.odm.xml"))
	t.Logf("exit %d, %d resources rejected, %d patients failed, %d cells", s.code, len(run.Rejected), run.Patients.Failed.Sum()+run.Patients.Unidentified.Sum(), run.Cells.Filled)
}

// TestAServerThatSendsMutatedResourcesHarmsNothing spoils entries of a server's pages. Runs end with what could be read,
// or say that the server cannot be used.
func TestAServerThatSendsMutatedResourcesHarmsNothing(t *testing.T) {
	t.Parallel()
	rounds := uint64(4)
	if testing.Short() {
		rounds = 2
	}
	codes := map[int]int{}
	for seed := range rounds {
		m := mutator{rand.New(rand.NewPCG(seed, 19))}
		var mu sync.Mutex
		n := 0
		base := serving(t, 20+seed, 40, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, q)
				mu.Lock()
				defer mu.Unlock()
				w.WriteHeader(answer.Code)
				_, _ = w.Write(m.page(t, answer.Body.Bytes(), &n))
			})
		})
		j := newJob(t, "fhir: "+base)
		s := j.run(t, j.syncArgs("--json")...)
		codes[s.code]++
		if s.code != exitDone && s.code != exitIncomplete && s.code != exitServer || strings.Contains(s.err, "goroutine ") {
			t.Errorf("seed %d: exit code %d: %.2000s", seed, s.code, s.err)
		}
		if s.code == exitServer {
			t.Logf("seed %d: %s", seed, s.err)
			continue
		}
		safeTables(t, j)
		validODM(t, j.path("out/psma-registry.odm.xml"))
		if run := jsonReport(t, s); run.Resources.Read != run.Resources.Kept+run.Resources.Dropped.Sum() || n < 50 {
			t.Errorf("seed %d: of %d spoilt entries: %+v", seed, n, run.Resources)
		}
	}
	t.Logf("exit codes %v", codes)
	if codes[exitIncomplete] == 0 {
		t.Error("no run ends with what could be read")
	}
}

// page spoils every seventh resource of a searchset, but neither its id, without which a server cannot be used, nor the
// brackets of the page.
func (m mutator) page(t *testing.T, text []byte, n *int) []byte {
	var page struct {
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if json.Unmarshal(text, &page) != nil {
		return text
	}
	ways := []func(*testing.T, string) string{m.retype, m.huge, m.poison, m.double}
	for i, e := range page.Entry {
		head, _, _ := strings.Cut(string(e.Resource), `,"`)
		if i%7 != 3 || !strings.Contains(string(e.Resource), `"id":`) {
			continue
		}
		line := string(e.Resource)
		spoilt := ways[m.IntN(len(ways))](t, line)
		if before, after := idOf(line), idOf(spoilt); before != after || !strings.HasPrefix(spoilt, head[:2]) {
			continue
		}
		*n++
		text = bytes.Replace(text, e.Resource, []byte(spoilt), 1)
	}
	return text
}

func idOf(line string) string {
	r, err := fhir.ReadResource(line, fhir.Origin{})
	if err != nil {
		return regexp.MustCompile(`"id": *"[^"]*"`).FindString(line)
	}
	return `"id":"` + r.ID + `"`
}

// readOrRejected checks that no mutated line is dropped in silence.
func readOrRejected(t *testing.T, mutated []string, run report.Run, folder string) {
	t.Helper()
	rejected, starts := map[int64]bool{}, map[int64]bool{}
	for _, r := range run.Rejected {
		var at int64
		if rest, ok := strings.CutPrefix(r.Origin, folder+"#1@"); ok {
			_, err := fmt.Sscan(rest, &at)
			must(t, err)
			rejected[at] = true
		}
	}
	var at int64
	silent := 0
	for _, line := range mutated {
		starts[at] = true
		if _, err := fhir.ReadResource(line, fhir.Origin{}); err != nil && !rejected[at] && strings.TrimSpace(line) != "" {
			if silent++; silent < 4 {
				t.Errorf("a line at %d that cannot be read (%v) is not rejected: %.200s", at, err, line)
			}
		}
		at += int64(len(line)) + 1
	}
	for at := range rejected {
		if !starts[at] {
			t.Errorf("position %d is rejected, where no resource begins", at)
		}
	}
	if len(rejected) < len(mutated)/5 {
		t.Errorf("only %d of %d are rejected", len(rejected), len(mutated))
	}
}

// safeTables checks that no field of a CSV file begins a formula.
func safeTables(t *testing.T, j *job) {
	t.Helper()
	number := regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	fields := 0
	for name, content := range j.delivered(t) {
		if filepath.Ext(name) != ".csv" {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(content)).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, field := range slices.Concat(rows...) {
			fields++
			text := strings.TrimLeft(field, " \u00a0")
			if text != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(text)[0]) && !number.MatchString(field) {
				t.Errorf("%s has a formula: %.60q", name, field)
			}
			if strings.ContainsAny(field, "\x00\x1b") {
				t.Errorf("%s has a control character: %.60q", name, field)
			}
		}
	}
	if fields < 1000 {
		t.Errorf("only %d fields", fields)
	}
}

func validODM(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	problems, err := odm.Check(f)
	must(t, err)
	must(t, f.Close())
	for _, p := range problems {
		t.Errorf("ODM %s", p)
	}
	schema := shared.Dir(t, "data", "odm", "schema-1.3.2", "ODM1-3-2.xsd")
	if _, err := exec.LookPath("xmllint"); err != nil && os.Getenv(shared.EnvRequire) != "all" {
		t.Log("not validated: xmllint is not installed")
		return
	}
	if out, err := exec.Command("xmllint", "--nonet", "--noout", "--schema", schema, path).CombinedOutput(); err != nil {
		t.Errorf("xmllint: %v %.2000s", err, out)
	}
}
