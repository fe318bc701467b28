package parquet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/viewdef"
)

var _ viewdef.Writer = (*Writer)(nil)

const everyType = `{"resource":"Patient","select":[{"column":[
	{"name":"z","path":"id","type":"id"},
	{"name":"active","path":"active","type":"boolean"},
	{"name":"births","path":"multipleBirth.ofType(integer)","type":"integer"},
	{"name":"long","path":"multipleBirth.ofType(integer)","type":"integer64"},
	{"name":"half","path":"0.50","type":"decimal"},
	{"name":"updated","path":"meta.lastUpdated","type":"instant"},
	{"name":"born","path":"birthDate","type":"date"},
	{"name":"photo","path":"photo.first().data","type":"base64Binary"},
	{"name":"name","path":"name.first()","type":"HumanName"},
	{"name":"given","path":"name.given","collection":true,"type":"string"},
	{"name":"a","path":"name.period.start","collection":true,"type":"dateTime"}
]}]}`

const patients = `{"resourceType":"Patient","id":"p1","active":false,"multipleBirthInteger":2,"meta":{"lastUpdated":"2026-01-01T01:00:00.5+01:00"},"birthDate":"1951-02","photo":[{"data":"aGk="}],"name":[{"given":["A","B"]},{"given":[null,"C"],"_given":[{"id":"x"},null]}]}
{"resourceType":"Patient","id":"p2"}`

func written(t *testing.T, view, resources string) (file []byte, failed []error) {
	t.Helper()
	v, err := viewdef.Compile("view.json", view)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := New(&out, v.Columns())
	runner := v.Runner(fhirpath.Env{})
	for line := range strings.Lines(resources) {
		res, err := fhir.ReadResource(strings.TrimSpace(line), fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if err := runner.Each(res, w.Write); err != nil {
			failed = append(failed, err)
			w.Drop()
			continue
		}
		if err := w.Keep(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), failed
}

func read(t *testing.T, file []byte) (schema string, rows []string) {
	t.Helper()
	r := pq.NewReader(bytes.NewReader(file))
	defer func() { _ = r.Close() }()
	names := r.Schema().Columns()
	buf := make([]pq.Row, 10)
	n, _ := r.ReadRows(buf)
	for _, row := range buf[:n] {
		var line []string
		for _, v := range row {
			text, _ := json.Marshal(v.String())
			line = append(line, fmt.Sprintf("%s %d%d %s", names[v.Column()][0], v.RepetitionLevel(), v.DefinitionLevel(), text))
		}
		rows = append(rows, strings.Join(line, "\n"))
	}
	return r.Schema().String(), rows
}

func TestColumnsKeepTheirOrderTheirTypesAndWhatIsNull(t *testing.T) {
	file, failed := written(t, everyType, patients)
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	schema, rows := read(t, file)
	wantSchema := `message view {
	optional binary z (STRING);
	optional boolean active;
	optional int32 births (INT(32,true));
	optional int64 long (INT(64,true));
	optional binary half (STRING);
	optional int64 updated (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional binary born (STRING);
	optional binary photo;
	optional binary name (STRING);
	optional group given (LIST) {
		repeated group list {
			optional binary element (STRING);
		}
	}
	optional group a (LIST) {
		repeated group list {
			optional binary element (STRING);
		}
	}
}`
	if schema != wantSchema {
		t.Errorf("schema:\n%s\nwant:\n%s", schema, wantSchema)
	}
	want := []string{`z 01 "p1"
active 01 "false"
births 01 "2"
long 01 "2"
half 01 "0.50"
updated 01 "1767225600500000"
born 01 "1951-02"
photo 01 "hi"
name 01 "{\"given\":[\"A\",\"B\"]}"
given 03 "A"
given 13 "B"
given 12 "\u003cnull\u003e"
given 13 "C"
a 01 "\u003cnull\u003e"`, `z 01 "p2"
active 00 "\u003cnull\u003e"
births 00 "\u003cnull\u003e"
long 00 "\u003cnull\u003e"
half 01 "0.50"
updated 00 "\u003cnull\u003e"
born 00 "\u003cnull\u003e"
photo 00 "\u003cnull\u003e"
name 00 "\u003cnull\u003e"
given 01 "\u003cnull\u003e"
a 01 "\u003cnull\u003e"`}
	if strings.Join(rows, "\n\n") != strings.Join(want, "\n\n") {
		t.Errorf("rows:\n%s\nwant:\n%s", strings.Join(rows, "\n\n"), strings.Join(want, "\n\n"))
	}
}

func TestTheSameRowsGiveTheSameBytes(t *testing.T) {
	a, _ := written(t, everyType, patients)
	b, _ := written(t, everyType, patients)
	if !bytes.Equal(a, b) {
		t.Error("two files of the same rows differ")
	}
}

func TestAValueThatAColumnCannotHoldKeepsItsResourceOut(t *testing.T) {
	for _, bad := range []string{
		`{"resourceType":"Patient","id":"bad","meta":{"lastUpdated":"2026-01-01"}}`,
		`{"resourceType":"Patient","id":"bad","meta":{"lastUpdated":"2026-01-01T01:00:00.1234567Z"}}`,
		`{"resourceType":"Patient","id":"bad","photo":[{"data":"***"}]}`,
		`{"resourceType":"Patient","id":"bad","multipleBirthInteger":3000000000}`,
	} {
		file, failed := written(t, everyType, bad+"\n"+`{"resourceType":"Patient","id":"p2"}`)
		if len(failed) != 1 || strings.Contains(failed[0].Error(), "2026") {
			t.Errorf("%s: failures %v", bad, failed)
		}
		if _, rows := read(t, file); len(rows) != 1 || !strings.HasPrefix(rows[0], `z 01 "p2"`) {
			t.Errorf("%s: rows %q", bad, rows)
		}
	}
}
