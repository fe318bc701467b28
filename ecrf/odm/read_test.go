package odm_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/drafttest"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
)

func names(f ecrf.DraftForm) []string {
	var all []string
	for _, it := range f.Items {
		all = append(all, it.Name)
	}
	for _, g := range f.Groups {
		all = append(all, names(g)...)
	}
	return all
}

// Each ItemDef of each sample is an item of the draft; that they are there is counted in the text, without our reader.
func TestNoSampleLosesAnItemDefinition(t *testing.T) {
	root := shared.Dir(t, "data", "odm")
	files, err := filepath.Glob(filepath.Join(root, "samples-*", "*.xml"))
	if err != nil || len(files) < 22 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	var counts strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(root, file)
		fmt.Fprintf(&counts, "%s: ", filepath.ToSlash(name))
		draft, err := odm.ReadMetadata(strings.NewReader(string(text)), "")
		if errors.Is(err, odm.ErrNoMetadata) {
			fmt.Fprintln(&counts, "no item definitions")
			if strings.Contains(string(text), "<ItemDef ") {
				t.Errorf("%s: its item definitions were not seen", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		seen := map[string]bool{}
		for _, f := range draft.Forms {
			for _, n := range names(f) {
				seen[n] = true
			}
		}
		twice := 0
		for _, r := range draft.Remarks {
			if strings.HasPrefix(r.What, "ItemDef is defined twice") {
				twice++
			}
		}
		commented := strings.Count(strings.Join(comments(string(text)), ""), "<ItemDef ")
		if defined := strings.Count(string(text), "<ItemDef ") - commented; defined != len(seen)+twice {
			t.Errorf("%s: %d item definitions, %d read, %d defined twice", name, defined, len(seen), twice)
		}
		forms, items, lists := draft.Count()
		d, _, report, err := draft.Dictionary("s")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		taken := 0
		for _, f := range d.Forms {
			taken += len(f.Items)
		}
		fmt.Fprintf(&counts, "%d forms, %d items, %d code lists; dictionary %d events, %d forms, %d items, %d code lists; %d left out\n",
			forms, items, lists, len(d.Events), len(d.Forms), taken, len(d.CodeLists), report.Count(ecrf.LeftOut))
		drafttest.Written(t, draft)
	}
	golden.Equal(t, "testdata/samples.golden", counts.String())
}

func comments(text string) []string {
	var all []string
	for {
		_, rest, ok := strings.Cut(text, "<!--")
		if !ok {
			return all
		}
		inside, after, _ := strings.Cut(rest, "-->")
		all, text = append(all, inside), after
	}
}

func TestADocumentIsReadWithItsUnitsRangesAndRepeats(t *testing.T) {
	for _, name := range []string{"lenient", "version2"} {
		text, err := os.ReadFile("testdata/" + name + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		draft, err := odm.ReadMetadata(strings.NewReader(string(text)), "")
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, "testdata/"+name+".golden", drafttest.Written(t, draft))
	}
}

func TestTheMetadataOfOurOwnSnapshotAreTheDictionaryAgain(t *testing.T) {
	want := registry(t)
	for _, version := range []odm.Version{odm.V1, odm.V2} {
		draft, err := odm.ReadMetadata(strings.NewReader(snapshot(t, want, nil, odm.Options{Version: version})), "")
		if err != nil {
			t.Fatal(err)
		}
		got, _, _, err := draft.Dictionary(want.Study)
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash() != want.Hash() {
			t.Errorf("version %s is read as:\n%s", version, drafttest.Written(t, draft))
		}
	}
}

func TestTheLanguageOfTheTextsCanBeChosen(t *testing.T) {
	text, err := os.ReadFile("testdata/lenient.xml")
	if err != nil {
		t.Fatal(err)
	}
	draft, err := odm.ReadMetadata(strings.NewReader(string(text)), "de")
	if err != nil {
		t.Fatal(err)
	}
	if got := draft.Forms[0].Label; got != "Basisdaten" {
		t.Errorf("the form is called %q", got)
	}
}

// Many forms that all refer to the same many items are no way to fill the memory, and entities are not expanded.
func TestASmallDocumentCannotGrow(t *testing.T) {
	var b strings.Builder
	b.WriteString("<ODM><MetaDataVersion><ItemGroupDef OID='G'>")
	for i := range 2000 {
		fmt.Fprintf(&b, "<ItemRef ItemOID='I%d'/>", i)
	}
	b.WriteString("</ItemGroupDef>")
	for i := range 2000 {
		fmt.Fprintf(&b, "<ItemDef OID='I%d'/><FormDef OID='F%d'><ItemGroupRef ItemGroupOID='G'/></FormDef>", i, i)
	}
	b.WriteString("</MetaDataVersion></ODM>")
	if _, err := odm.ReadMetadata(strings.NewReader(b.String()), ""); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("four million items: %v", err)
	}
	deep := strings.Repeat("<a>", 10_000)
	if _, err := odm.ReadMetadata(strings.NewReader(deep), ""); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("a deep document: %v", err)
	}
	entity := `<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><ODM><MetaDataVersion><ItemDef OID="x" Name="&b;"/></MetaDataVersion></ODM>`
	draft, err := odm.ReadMetadata(strings.NewReader(entity), "")
	if err != nil {
		t.Fatal(err)
	}
	if label := draft.Forms[0].Items[0].Label; strings.Contains(label, "aaaaaaaaaa") {
		t.Errorf("the entity became %q", label)
	}
}

