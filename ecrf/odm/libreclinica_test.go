package odm_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/targettest"
)

// exported is what LibreClinica exports of a study with the suite's forms: two versions of a form, a group that repeats, and
// subjects, one of whom has a locked event.
const exported = `<?xml version="1.0" encoding="UTF-8"?>
<ODM FileOID="x" CreationDateTime="2026-01-01T00:00:00+01:00" FileType="Snapshot" ODMVersion="1.3" xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:OpenClinica="http://www.openclinica.org/ns/odm_ext_v130/v3.1">
 <Study OID="S_LEDGER">
  <MetaDataVersion OID="v1.0.0" Name="MetaDataVersion_v1.0.0">
   <StudyEventDef OID="SE_BASELINE" Name="Baseline" Repeating="No" Type="Scheduled"><FormRef FormOID="F_BASE_V10" Mandatory="Yes"/><FormRef FormOID="F_BASE_V20" Mandatory="Yes"/></StudyEventDef>
   <StudyEventDef OID="SE_LATER" Name="later" Repeating="Yes" Type="Common"><FormRef FormOID="F_LAB_V10" Mandatory="Yes"/></StudyEventDef>
   <FormDef OID="F_BASE_V10" Name="BASE - v1.0" Repeating="No"><ItemGroupRef ItemGroupOID="IG_OLD" Mandatory="Yes"/>
    <OpenClinica:FormDetails FormOID="F_BASE_V10" ParentFormOID="F_BASE"><OpenClinica:PresentInEventDefinition StudyEventOID="SE_BASELINE" IsDefaultVersion="No"/></OpenClinica:FormDetails></FormDef>
   <FormDef OID="F_BASE_V20" Name="BASE - v2.0" Repeating="No"><ItemGroupRef ItemGroupOID="IG_BASE_UNGROUPED" Mandatory="Yes"/>
    <OpenClinica:FormDetails FormOID="F_BASE_V20" ParentFormOID="F_BASE"><OpenClinica:PresentInEventDefinition StudyEventOID="SE_BASELINE" IsDefaultVersion="Yes"/></OpenClinica:FormDetails></FormDef>
   <FormDef OID="F_LAB_V10" Name="lab - v1.0" Repeating="No"><ItemGroupRef ItemGroupOID="IG_LAB_ROWS" Mandatory="No"/></FormDef>
   <ItemGroupDef OID="IG_OLD" Name="Ungrouped" Repeating="No"><ItemRef ItemOID="I_OLD_SEX" Mandatory="No"/></ItemGroupDef>
   <ItemGroupDef OID="IG_BASE_UNGROUPED" Name="Ungrouped" Repeating="No"><ItemRef ItemOID="I_BASE_SEX" Mandatory="No"/><ItemRef ItemOID="I_BASE_REMARK" Mandatory="No"/></ItemGroupDef>
   <ItemGroupDef OID="IG_LAB_ROWS" Name="ROWS" Repeating="Yes"><ItemRef ItemOID="I_LAB_DATE" Mandatory="No"/><ItemRef ItemOID="I_LAB_PSA" Mandatory="No"/></ItemGroupDef>
   <ItemDef OID="I_OLD_SEX" Name="SEX" DataType="integer"/>
   <ItemDef OID="I_BASE_SEX" Name="SEX" DataType="integer"><CodeListRef CodeListOID="CL_1"/></ItemDef>
   <ItemDef OID="I_BASE_REMARK" Name="REMARK" DataType="text" Length="10"/>
   <ItemDef OID="I_LAB_DATE" Name="LAB_DATE" DataType="date"/>
   <ItemDef OID="I_LAB_PSA" Name="PSA" DataType="float" Length="10" SignificantDigits="3"/>
   <CodeList OID="CL_1" Name="sex" DataType="integer"><CodeListItem CodedValue="1"/><CodeListItem CodedValue="2"/></CodeList>
  </MetaDataVersion>
 </Study>
 <ClinicalData StudyOID="S_LEDGER" MetaDataVersionOID="v1.0.0">
  <SubjectData SubjectKey="SS_0001" OpenClinica:StudySubjectID="S000001" OpenClinica:Status="available"><StudyEventData StudyEventOID="SE_BASELINE" OpenClinica:Status="data entry started"/></SubjectData>
  <SubjectData SubjectKey="SS_0002" OpenClinica:StudySubjectID="S000002"><StudyEventData StudyEventOID="SE_BASELINE" OpenClinica:Status="locked"/></SubjectData>
 </ClinicalData>
</ODM>
`

