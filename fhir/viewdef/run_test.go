package viewdef

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

const person = `{"resourceType":"Patient","id":"p","active":true,"birthDate":"1951-02","multipleBirthInteger":2,
	"name":[{"use":"official","family":"F","given":["A","B"]},{"family":"G"}],
	"telecom":[{"system":"phone","value":"1"},{"system":"email","value":"2"}],
	"contact":[{"name":{"family":"C"}}],
	"maritalStatus":{"coding":[{"code":"M"}],"text":"say \"m\", "}}`

// table runs the selects of a view of patients on one resource.
func table(t *testing.T, selects, resource string) (csv string, err error) {
	t.Helper()
	return tabled(t, `{"resource":"Patient","select":[`+selects+`]}`, resource)
}

func tabled(t *testing.T, source, resource string) (string, error) {
	t.Helper()
	view, err := Compile("v", source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	res, err := fhir.ReadResource(resource, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := NewCSV(&out, view.Columns())
	err = view.Runner(fhirpath.Env{AsOf: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Zone: time.UTC}).Each(res, w.Write)
	if err != nil {
		w.Drop()
	} else if err := w.Keep(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), err
}

func TestRowsAreCombinedAsTheSpecificationSays(t *testing.T) {
	for _, c := range []struct{ name, selects, want string }{
		{"columns behind a loop have their value in each row",
			`{"forEach":"name","column":[{"name":"f","path":"family"}]},{"column":[{"name":"id","path":"id"}]}`, "f,id\nF,p\nG,p\n"},
		{"siblings are combined, the first one outermost",
			`{"forEach":"name","column":[{"name":"f","path":"family"}]},{"forEach":"telecom","column":[{"name":"t","path":"value"}]}`, "f,t\nF,1\nF,2\nG,1\nG,2\n"},
		{"a loop behind a unionAll runs for each of its rows",
			`{"unionAll":[{"forEach":"name","column":[{"name":"f","path":"family"}]},{"column":[{"name":"f","path":"'x'"}]}]},{"forEach":"telecom","column":[{"name":"t","path":"value"},{"name":"n","path":"%rowIndex"}]}`,
			"f,t,n\nF,1,0\nF,2,1\nG,1,0\nG,2,1\nx,1,0\nx,2,1\n"},
		{"the row for nothing has nulls, and %rowIndex is 0 there",
			`{"column":[{"name":"id","path":"id"}]},{"forEachOrNull":"photo","column":[{"name":"a","path":"'a'"},{"name":"l","path":"title","collection":true},{"name":"n","path":"%rowIndex + 1"}],"select":[{"forEach":"$this","column":[{"name":"m","path":"%rowIndex"}]}]},{"forEach":"telecom","column":[{"name":"t","path":"value"}]}`,
			"id,a,l,n,m,t\np,,,1,0,1\np,,,1,0,2\n"},
		{"a unionAll below nothing is one row",
			`{"forEachOrNull":"photo","unionAll":[{"column":[{"name":"a","path":"title"},{"name":"n","path":"%rowIndex"}]},{"column":[{"name":"a","path":"url"},{"name":"n","path":"%rowIndex"}]}]}`, "a,n\n,0\n"},
		{"forEach walks computed values, and %resource stays",
			`{"forEach":"name.given.select($this & '!')","column":[{"name":"g","path":"$this"},{"name":"b","path":"%resource.birthDate"},{"name":"n","path":"%rowIndex"}]}`, "g,b,n\nA!,1951-02,0\nB!,1951-02,1\n"},
		{"%rowIndex of a path is that of the loop around it",
			`{"forEach":"name","select":[{"forEach":"%resource.telecom[%rowIndex]","column":[{"name":"t","path":"value"}]}]}`, "t\n1\n2\n"},
		{"a choice of types is a focus too",
			`{"forEach":"multipleBirth | deceased","column":[{"name":"v","path":"$this.toString()"}]}`, "v\n2\n"},
		{"texts are quoted, lists are JSON",
			`{"column":[{"name":"a","path":"maritalStatus.text"},{"name":"b","path":"name.given","collection":true},{"name":"c","path":"maritalStatus"},{"name":"d","path":"photo.title","collection":true},{"name":"e","path":"''"},{"name":"f","path":"{}"}]}`,
			"a,b,c,d,e,f\n\"say \"\"m\"\", \",\"[\"\"A\"\",\"\"B\"\"]\",\"{\"\"coding\"\":[{\"\"code\"\":\"\"M\"\"}],\"\"text\"\":\"\"say \\\"\"m\\\"\", \"\"}\",[],\"\",\n"},
		{"a line is never empty", `{"forEachOrNull":"photo","column":[{"name":"a","path":"title"}]}`, "a\n\"\"\n"},
		{"values are texts in a column of texts", `{"column":[{"name":"a","path":"multipleBirth.ofType(integer)","type":"string"},{"name":"b","path":"1.50","type":"string"},{"name":"c","path":"1.50 + 1","type":"decimal"},{"name":"d","path":"today()","type":"date"}]}`, "a,b,c,d\n2,1.50,2.50,2026-09-01\n"},
	} {
		if got, err := table(t, c.selects, person); err != nil || got != c.want {
			t.Errorf("%s: got\n%s%v\nwant\n%s", c.name, got, err, c.want)
		}
	}
}

func TestAResourceThatFailsHasNoRows(t *testing.T) {
	for _, c := range []struct{ view, want string }{
		{`"select":[{"forEach":"name","column":[{"name":"g","path":"given.skip(%rowIndex) | 'x'"}]}]`, "column g: several values, and the column is no collection"},
		{`"select":[{"column":[{"name":"g","path":"name.given.single()"}]}]`, "column g: evaluate FHIRPath at 1:12: "},
		{`"where":[{"path":"name.given.select($this = 'A')"}],"select":[{"column":[{"name":"g","path":"id"}]}]`, "where 1 gives several items where one Boolean is needed"},
		{`"where":[{"path":"resolve()"}],"select":[{"column":[{"name":"g","path":"id"}]}]`, ""},
		{`"select":[{"repeat":["$this"],"column":[{"name":"g","path":"id"}]}]`, "repeat: the items are nested too deeply"},
		{`"select":[{"repeat":["%resource | name"],"column":[{"name":"g","path":"id"}]}]`, "repeat: the items are nested too deeply"},
		{`"select":[{"column":[{"name":"g","path":"%context.repeat($this).name"}]}]`, "several values"},
		{`"select":[{"column":[{"name":"g","path":"multipleBirth","type":"boolean"}]}]`, "column g: a value is decimal, and the column Boolean"},
	} {
		source := `{"resource":"Patient",` + c.view + `}`
		if c.want == "" {
			if _, err := Compile("v", source); err == nil {
				t.Errorf("%s is accepted", source)
			}
			continue
		}
		got, err := tabled(t, source, person)
		if err == nil || !strings.Contains(err.Error(), c.want) || got != "g\n" {
			t.Errorf("%s: %q, %v; want %s", source, got, err, c.want)
		}
	}
}

func TestTooManyRowsAreRefused(t *testing.T) {
	name := strings.Repeat(`{"family":"F"},`, 150) + `{}`
	loop := `{"forEach":"name","column":[{"name":"%s","path":"family"}]}`
	selects := fmt.Sprintf(loop, "a") + "," + fmt.Sprintf(loop, "b") + "," + fmt.Sprintf(loop, "c")
	if _, err := table(t, selects, `{"resourceType":"Patient","name":[`+name+`]}`); err == nil || !strings.Contains(err.Error(), "more than 1048576 rows") {
		t.Errorf("3442951 rows: %v", err)
	}
}

func TestAPrimitiveWithExtensionsOnlyIsNull(t *testing.T) {
	got, err := table(t, `{"column":[{"name":"b","path":"birthDate"},{"name":"g","path":"name.given","collection":true}]}`,
		`{"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},"name":[{"given":[null,"B"],"_given":[{"id":"x"},null]}]}`)
	if want := "b,g\n,\"[null,\"\"B\"\"]\"\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestAViewRunsConcurrently(t *testing.T) {
	view, err := Compile("v", `{"resource":"Patient","constant":[{"name":"u","valueCode":"official"}],"select":[{"forEach":"name.where(use = %u).given","column":[{"name":"n","path":"%rowIndex"},{"name":"g","path":"$this"}]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			var out bytes.Buffer
			w := NewNDJSON(&out, view.Columns())
			runner := view.Runner(fhirpath.Env{})
			for range 100 {
				res, err := fhir.ReadResource(person, fhir.Origin{})
				if err == nil {
					err = runner.Each(res, w.Write)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
			_ = w.Keep()
			_ = w.Close()
			if want := strings.Repeat("{\"n\":0,\"g\":\"A\"}\n{\"n\":1,\"g\":\"B\"}\n", 100); out.String() != want {
				t.Error("rows differ")
			}
		})
	}
	group.Wait()
}

// Whatever the view and the resource, running does not panic, and the rows of two runs are the same.
func FuzzRunningIsPureAndNeverPanics(f *testing.F) {
	f.Add(`{"forEach":"name","column":[{"name":"a","path":"family"}]},{"repeat":["contact","name"],"column":[{"name":"b","path":"%rowIndex"}]}`, person)
	f.Add(`{"forEachOrNull":"photo","unionAll":[{"column":[{"name":"a","path":"title"}]},{"forEach":"$this","column":[{"name":"a","path":"%resource.id"}]}]}`, person)
	f.Add(`{"column":[{"name":"a","path":"name.given.join()"},{"name":"b","path":"birthDate.lowBoundary()","type":"date"},{"name":"c","path":"telecom","collection":true}]}`, person)
	f.Fuzz(func(t *testing.T, selects, resource string) {
		view, err := Compile("v", `{"resource":"Patient","select":[`+selects+`]}`)
		if err != nil {
			return
		}
		res, err := fhir.ReadResource(resource, fhir.Origin{})
		if err != nil {
			return
		}
		var first string
		runner := view.Runner(fhirpath.Env{AsOf: time.Unix(0, 0), Zone: time.UTC})
		for run := range 2 {
			var out bytes.Buffer
			w := NewNDJSON(&out, view.Columns())
			if runner.Each(res, w.Write) == nil {
				_ = w.Keep()
			}
			_ = w.Close()
			if run == 0 {
				first = out.String()
			} else if out.String() != first {
				t.Errorf("%q, then %q", first, out.String())
			}
		}
	})
}
