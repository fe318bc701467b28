package fakeredcap_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/internal/shared"
)

func readTable(t *testing.T, text string) (head []string, rows []map[string]string) {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		r := map[string]string{}
		for i, name := range lines[0] {
			r[name] = line[i]
		}
		rows = append(rows, r)
	}
	return lines[0], rows
}

// project reads the files of a real project. What repeats, and what is designated for which event, its data tell.
func project(t *testing.T, folder string) (fakeredcap.Design, string) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	var d fakeredcap.Design
	var err error
	if d.Fields, err = fakeredcap.ReadFields(open("dictionary.csv")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "event.csv")); err == nil {
		if err := d.ReadEvents(open("event.csv")); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "data.csv"))
	if err != nil {
		t.Fatal(err)
	}
	_, rows := readTable(t, string(text))
	filled := map[[2]string]bool{}
	for _, r := range rows {
		event, form := r["redcap_event_name"], r["redcap_repeat_instrument"]
		if again := (fakeredcap.Repeating{Event: event, Form: form}); form != "" && !slices.Contains(d.Repeating, again) {
			d.Repeating = append(d.Repeating, again)
		}
		if g := r["redcap_data_access_group"]; g != "" && !slices.ContainsFunc(d.Groups, func(o fakeredcap.Group) bool { return o.Unique == g }) {
			d.Groups = append(d.Groups, fakeredcap.Group{Name: g, Unique: g, ID: 331 + len(d.Groups)})
		}
		for name, value := range r {
			if form, ok := strings.CutSuffix(name, "_complete"); ok && value != "" {
				filled[[2]string{event, form}] = true
			}
		}
	}
	for i := range d.Events {
		d.Events[i].Forms = slices.DeleteFunc(d.Events[i].Forms, func(form string) bool { return !filled[[2]string{d.Events[i].Name, form}] })
	}
	return d, string(text)
}

func TestRealProjectsAreExportedAsTheirServersDid(t *testing.T) {
	root := shared.Dir(t, "data", "redcap", "projects")
	folders, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d projects: %v", len(folders), err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			d, text := project(t, folder)
			s := newSite(t, d)
			if err := s.Fill(strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			status, body := s.ask(t, "content", "record", "format", "csv", "exportDataAccessGroups", "true")
			if status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
			same(t, text, body)
			asked, _ := readTable(t, body)
			_, listed := readTable(t, exported(t, s, "exportFieldNames"))
			for _, row := range listed {
				if !slices.Contains(asked, row["export_field_name"]) {
					t.Errorf("%s is listed as a column, and is none", row["export_field_name"])
				}
			}
		})
	}
}

func exported(t *testing.T, s *site, content string) string {
	t.Helper()
	status, body := s.ask(t, "content", content, "format", "csv")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	return body
}

// same compares two flat exports, whatever the sequence of their rows. Columns of surveys are not offered.
func same(t *testing.T, want, got string) {
	t.Helper()
	head, rows := readTable(t, want)
	gotHead, gotRows := readTable(t, got)
	head = slices.DeleteFunc(head, func(name string) bool {
		return name == "redcap_survey_identifier" || strings.HasSuffix(name, "_timestamp")
	})
	if !slices.Equal(head, gotHead) {
		t.Errorf("the columns are\n%v\nand were\n%v", gotHead, head)
	}
	if len(rows) != len(gotRows) {
		t.Fatalf("%d rows, and there were %d", len(gotRows), len(rows))
	}
	key := func(r map[string]string) string {
		return strings.Join([]string{r[head[0]], r["redcap_event_name"], r["redcap_repeat_instrument"], r["redcap_repeat_instance"]}, " ")
	}
	exported := map[string]map[string]string{}
	for _, r := range gotRows {
		exported[key(r)] = r
	}
	for _, row := range rows {
		for _, name := range head {
			if value, ok := exported[key(row)][name]; !ok || row[name] != value {
				t.Errorf("row %s: %s is %q and was %q", key(row), name, value, row[name])
			}
		}
	}
}

// TestAnExportCanBeImportedAgain holds import and export together on real data: what was exported is taken, but for what no
// import takes and what the owner of the project had entered against the validation, which the web page allows.
func TestAnExportCanBeImportedAgain(t *testing.T) {
	for name, mended := range map[string][]string{"redcapr-vignette-repeating": {"bmi", "image_profile"}, "redcapr-decimal-comma-and-dot": {"bmi", "bmi_comma"}, "redcapr-clinical-trial-1": nil} {
		t.Run(name, func(t *testing.T) {
			d, text := project(t, filepath.Join(shared.Dir(t, "data", "redcap", "projects"), name))
			s := newSite(t, d)
			head, rows := readTable(t, text)
			var b strings.Builder
			w := csv.NewWriter(&b)
			head = slices.DeleteFunc(head, func(name string) bool { return slices.Contains(mended, name) })
			_ = w.Write(head)
			for _, r := range rows {
				var line []string
				for _, name := range head {
					line = append(line, r[name])
				}
				_ = w.Write(line)
			}
			w.Flush()
			if status, body := s.ask(t, "content", "record", "format", "csv", "data", b.String()); status != http.StatusOK {
				t.Fatalf("%d %.600s", status, body)
			}
			_, body := s.ask(t, "content", "record", "format", "csv")
			_, again := readTable(t, body)
			for i, r := range rows {
				for _, name := range head {
					if r[name] != again[i][name] {
						t.Errorf("row %d: %s is %q and was %q", i+1, name, again[i][name], r[name])
					}
				}
			}
		})
	}
}

func TestALargeDesignIsServed(t *testing.T) {
	d := fakeredcap.Large(15, 36)
	s := newSite(t, d)
	var fields []map[string]string
	_, body := s.ask(t, "content", "metadata")
	if err := json.Unmarshal([]byte(body), &fields); err != nil || len(fields) < 500 {
		t.Fatalf("%d fields: %v", len(fields), err)
	}
	s.must(t, `{"count": 1}`, "content", "record", "data",
		`[{"record_id":"1","f01_001":"2026-02-28","f01_002":"4,25","f01_003":"37,5","f01_005":"-1","f01_007____4":"1","f01_008":"2026-02-28 07:30","f01_010":"12.50"}]`)
	s.refused(t, http.StatusBadRequest, "outside the suggested range", "content", "record", "data", `[{"record_id":"1","f01_010":"1200.00","f01_004":"999"}]`)
}