func TestACutOffDocumentIsRefused(t *testing.T) {
	for _, text := range []string{"<ODM><MetaDataVersion><ItemDef OID='x'/>", "<ODM></MetaDataVersion></ODM>", "<ODM><ClinicalData>", "no XML at all", ""} {
		if _, err := odm.ReadMetadata(strings.NewReader(text), ""); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestALargeDocumentIsReadWhole(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<ODM><Study><MetaDataVersion OID="1"><StudyEventDef OID="SE.1" Name="Visit">`)
	for i := range 15 {
		fmt.Fprintf(&b, `<FormRef FormOID="F.%d"/>`, i)
	}
	b.WriteString("</StudyEventDef>")
	for i := range 15 {
		fmt.Fprintf(&b, `<FormDef OID="F.%d" Name="Form %d" Repeating="No"><ItemGroupRef ItemGroupOID="IG.%d"/></FormDef><ItemGroupDef OID="IG.%d" Repeating="No">`, i, i, i, i)
		for j := range 60 {
			fmt.Fprintf(&b, `<ItemRef ItemOID="I.x%d_%d" Mandatory="Yes"/>`, i, j)
		}
		b.WriteString("</ItemGroupDef>")
		for j := range 60 {
			fmt.Fprintf(&b, `<ItemDef OID="I.x%d_%d" Name="x" DataType="text"><CodeListRef CodeListOID="CL.x%d_%d"/></ItemDef><CodeList OID="CL.x%d_%d"><CodeListItem CodedValue="1"/><CodeListItem CodedValue="%d"/></CodeList>`, i, j, i, j, i, j, j+2)
		}
	}
	b.WriteString("</MetaDataVersion></Study></ODM>")
	draft, err := odm.ReadMetadata(strings.NewReader(b.String()), "")
	if err != nil {
		t.Fatal(err)
	}
	if text := drafttest.Written(t, draft); strings.Count(text, "type: choice") != 900 {
		t.Errorf("%d of 900 choices", strings.Count(text, "type: choice"))
	}
}

// Whatever the document holds, it is refused or gives a dictionary that can be read back.
func FuzzReadMetadata(f *testing.F) {
	for _, name := range []string{"lenient", "version2"} {
		text, err := os.ReadFile("testdata/" + name + ".xml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`<MetaDataVersion><ItemGroupDef OID="a"><ItemGroupRef ItemGroupOID="a"/><ItemRef ItemOID="i"/></ItemGroupDef><ItemDef OID="i" DataType="float"/></MetaDataVersion>`)
	f.Fuzz(func(t *testing.T, text string) {
		draft, err := odm.ReadMetadata(strings.NewReader(text), "")
		if err != nil {
			return
		}
		drafttest.Written(t, draft)
	})
}
