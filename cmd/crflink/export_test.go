package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/shared"
)

// packaged exports the last run of a job and returns the package's folder.
func (j *job) packaged(t *testing.T, name string) string {
	t.Helper()
	s := j.run(t, "export", "study.yaml", "--out", name)
	if s.code != exitDone && s.code != exitIncomplete {
		t.Fatalf("export ends with %d: %s%s", s.code, s.out, s.err)
	}
	j.leaks(t, "export", s)
	return j.path(name)
}

// descriptor is what the test reads of a datapackage.json.
type descriptor struct {
	Resources []struct {
		Name, Path, Hash string
		Bytes            int64
		Schema           struct {
			Fields []struct {
				Name, Type, Format string
				Constraints        struct {
					Required         bool
					Enum             []string
					Pattern          string
					Minimum, Maximum any
				}
			}
			PrimaryKey  []string
			ForeignKeys []struct {
				Fields    []string
				Reference struct {
					Resource string
					Fields   []string
				}
			}
		}
	}
}

// validate holds every row of a package against the rules of Frictionless Table Schema: types, constraints, primary and
// foreign keys. It returns the rows by resource.
func validate(t *testing.T, folder string) map[string][]map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "datapackage.json"))
	must(t, err)
	var d descriptor
	must(t, json.Unmarshal(text, &d))
	tables := map[string][]map[string]string{}
	for _, r := range d.Resources {
		var names []string
		for _, f := range r.Schema.Fields {
			names = append(names, f.Name)
		}
		rows := readTable(t, filepath.Join(folder, r.Path), names)
		tables[r.Name] = rows
		for _, f := range r.Schema.Fields {
			for i, row := range rows {
				if why := violates(row[f.Name], f.Type, f.Constraints.Required, f.Constraints.Enum, f.Constraints.Pattern, f.Constraints.Minimum, f.Constraints.Maximum); why != "" {
					t.Fatalf("%s, row %d, %s: %s", r.Path, i+1, f.Name, why)
				}
			}
		}
		if n := len(keys(rows, r.Schema.PrimaryKey)); n != len(rows) || len(r.Schema.PrimaryKey) == 0 {
			t.Errorf("%s: %d rows have %d keys", r.Path, len(rows), n)
		}
	}
	for _, r := range d.Resources {
		for _, k := range r.Schema.ForeignKeys {
			there := keys(tables[k.Reference.Resource], k.Reference.Fields)
			for key := range keys(tables[r.Name], k.Fields) {
				if !there[key] {
					t.Errorf("%s: a row refers to nothing in %s", r.Path, k.Reference.Resource)
				}
			}
		}
	}
	return tables
}