// extensions are what the system reads beyond ODM.
var extensions = regexp.MustCompile(` OpenClinica:[A-Za-z]+="[^"]*"|<UpsertOn [^>]*>`)

func libre(t testing.TB, dir, text string) ecrf.Target {
	t.Helper()
	export := filepath.Join(t.TempDir(), "export.xml")
	if err := os.WriteFile(export, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := odm.NewLibreClinica("edc", filepath.Join(dir, "import.xml"), export, nil)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// imported delivers the suite's subjects and a third one, and returns the file and what was reported.
func imported(t *testing.T, text string) (string, ecrf.DeliveryReport) {
	t.Helper()
	dir := t.TempDir()
	third := *ledgertest.Stored()[0]
	third.Facts.Subject = "S000003"
	report, err := libre(t, dir, text).Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), append(ledgertest.Stored(), &third)))
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, "import.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(written), report
}

func TestAFileForLibreClinicaHasItsOIDsAndLeavesPeopleTheirForms(t *testing.T) {
	got, report := imported(t, exported)
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:OpenClinica="http://www.openclinica.org/ns/odm_ext_v130/v3.1" ODMVersion="1.3" FileType="Snapshot" FileOID="crflink.ledger-test.2026-01-15T02:00:00Z" CreationDateTime="2026-01-15T02:00:00Z">
 <ClinicalData StudyOID="S_LEDGER" MetaDataVersionOID="v1.0.0">
  <UpsertOn NotStarted="true" DataEntryStarted="true" DataEntryComplete="false"/>
  <SubjectData SubjectKey="SS_0001" OpenClinica:StudySubjectID="S000001">
   <StudyEventData StudyEventOID="SE_BASELINE">
    <FormData FormOID="F_BASE_V20" OpenClinica:Status="initial data entry">
     <ItemGroupData ItemGroupOID="IG_BASE_UNGROUPED" ItemGroupRepeatKey="1" TransactionType="Insert">
      <ItemData ItemOID="I_BASE_SEX" Value="1"/>
     </ItemGroupData>
    </FormData>
   </StudyEventData>
   <StudyEventData StudyEventOID="SE_LATER" StudyEventRepeatKey="1">
    <FormData FormOID="F_LAB_V10" OpenClinica:Status="initial data entry">
     <ItemGroupData ItemGroupOID="IG_LAB_ROWS" ItemGroupRepeatKey="1" TransactionType="Insert">
      <ItemData ItemOID="I_LAB_DATE" Value="2024-01-01"/>
      <ItemData ItemOID="I_LAB_PSA" Value="1.000"/>
     </ItemGroupData>
     <ItemGroupData ItemGroupOID="IG_LAB_ROWS" ItemGroupRepeatKey="2" TransactionType="Insert">
      <ItemData ItemOID="I_LAB_DATE" Value="2024-02-01"/>
      <ItemData ItemOID="I_LAB_PSA" Value="2.000"/>
     </ItemGroupData>
    </FormData>
   </StudyEventData>
  </SubjectData>
 </ClinicalData>
</ODM>
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	problems := []string{
		"LibreClinica has in event SE_BASELINE no form that is called as lab; it is left out",
		"LibreClinica has in event SE_LATER no form that is called as note; it is left out",
		"LibreClinica has in form F_BASE_V20 no item that is called as weight; it is left out",
		"1 cells belong to events that are locked, signed, stopped or skipped in LibreClinica, and were left out",
		"1 subjects are not in the export of LibreClinica, and were left out; create them there, schedule their events, and export again",
		"item remark: 1 values are not of the type, length or codes that LibreClinica has for it, and were left out",
	}
	slices.Sort(problems)
	said := slices.Sorted(slices.Values(report.Problems))
	if diff := cmp.Diff(problems, said); diff != "" || report.Cells != 5 {
		t.Errorf("%d cells, %s", report.Cells, diff)
	}
	if err := xmllint(t, extensions.ReplaceAllString(got, "")); err != nil {
		t.Errorf("without the extensions: %v", err)
	}
}

