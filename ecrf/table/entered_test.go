package table_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/ecrf/targettest"
)

const enteredForms = `study: entered
version: "1"
events:
  - {name: baseline, forms: [enrolment, visit]}
  - {name: month3, forms: [visit, scans]}
forms:
  - name: enrolment
    items: [{name: enrolled, type: date}, {name: called, type: datetime}]
  - name: visit
    items: [{name: visit_date, type: date}]
  - name: scans
    repeating: true
    items: [{name: scanned, type: date}]
`

func openEntered(t testing.TB, text string) (*table.Entered, error) {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(enteredForms))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "entered.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return table.OpenEntered(file, d)
}

func TestWhatPeopleEnteredIsReadFromAnExport(t *testing.T) {
	enrolled := ecrf.CellKey{Event: "baseline", Form: "enrolment", Item: "enrolled"}
	called := ecrf.CellKey{Event: "baseline", Form: "enrolment", Item: "called"}
	seen := ecrf.CellKey{Event: "month3", Form: "visit", Item: "visit_date"}
	const rows = `subject,event,site,form,item,value
S1,,A,enrolment,enrolled,2024-03-01
S1,baseline,A,enrolment,called, 2024-03-02 08:15
S1,month3,A,visit,visit_date,2024-06-01
S1,month3,A,visit,visit_date,2024-06-01
S1,month3,A,scans,scanned,2024-06-01
S1,month3,A,visit,weight,80
S1,month3,A,unheard_of,weight,80
S2,month3,B,visit,visit_date,"early, in June"
S2,,B,enrolment,enrolled,
`
	for name, text := range map[string]string{
		"with commas": rows, "with a byte order mark": "\xef\xbb\xbf" + rows, "with CR LF": strings.ReplaceAll(rows, "\n", "\r\n"),
		"with semicolons": strings.ReplaceAll(strings.ReplaceAll(rows, ",", ";"), "early;", "early,"),
	} {
		t.Run(name, func(t *testing.T) {
			targettest.Read(t, targettest.Readable{
				Open: func(t testing.TB) ecrf.Reader {
					r, err := openEntered(t, text)
					if err != nil {
						t.Fatal(err)
					}
					return r
				},
				Entries: map[string]ecrf.Entries{
					"S1": {enrolled: "2024-03-01", called: "2024-03-02 08:15", seen: "2024-06-01"}, "S2": {seen: "early, in June"},
				},
			})
		})
	}
}

func TestAnExportThatCannotBeReadIsRefusedWithoutItsContent(t *testing.T) {
	const header = "subject,event,form,item,value\n"
	for text, want := range map[string]string{
		"":                                  "no header",
		"subject,form,item\nS1,a,b\n":       "lacks the column value",
		header + "S1,month3,scans,weight,1": "no row is of a form and item of the dictionary",
		header + "S1,,visit,visit_date,2024-06-01\n":                                                  "line 2: form visit is filled in 2 events",
		header + "S1,month9,visit,visit_date,2024-06-01\n":                                            "line 2: form visit is not filled in the event",
		header + ",month3,visit,visit_date,2024-06-01\n":                                              "line 2: the row names no subject",
		header + "S1,month3,visit,visit_date,2024-06-01\nS1,month3,visit,visit_date,2024-06-02\n":     "line 3: an earlier row has another value",
		header + "S1,month3,visit,visit_date\n":                                                       "line 2: wrong number of fields",
		header + "S1,month3,visit,visit_date,\"2024-06-01\nS2,month3,visit,visit_date,2024-06-01\n\n": "line ",
	} {
		_, err := openEntered(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %q", text, err, want)
			continue
		}
		for _, secret := range []string{"S1", "S2", "2024-06", "month9"} {
			if strings.Contains(strings.ReplaceAll(err.Error(), "dictionary", ""), secret) {
				t.Errorf("the error tells %q: %v", secret, err)
			}
		}
	}
	if _, err := table.OpenEntered(filepath.Join(t.TempDir(), "gone.csv"), nil); err == nil {
		t.Error("a file that is not there can be opened")
	}
}