func readTable(t *testing.T, path string, columns []string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	all, err := csv.NewReader(f).ReadAll()
	must(t, err)
	if len(all) == 0 || !slices.Equal(all[0], columns) {
		t.Fatalf("%s has other columns than its description", path)
	}
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[columns[i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func keys(rows []map[string]string, columns []string) map[string]bool {
	all := map[string]bool{}
	for _, row := range rows {
		key := ""
		for _, c := range columns {
			key += row[c] + "\x00"
		}
		all[key] = true
	}
	return all
}

// violates says why a cell is not what its field's description allows; "" when it is.
func violates(text, typ string, required bool, enum []string, pattern string, least, greatest any) string {
	if text == "" {
		return map[bool]string{true: "a required cell is empty"}[required]
	}
	var err error
	number := 0.0
	switch typ {
	case "integer":
		_, err = strconv.ParseInt(text, 10, 64)
		number, _ = strconv.ParseFloat(text, 64)
	case "number":
		number, err = strconv.ParseFloat(text, 64)
	case "date":
		_, err = time.Parse(time.DateOnly, text)
	case "datetime":
		_, err = time.Parse("2006-01-02T15:04:05", text)
	case "boolean":
		if text != "true" && text != "false" {
			err = fmt.Errorf("neither true nor false")
		}
	case "string":
	default:
		return "unknown type " + typ
	}
	below := func(bound any, sign float64) bool { b, ok := bound.(float64); return ok && sign*(number-b) < 0 }
	switch {
	case err != nil:
		return "no " + typ
	case enum != nil && !slices.Contains(enum, text):
		return "not among the values that are possible"
	case pattern != "" && !regexp.MustCompile("^(?:"+pattern+")$").MatchString(text):
		return "not of the pattern"
	case below(least, 1) || below(greatest, -1):
		return "out of range"
	}
	return ""
}

// TestAPackageIsValidAndComplete packages 300 patients in each of the date modes.
func TestAPackageIsValidAndComplete(t *testing.T) {
	t.Parallel()
	source := "files: [" + hospital(t, 5, 300) + "]"
	for _, dates := range []string{"none", "shift", "relative"} {
		t.Run(dates, func(t *testing.T) {
			j := newJob(t, source, "dates: none", map[string]string{"relative": "index-event: index\n"}[dates]+"dates: "+dates)
			delivered := int(jsonReport(t, j.sync(t, "--json")).Patients.Delivered)
			tables := validate(t, j.packaged(t, "out/package"))
			if n := len(tables["participants"]); n < 200 || n > delivered {
				t.Errorf("%d participants of %d delivered", n, delivered)
			}
			if n := len(tables["sessions"]); n < 400 || len(tables["suv"]) < 400 || len(tables["series"]) < n {
				t.Errorf("%d sessions, %d series, %d of PET and SPECT", n, len(tables["series"]), len(tables["suv"]))
			}
			j.sameTables(t, tables)
			if text := j.read(t, "out/package/clinical_long.csv") + j.read(t, "out/package/sessions.csv"); dates == "relative" && regexp.MustCompile(`,20[0-9]{2}-[01][0-9]`).MatchString(text) {
				t.Error("a package that counts days has dates")
			}
		})
	}
}

// sameTables compares the package with what the study's own tables hold of its participants.
func (j *job) sameTables(t *testing.T, tables map[string][]map[string]string) {
	t.Helper()
	participants := keys(tables["participants"], []string{"subject"})
	for name, columns := range map[string][]string{
		"tables/cells.csv":     {"subject", "event", "form", "item", "value", "label", "unit", "missing", "rule", "effective"},
		"imaging/sessions.csv": {"subject", "session", "study_uid", "date", "days_from_index", "modalities", "method", "quality", "type", "ambiguous"},
	} {
		packed := map[string]string{"tables/cells.csv": "clinical_long", "imaging/sessions.csv": "sessions"}[name]
		header, _, _ := strings.Cut(j.read(t, "out/"+name), "\n")
		var own []map[string]string
		for _, row := range readTable(t, j.path("out/"+name), strings.Split(header, ",")) {
			if participants[row["subject"]+"\x00"] {
				own = append(own, row)
			}
		}
		want, got := keys(own, columns), keys(tables[packed], columns)
		if len(own) != len(tables[packed]) || !maps.Equal(want, got) {
			t.Errorf("%s: %d rows, the package has %d, or they differ", name, len(own), len(tables[packed]))
		}
	}
}

// TestAResearcherLoadsThePackageAsItsReadmeSays runs the lines of the package's README in DuckDB, and holds the Parquet files
// against the CSV files there.
func TestAResearcherLoadsThePackageAsItsReadmeSays(t *testing.T) {
	t.Parallel()
	j := newJob(t, "files: ["+hospital(t, 5, 120)+"]")
	j.sync(t)
	folder := j.packaged(t, "out/package")
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	must(t, err)
	block := regexp.MustCompile("(?s)```sql\n(.*?)```").FindSubmatch(readme)
	if block == nil || strings.Count(string(block[1]), "\n") != 5 {
		t.Fatal("the README has no five lines of SQL")
	}
	statements := strings.Split(strings.TrimSpace(string(block[1])), "\n")
	statements = append(statements, comparisons(t, folder)...)
	results := duck(t, folder, statements)
	if n := len(results[4]); n < 2 || fmt.Sprint(results[4][0][0]) == "" {
		t.Errorf("the README's query gives %v", results[4])
	}
	t.Logf("the README's query gives %v", results[4])
	for i := 7; i < len(results); i += 3 {
		if rows := results[i]; len(rows) != 1 || fmt.Sprint(rows[0]) != "[0 0 true]" {
			t.Errorf("%s\nfinds differences: %v", statements[i], rows)
		}
	}
	types := duck(t, folder, []string{
		"SELECT typeof(scan_date), typeof(dose), typeof(scan_days), typeof(scanner) FROM 'parquet/clinical/imaging.parquet' LIMIT 1",
		"SELECT typeof(date), typeof(ambiguous), typeof(session) FROM 'parquet/sessions.parquet' LIMIT 1", "SELECT typeof(activity_mbq) FROM 'parquet/suv.parquet' LIMIT 1",
	})
	if got := fmt.Sprint(types); got != "[[[DATE DECIMAL(18,1) BIGINT VARCHAR]] [[DATE BOOLEAN BIGINT]] [[DOUBLE]]]" {
		t.Errorf("the columns have the types %s", got)
	}
}

// comparisons read every CSV file in the types of its Parquet file, and count the rows which only one of the two has.
func comparisons(t *testing.T, folder string) (all []string) {
	t.Helper()
	for i, name := range files(t, filepath.Join(folder, "parquet")) {
		columns, text := "'parquet/"+name+"'", fmt.Sprintf("t%d", i)
		all = append(all, "CREATE TABLE "+text+" AS FROM "+columns+" WHERE false",
			"INSERT INTO "+text+" FROM read_csv('"+strings.TrimSuffix(name, ".parquet")+".csv', header = true, all_varchar = true, nullstr = '')",
			"SELECT (SELECT count(*) FROM (FROM "+columns+" EXCEPT ALL FROM "+text+"))::INTEGER, (SELECT count(*) FROM (FROM "+text+" EXCEPT ALL FROM "+columns+"))::INTEGER, count(*) > 0 FROM "+text)
	}
	return all
}

const duckScript = `
const { DuckDBInstance } = require(process.argv[1] + "/node_modules/@duckdb/node-api");
(async () => {
  const db = await (await DuckDBInstance.create(":memory:")).connect();
  const out = [];
  for (const statement of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
    const reader = await db.runAndReadAll(statement);
    out.push(reader.getRowsJson());
  }
  process.stdout.write(JSON.stringify(out));
})().catch((e) => { console.error(e.message); process.exit(1); });
`

// duck runs statements in DuckDB, one after the other, and returns the rows of each.
func duck(t *testing.T, folder string, statements []string) [][][]any {
	t.Helper()
	engines := os.Getenv("CRFLINK_FHIRPATH_JS")
	if _, err := os.Stat(filepath.Join(engines, "node_modules", "@duckdb", "node-api")); engines == "" || err != nil {
		shared.Absent(t, "CRFLINK_FHIRPATH_JS names no folder with DuckDB; make setup installs it")
	}
	input, err := json.Marshal(statements)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "-e", duckScript, engines) // #nosec G204 -- a script of this test
	cmd.Dir, cmd.Stdin = folder, strings.NewReader(string(input))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("DuckDB: %v: %s", err, complaint.String())
	}
	var all [][][]any
	must(t, json.Unmarshal(out, &all))
	return all
}
