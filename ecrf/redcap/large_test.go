package redcap_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/shared"
)

// exported asks a project for a part of its design as CSV, as a person would save it.
func (s *site) exported(t *testing.T, content string) io.Reader {
	t.Helper()
	response, err := http.PostForm(s.base, url.Values{"token": {token}, "content": {content}, "format": {"csv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	return strings.NewReader(string(text))
}

// begun is the dictionary that crflink init makes of the project's exports.
func (s *site) begun(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	x := redcap.Export{Dictionary: s.exported(t, "metadata")}
	if s.repeats {
		x.Repeating = s.exported(t, "repeatingFormsEvents")
	}
	draft, err := redcap.ReadDictionary(x)
	if err != nil {
		t.Fatal(err)
	}
	d, _, _, err := draft.Dictionary("large")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// value makes a value of an item, another for each n.
func value(d *ecrf.Dictionary, it *ecrf.Item, n int) string {
	switch it.Type {
	case ecrf.Integer:
		return fmt.Sprint(n % 100)
	case ecrf.Decimal:
		return fmt.Sprintf("%d.%0*d", n%90, it.Decimals, n%10)
	case ecrf.Date:
		return fmt.Sprintf("2026-%02d-%02d", n%12+1, n%28+1)
	case ecrf.DateTime:
		return fmt.Sprintf("2026-%02d-%02dT%02d:30:00", n%12+1, n%28+1, n%24)
	case ecrf.Boolean:
		return []string{"true", "false"}[n%2]
	case ecrf.Choice:
		codes := d.CodeList(it.CodeList).Values()
		return codes[n%len(codes)]
	case ecrf.Text, ecrf.PartialDate:
	}
	return fmt.Sprintf("Größe %d, \"so\"", n)
}

// samples are texts that fields with these validations take.
var samples = map[string]string{
	"email": "ward@example.org", "phone": "212-555-0100", "zipcode": "12345", "postalcode_germany": "48149", "postalcode_french": "75001", "postalcode_australia": "2000",
	"postalcode_canada": "K1A 0B1", "ssn": "078-05-1120", "mrn_10d": "1234567890", "mrn_generic": "A-1", "vmrn": "12345", "alpha_only": "abc",
	"time": "12:30", "time_hh_mm_ss": "12:30:15", "time_mm_ss": "30:15",
}

// filled makes casebooks with a value in every item that the project's owner lets somebody fill, and says which items those are.
func filled(t *testing.T, d *ecrf.Dictionary, fields []fakeredcap.Field, subjects int) (books []*ecrf.StoredCasebook, fills map[string]bool) {
	t.Helper()
	validations, computed := map[string]string{}, map[string]bool{}
	for _, f := range fields {
		validations[f.Name] = f.Validation
		computed[f.Name] = slices.Contains([]string{"calc", "descriptive", "file"}, f.Type)
	}
	fills = map[string]bool{}
	for n := range subjects {
		b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: fmt.Sprintf("S%02d", n)}}
		for i := range d.Forms {
			form := &d.Forms[i]
			for repeat := range map[bool]int{true: 2, false: 1}[form.Repeating] {
				for j := range form.Items {
					it := &form.Items[j]
					key := ecrf.CellKey{Event: d.Events[0].Name, Form: form.Name, Item: it.Name}
					if form.Repeating {
						key.Repeat = repeat + 1
					}
					v := value(d, it, n+i+j+repeat)
					if sample := samples[validations[it.Name]]; sample != "" && it.Type == ecrf.Text {
						v = sample
					}
					if computed[it.Name] || d.Check(it.Name, v) != nil { // outside the item's range
						continue
					}
					fills[it.Name] = true
					b.Cells = append(b.Cells, ecrf.StoredCell{CellKey: key, Value: v, State: ecrf.New})
				}
			}
		}
		books = append(books, b)
	}
	return books, fills
}

// endToEnd begins a study from a project as crflink init does, fills it, delivers twice, and returns what was delivered first.
func endToEnd(t *testing.T, design fakeredcap.Design) (r *rig, books []*ecrf.StoredCasebook, first ecrf.DeliveryReport) {
	t.Helper()
	r = newRig(t, redcap.Options{})
	r.site = newSite(t, design, redcap.Options{CreateRecords: true})
	r.d = r.begun(t)
	books, fills := filled(t, r.d, design.Fields, 12)
	r.options.Dictionary, r.options.Fills = r.d, func(_, _, item string) bool { return fills[item] }
	if _, err := r.target(t).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	first = r.deliver(books...)
	if first.Written == 0 || first.Written+first.Unchanged != first.Cells || first.Rejected != 0 {
		t.Errorf("%+v", first)
	}
	second := r.deliver(books...)
	if second.Written != 0 || second.Unchanged != second.Cells || r.Writes() > first.Written {
		t.Errorf("the second time: %+v; %d values were taken", second, r.Writes())
	}
	return r, books, first
}

// written puts the books into ODM documents, which have to be right and to give the study's dictionary back.
func written(t *testing.T, d *ecrf.Dictionary, books []*ecrf.StoredCasebook) {
	t.Helper()
	for _, version := range []odm.Version{odm.V1, odm.V2} {
		var document bytes.Buffer
		if _, err := odm.Write(t.Context(), &document, targettest.Delivery(d, books), odm.Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		problems, err := odm.Check(bytes.NewReader(document.Bytes()))
		if err != nil || len(problems) > 0 {
			t.Errorf("ODM %s has %d problems, such as %v: %v", version, len(problems), problems[:min(3, len(problems))], err)
		}
		draft, err := odm.ReadMetadata(&document, "")
		if err != nil {
			t.Fatal(err)
		}
		again, _, _, err := draft.Dictionary(d.Study)
		if err != nil || again.Hash() != d.Hash() {
			t.Errorf("ODM %s is read as another dictionary: %v", version, err)
		}
	}
}

// A study as large as those of the German COVID-19 research: 540 fields in 15 forms, German dates, decimal commas.
func TestALargeGermanProjectIsBegunFilledAndFoundUnchanged(t *testing.T) {
	r, books, first := endToEnd(t, fakeredcap.Large(15, 36))
	if first.Cells < 12*540 {
		t.Errorf("%d cells", first.Cells)
	}
	commas := 0
	for _, line := range rows(t, r.exported(t, "record")) {
		for _, cell := range line {
			if _, after, ok := strings.Cut(cell, ","); ok && len(after) == 1 {
				commas++
			}
		}
	}
	if commas < 12*40 {
		t.Errorf("%d numbers with a comma", commas)
	}
	written(t, r.d, books)
}

// The dictionaries of real projects, one by one and as the forms of one project that is larger than each: every validation type,
// German dates, decimal commas, sliders, checkboxes.
func TestRealDictionariesAreBegunFilledAndFoundUnchanged(t *testing.T) {
	joined := fakeredcap.Design{Title: "Joined"}
	for _, name := range []string{"rarelink_cdm_v2_0_5", "redcapr_longitudinal", "redcapr_validation-types-1"} {
		file, err := os.Open(filepath.Join(shared.Dir(t, "data", "redcap", "dictionaries"), name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		fields, err := fakeredcap.ReadFields(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { realProject(t, fakeredcap.Design{Title: name, Fields: fields}) })
		if len(joined.Fields) > 0 {
			fields = fields[1:] // one record ID is enough
		}
		for _, f := range fields {
			if !slices.ContainsFunc(joined.Fields, func(x fakeredcap.Field) bool { return x.Name == f.Name }) {
				joined.Fields = append(joined.Fields, f)
			}
		}
	}
	large := fakeredcap.Large(8, 36)
	joined.Fields, joined.Repeating = append(joined.Fields, large.Fields[1:]...), large.Repeating
	if n := len(joined.Fields); n < 500 {
		t.Errorf("%d fields", n)
	}
	t.Run("together", func(t *testing.T) { realProject(t, joined) })
}

func realProject(t *testing.T, design fakeredcap.Design) {
	r, books, first := endToEnd(t, design)
	importable := 0
	for _, f := range design.Fields[1:] {
		if !slices.Contains([]string{"calc", "descriptive", "file"}, f.Type) {
			importable++
		}
	}
	if filled := first.Cells / len(books); filled < importable*9/10 {
		t.Errorf("%d cells of a subject are filled, and %d fields can be", filled, importable)
	}
	written(t, r.d, books)
}

func rows(t *testing.T, r io.Reader) [][]string {
	t.Helper()
	all, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