func TestWhatLibreClinicaWouldRefuseIsLeftOutAndReported(t *testing.T) {
	for name, c := range map[string]struct{ old, changed, says string }{
		"no usual version":           {`IsDefaultVersion="Yes"`, `IsDefaultVersion="No"`, "several versions of form base, and none is marked"},
		"an unknown event":           {`Name="Baseline"`, `Name="Screening"`, "no event that is called as baseline"},
		"a group that repeats not":   {`Name="ROWS" Repeating="Yes"`, `Name="ROWS" Repeating="No"`, "item psa belongs to a repeating form, and to a group of LibreClinica that does not repeat"},
		"codes of another list":      {`<CodeListItem CodedValue="1"/>`, ``, "item sex: 1 values are not of the type, length or codes"},
		"a date where a number goes": {`Name="LAB_DATE" DataType="date"`, `Name="LAB_DATE" DataType="integer"`, "item lab_date: 2 values are not of the type"},
	} {
		if !strings.Contains(exported, c.old) {
			t.Fatalf("%s: nothing to change", name)
		}
		_, report := imported(t, strings.Replace(exported, c.old, c.changed, 1))
		if !strings.Contains(strings.Join(report.Problems, "\n"), c.says) {
			t.Errorf("%s: %q", name, report.Problems)
		}
	}
}

func TestTruthIsWrittenAsTheListOfTheItemHasIt(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte("study: s\nversion: \"1\"\nevents: [{name: e, forms: [f]}]\nforms: [{name: f, items: [{name: a, type: boolean}]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	book := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S1"}, Cells: []ecrf.StoredCell{{CellKey: ecrf.CellKey{Event: "e", Form: "f", Item: "a"}, Value: "true"}}}
	for def, want := range map[string]string{
		`DataType="integer"><CodeListRef CodeListOID="C"/></ItemDef><CodeList OID="C"><CodeListItem CodedValue="0"/><CodeListItem CodedValue="1"/></CodeList>`:     `Value="1"`,
		`DataType="text"><CodeListRef CodeListOID="C"/></ItemDef><CodeList OID="C"><CodeListItem CodedValue="true"/><CodeListItem CodedValue="false"/></CodeList>`: `Value="true"`,
		`DataType="integer"/>`: `Value="1"`,
		`DataType="text"/>`:    `Value="true"`,
	} {
		dir := t.TempDir()
		text := `<ODM><Study OID="S"><MetaDataVersion OID="v"><StudyEventDef OID="SE" Name="e" Repeating="No"><FormRef FormOID="F"/></StudyEventDef><FormDef OID="F" Name="f"><ItemGroupRef ItemGroupOID="G"/></FormDef><ItemGroupDef OID="G" Repeating="No"><ItemRef ItemOID="I"/></ItemGroupDef><ItemDef OID="I" Name="A" ` +
			def + `</MetaDataVersion></Study><ClinicalData><SubjectData SubjectKey="SS_1" OpenClinica:StudySubjectID="S1"/></ClinicalData></ODM>`
		if _, err := libre(t, dir, text).Deliver(t.Context(), targettest.Delivery(d, []*ecrf.StoredCasebook{book})); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "import.xml")); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, %v", def, got, err)
		}
	}
}

