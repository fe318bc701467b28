package redcap_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/drafttest"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
)

func read(t *testing.T, x redcap.Export) *ecrf.Draft {
	t.Helper()
	draft, err := redcap.ReadDictionary(x)
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

func TestEverySampleIsReadWhole(t *testing.T) {
	root := shared.Dir(t, "data", "redcap")
	var files []string
	for _, pattern := range []string{"dictionaries/*.csv", "projects/*/dictionary.csv"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 14 {
		t.Fatalf("only %d samples", len(files))
	}
	var counts strings.Builder
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		x := redcap.Export{Dictionary: f}
		if events, err := os.Open(filepath.Join(filepath.Dir(file), "event.csv")); err == nil {
			x.Events = []io.Reader{events}
		}
		draft := read(t, x)
		forms, items, lists := draft.Count()
		name, _ := filepath.Rel(root, file)
		d, _, report, err := draft.Dictionary("s")
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for _, f := range d.Forms {
			taken += len(f.Items)
		}
		fmt.Fprintf(&counts, "%s: %d forms, %d items, %d code lists; dictionary %d events, %d forms, %d items, %d code lists; %d left out\n",
			filepath.ToSlash(name), forms, items, lists, len(d.Events), len(d.Forms), taken, len(d.CodeLists), report.Count(ecrf.LeftOut))
		drafttest.Written(t, draft)
	}
	golden.Equal(t, "testdata/samples.golden", counts.String())
}

func TestEachFieldAndValidationTypeBecomesAnItem(t *testing.T) {
	text, err := os.ReadFile("testdata/types.csv")
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/types.golden", drafttest.Written(t, read(t, redcap.Export{Dictionary: strings.NewReader(string(text))})))
}

func TestEventsAndRepeatingInstrumentsAreTakenOver(t *testing.T) {
	x := redcap.Export{
		Dictionary: strings.NewReader("field_name,form_name,field_type\nid,base,text\nage,base,text\npsa,lab,text\nae,events,text\n"),
		Events: []io.Reader{
			strings.NewReader("event_name,arm_num,unique_event_name\nBaseline,1,baseline_arm_1\nVisit,1,visit_arm_1\nUnplanned,1,unplanned_arm_1\n"),
			strings.NewReader("arm_num,unique_event_name,form\n1,baseline_arm_1,base\n1,baseline_arm_1,lab\n1,visit_arm_1,lab\n1,visit_arm_1,gone\n1,unplanned_arm_1,events\n"),
		},
		Repeating: strings.NewReader("event_name,form_name,custom_form_label\nvisit_arm_1,lab,\nunplanned_arm_1,,\nnever_arm_1,,\n"),
	}
	golden.Equal(t, "testdata/events.golden", drafttest.Written(t, read(t, x)))
}

func TestColumnsAreFoundByNameTitleOrPlace(t *testing.T) {
	api := "field_name,form_name,field_type,field_label\n"
	for name, text := range map[string]string{
		"names of the API":   api + "id,f,text,Id\nage,f,text,Age\n",
		"byte order mark":    "\uFEFF" + api + "id,f,text,Id\nage,f,text,Age\n",
		"titles":             "\"Variable / Field Name\",\"Form Name\",\"Field Type\",\"Field Label\"\nid,f,text,Id\nage,f,text,Age\n",
		"broken first cell":  "1,Form Name,Field Type,Field Label\nid,f,text,Id\nage,f,text,Age\n",
		"semicolons":         "field_name;form_name;field_type;field_label\nid;f;text;Id\nage;f;text;Age\n",
		"tabs, other order":  "form_name\tfield_name\tfield_type\tfield_label\nf\tid\ttext\tId\nf\tage\ttext\tAge\n",
		"Windows line ends":  "field_name,form_name,field_type,field_label\r\nid,f,text,Id\r\nage,f,text,Age\r\n",
		"comma in the title": "Variable / Field Name;Form Name;Field Type;Field Label;\"Choices, Calculations, OR Slider Labels\"\nid;f;text;Id;\nage;f;text;Age;\n",
	} {
		draft := read(t, redcap.Export{Dictionary: strings.NewReader(text)})
		if len(draft.Forms) != 1 || len(draft.Forms[0].Items) != 2 || draft.Forms[0].Items[1].Name != "age" || draft.Forms[0].Items[1].Label != "Age" {
			t.Errorf("%s: read as %+v", name, draft.Forms)
		}
	}
}

func TestAnOldCodePageIsReadAndRemarked(t *testing.T) {
	draft := read(t, redcap.Export{Dictionary: strings.NewReader("field_name,form_name,field_type,field_label\nid,f,text,Id\nh,f,text,Gr\xf6\xdfe \x80\n")})
	if got := draft.Forms[0].Items[1].Label; got != "Größe €" {
		t.Errorf("read as %q", got)
	}
	if len(draft.Remarks) != 1 {
		t.Errorf("remarks: %v", draft.Remarks)
	}
}

func TestAFileThatIsNoDictionaryIsRefused(t *testing.T) {
	for _, text := range []string{"", "a,b,c\n1,2,3\n", "field_name,form_name,field_type\n", "PK\x03\x04\x00"} {
		if _, err := redcap.ReadDictionary(redcap.Export{Dictionary: strings.NewReader(text)}); err == nil {
			t.Errorf("%q was read as a dictionary", text)
		}
	}
}

// A long label before each of many choices is no way to fill the memory.
func TestASmallFileCannotGrow(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	text := "field_name,form_name,field_type,field_label,select_choices_or_calculations\nid,f,text,Id,\nb,f,checkbox," + long + "," + strings.Repeat("a|", 10_000) + "\n"
	draft := read(t, redcap.Export{Dictionary: strings.NewReader(text)})
	size := 0
	for _, it := range draft.Forms[0].Items {
		size += len(it.Label)
	}
	if size > 30<<20 || len(draft.Forms[0].Items) != 10_001 {
		t.Errorf("%d items with labels of %d bytes", len(draft.Forms[0].Items), size)
	}
	if _, err := redcap.ReadDictionary(redcap.Export{Dictionary: strings.NewReader(strings.Replace(text, "a|", strings.Repeat("a|", 100_000), 1))}); err == nil {
		t.Error("more choices than the bound were read")
	}
}

func TestChoicesAreSplitAsInTheWild(t *testing.T) {
	for text, want := range map[string][]ecrf.Code{
		"1, Ja | 2, Nein":         {{Value: "1", Label: "Ja"}, {Value: "2", Label: "Nein"}},
		"1,Ja|2,Nein":             {{Value: "1", Label: "Ja"}, {Value: "2", Label: "Nein"}},
		"1, Yes, often | 2, No":   {{Value: "1", Label: "Yes, often"}, {Value: "2", Label: "No"}},
		"-9, <b>unknown</b>|":     {{Value: "-9", Label: "<b>unknown</b>"}},
		"1, one\n2, two\n":        {{Value: "1", Label: "one"}, {Value: "2", Label: "two"}},
		"red | green":             {{Value: "red", Label: "red"}, {Value: "green", Label: "green"}},
		"la26406-1, Karyotyping ": {{Value: "la26406-1", Label: "Karyotyping"}},
		"":                        nil,
	} {
		if got := redcap.Choices(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A dictionary of the size of GECCO (Germany's COVID-19 consensus data set): 600 fields in 15 forms.
func TestADictionaryOfManyFieldsIsReadWhole(t *testing.T) {
	var b strings.Builder
	b.WriteString("field_name,form_name,field_type,field_label,select_choices_or_calculations,text_validation_type_or_show_slider_number,text_validation_min\nrecord_id,form_0,text,Id,,,\n")
	for i := range 600 {
		fmt.Fprintf(&b, "field_%d_%d,form_%d,radio,Frage %d,\"1, Ja | 0, Nein | -1, Unbekannt (%d)\",,\n", i, i, i/40, i, i)
		fmt.Fprintf(&b, "value_%d,form_%d,text,Wert %d,,number_1dp_comma_decimal,\"0,5\"\n", i, i/40, i)
	}
	draft := read(t, redcap.Export{Dictionary: strings.NewReader(b.String())})
	text := drafttest.Written(t, draft)
	if n := strings.Count(text, "decimals: 1, min: 0.5"); n != 600 {
		t.Errorf("%d of 600 numbers with a comma kept their bound", n)
	}
}

// Whatever the file holds, it is refused or gives a dictionary that can be read back.
func FuzzReadDictionary(f *testing.F) {
	f.Add("field_name,form_name,field_type,select_choices_or_calculations\nid,f,text,\na,f,checkbox,\"1, x|1, y|, |-1, z\"\n", "unique_event_name,form\ne,f\n", "event_name,form_name\ne,f\n")
	f.Add("1;Form Name;Field Type\nid;f;text\n\"a\n\";f;slider\n", "", "")
	f.Add("field_name,form_name,field_type,text_validation_type_or_show_slider_number,text_validation_min\nid,f,text,,\nd,f,text,date_dmy,31-12-2020\n", "event_name,unique_event_name\nE,e\n", "event_name,form_name\ne,\n")
	f.Fuzz(func(t *testing.T, dictionary, events, repeating string) {
		x := redcap.Export{Dictionary: strings.NewReader(dictionary), Events: []io.Reader{strings.NewReader(events)}, Repeating: strings.NewReader(repeating)}
		draft, err := redcap.ReadDictionary(x)
		if err != nil {
			return
		}
		drafttest.Written(t, draft)
	})
}