func TestAnExportThatSaysNothingOfTheStudyIsRefused(t *testing.T) {
	for _, text := range []string{"", "<ODM></ODM>", "<ODM><Study OID='S'><MetaDataVersion OID='v'/></Study></ODM>", "no XML"} {
		dir := t.TempDir()
		if _, err := libre(t, dir, text).Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// The export has every subject of the exam.
func TestFilesForLibreClinicaPassTheTargetExam(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte("study: s\nversion: \"1\"\nevents: [{name: e, forms: [f]}]\nforms: [{name: f, items: [{name: a, type: text}]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString(`<ODM><Study OID="S"><MetaDataVersion OID="v"><StudyEventDef OID="SE" Name="e" Repeating="No"><FormRef FormOID="F"/></StudyEventDef><FormDef OID="F" Name="f"><ItemGroupRef ItemGroupOID="G"/></FormDef><ItemGroupDef OID="G" Repeating="No"><ItemRef ItemOID="I"/></ItemGroupDef><ItemDef OID="I" Name="A" DataType="text"/></MetaDataVersion></Study><ClinicalData>`)
	var books []*ecrf.StoredCasebook
	for n := range 10001 {
		text.WriteString(`<SubjectData SubjectKey="SS_` + ledgertest.Number(n) + `" OpenClinica:StudySubjectID="` + ledgertest.Number(n) + `"/>`)
		if n == 1 || n == 2 {
			books = append(books, &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: ledgertest.Number(n)}, Cells: []ecrf.StoredCell{{CellKey: ecrf.CellKey{Event: "e", Form: "f", Item: "a"}, Value: "x"}}})
		}
	}
	text.WriteString(`</ClinicalData></ODM>`)
	open := func(t testing.TB, dir string) ecrf.Target { return libre(t, dir, text.String()) }
	targettest.Run(t, targettest.Candidate{Kind: "libreclinica", Open: open, Dictionary: d, Books: books, CannotErase: true})
}

// filled is an export in which people have entered something: a sex other than ours, and our own PSA of the first row.
var filled = strings.Replace(exported, `<StudyEventData StudyEventOID="SE_BASELINE" OpenClinica:Status="data entry started"/>`,
	`<StudyEventData StudyEventOID="SE_BASELINE" OpenClinica:Status="data entry started"><FormData FormOID="F_BASE_V10"><ItemGroupData ItemGroupOID="IG_BASE_UNGROUPED" ItemGroupRepeatKey="1"><ItemData ItemOID="I_BASE_SEX" Value="2"/></ItemGroupData></FormData></StudyEventData>
   <StudyEventData StudyEventOID="SE_LATER" StudyEventRepeatKey="1"><FormData FormOID="F_LAB_V10"><ItemGroupData ItemGroupOID="IG_LAB_ROWS" ItemGroupRepeatKey="1"><ItemData ItemOID="I_LAB_PSA" Value="1.000"/></ItemGroupData></FormData></StudyEventData>
   <StudyEventData StudyEventOID="SE_LATER" StudyEventRepeatKey="2"><FormData FormOID="F_LAB_V10"><ItemGroupData ItemGroupOID="IG_LAB_ROWS" ItemGroupRepeatKey="2"><ItemData ItemOID="I_LAB_PSA" Value="9.999"/></ItemGroupData></FormData></StudyEventData>`, 1)

func TestWhatPeopleEnteredInLibreClinicaIsNotInTheFile(t *testing.T) {
	got, report := imported(t, filled)
	if strings.Contains(got, "I_BASE_SEX") || strings.Count(got, "I_LAB_PSA") != 2 {
		t.Error(got)
	}
	if want := "1 cells hold something else in LibreClinica, entered by a person or transferred before, and were left out; a person has to decide"; !slices.Contains(report.Problems, want) {
		t.Errorf("%q", report.Problems)
	}
}

func TestNothingForAFrozenFormIsInTheFileForLibreClinica(t *testing.T) {
	dir := t.TempDir()
	export := filepath.Join(dir, "export.xml")
	if err := os.WriteFile(export, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	given := targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())
	for days, want := range map[int]int{0: 1, 1: 4} { // the value that stands there already goes out again; it changes nothing
		target, err := odm.NewLibreClinica("edc", filepath.Join(dir, "import.xml"), export, ecrf.Freezes{{From: given.AsOf.AddDate(0, 0, days), Site: "site-a", Form: "lab"}})
		if err != nil {
			t.Fatal(err)
		}
		report, err := target.Deliver(t.Context(), given)
		said := slices.Contains(report.Problems, "3 cells belong to forms that are frozen, and were left out")
		if err != nil || report.Cells != want || said != (days == 0) {
			t.Errorf("in %d days: %+v, %v", days, report, err)
		}
	}
}

func TestADryRunWritesNoFileForLibreClinica(t *testing.T) {
	dir := t.TempDir()
	given := targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())
	given.DryRun = true
	report, err := libre(t, dir, exported).Deliver(t.Context(), given)
	if files, _ := os.ReadDir(dir); err != nil || report.Cells != 5 || len(files) != 0 {
		t.Errorf("%+v, %d files: %v", report, len(files), err)
	}
}
