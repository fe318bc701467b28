package odm_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/internal/shared"
)

func check(t *testing.T, document string) []odm.Problem {
	t.Helper()
	problems, err := odm.Check(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

func template(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(shared.Dir(t, "data", "odm", "templates", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each change makes the template wrong in a way that the schema does not see.
func TestWhatTheSchemaMissesIsFound(t *testing.T) {
	seeded(t, "odm132-transactional-with-provenance.xml", xmllint, []seed{
		{name: "unknown ItemOID", old: `ItemData ItemOID="I.K" Value`, changed: `ItemData ItemOID="I.NONE" Value`, rule: odm.RuleReference},
		{name: "unknown UserOID", old: `UserRef UserOID="U.ETL"`, changed: `UserRef UserOID="U.NOBODY"`, rule: odm.RuleReference},
		{name: "word in a float", old: `Value="4.10"`, changed: `Value="four"`, rule: odm.RuleType},
		{name: "German date", old: `Value="2026-01-14T07:30"`, changed: `Value="14.01.2026"`, rule: odm.RuleType},
		{name: "missing repeat key", old: ` ItemGroupRepeatKey="1"`, changed: ``, rule: odm.RuleRepeatKey},
		{name: "value and IsNull", old: `ItemData ItemOID="I.K" IsNull="Yes"`, changed: `ItemData ItemOID="I.K" IsNull="Yes" Value="4.1"`, rule: odm.RuleNull},
		{name: "snapshot with Upsert", old: `FileType="Transactional"`, changed: `FileType="Snapshot"`, rule: odm.RuleTransaction},
		{name: "float without SignificantDigits", old: ` SignificantDigits="2"`, changed: ``, rule: odm.RuleDefinition},
		{name: "text without Length", old: `DataType="text" Length="8"`, changed: `DataType="text"`, rule: odm.RuleDefinition},
		{name: "flag outside its list", old: `>NOT DONE</FlagValue>`, changed: `>SOMETHING</FlagValue>`, rule: odm.RuleCode},
		{name: "word as CheckValue", old: `<CheckValue>1.0<`, changed: `<CheckValue>one<`, rule: odm.RuleType},
		{name: "duplicate OID", old: `<ItemDef OID="I.KSTAT"`, changed: `<ItemDef OID="I.K"`, rule: odm.RuleDuplicate, schemaSees: true},
		{name: "bad creation time", old: `CreationDateTime="2026-01-15T02:00:05+01:00"`, changed: `CreationDateTime="yesterday"`, rule: odm.RuleAudit, schemaSees: true},
		{name: "audit record after its siblings", old: `<Annotation SeqNum="1"><Comment SponsorOrSite="Site">no value in window</Comment><Flag><FlagValue CodeListOID="CL.ND">NOT DONE</FlagValue></Flag></Annotation>`, changed: `<Annotation SeqNum="1"/><AuditRecord><UserRef UserOID="U.ETL"/><LocationRef LocationOID="L.SITE1"/><DateTimeStamp>2026-01-15T02:00:02+01:00</DateTimeStamp></AuditRecord>`, rule: odm.RuleOrder, schemaSees: true},
		{name: "audit from the future", old: `2026-01-15T02:00:01+01:00`, changed: `2026-01-15T02:00:06+01:00`, rule: odm.RuleAudit},
		{name: "same repeat key twice", old: `ItemGroupRepeatKey="2"`, changed: `ItemGroupRepeatKey="1"`, rule: odm.RuleRepeatKey},
		{name: "repeat key on what does not repeat", old: `FormData FormOID="F.LAB"`, changed: `FormData FormOID="F.LAB" FormRepeatKey="1"`, rule: odm.RuleRepeatKey},
		{name: "unknown unit", old: `MeasurementUnitRef MeasurementUnitOID="MU.MMOLL"/>` + "\n            </ItemData", changed: `MeasurementUnitRef MeasurementUnitOID="MU.X"/>` + "\n            </ItemData", rule: odm.RuleReference},
		{name: "unknown location", old: `SiteRef LocationOID="L.SITE1"`, changed: `SiteRef LocationOID="L.X"`, rule: odm.RuleReference},
		{name: "unknown form", old: `FormRef FormOID="F.LAB"`, changed: `FormRef FormOID="F.X"`, rule: odm.RuleReference},
		{name: "unknown code list", old: `CodeListRef CodeListOID="CL.ND"`, changed: `CodeListRef CodeListOID="CL.X"`, rule: odm.RuleReference},
		{name: "too many decimals", old: `Value="4.10"`, changed: `Value="4.105"`, rule: odm.RuleType},
		{name: "exponent in a float", old: `Value="4.10"`, changed: `Value="4.1e0"`, rule: odm.RuleType},
		{name: "day that does not exist", old: `Value="2026-01-14T07:30"`, changed: `Value="2026-02-30T07:30"`, rule: odm.RuleType},
		{name: "neither value nor IsNull", old: `ItemOID="I.K" IsNull="Yes"`, changed: `ItemOID="I.K"`, rule: odm.RuleNull},
		{name: "order number twice", old: `ItemRef ItemOID="I.K" OrderNumber="2"`, changed: `ItemRef ItemOID="I.K" OrderNumber="1"`, rule: odm.RuleDuplicate, schemaSees: true},
		{name: "unknown version", old: `ClinicalData StudyOID="S.DEMO" MetaDataVersionOID="MDV.1"`, changed: `ClinicalData StudyOID="S.DEMO" MetaDataVersionOID="MDV.2"`, rule: odm.RuleReference},
		{name: "unknown method", old: `ItemRef ItemOID="I.K" OrderNumber="2"`, changed: `ItemRef ItemOID="I.K" MethodOID="M.X" OrderNumber="2"`, rule: odm.RuleReference},
		{name: "unknown condition", old: `ItemRef ItemOID="I.K" OrderNumber="2"`, changed: `ItemRef ItemOID="I.K" CollectionExceptionConditionOID="C.X" OrderNumber="2"`, rule: odm.RuleReference},
		{name: "unknown list of roles", old: `ItemRef ItemOID="I.K" OrderNumber="2"`, changed: `ItemRef ItemOID="I.K" Role="r" RoleCodeListOID="CL.X" OrderNumber="2"`, rule: odm.RuleReference},
		{name: "unknown signature", old: `<SiteRef LocationOID="L.SITE1"/>`, changed: `<Signature><UserRef UserOID="U.ETL"/><LocationRef LocationOID="L.SITE1"/><SignatureRef SignatureOID="SIG"/><DateTimeStamp>2026-01-15T02:00:01+01:00</DateTimeStamp></Signature><SiteRef LocationOID="L.SITE1"/>`, rule: odm.RuleReference},
		{name: "list of another type", old: `<CodeList OID="CL.ND" Name="Not done" DataType="text"><CodeListItem CodedValue="NOT DONE">`, changed: `<CodeList OID="CL.ND" Name="Not done" DataType="integer"><CodeListItem CodedValue="1">`, rule: odm.RuleDefinition},
		{name: "two bounds at once", old: `<CheckValue>1.0</CheckValue>`, changed: `<CheckValue>1.0</CheckValue><CheckValue>2.0</CheckValue>`, rule: odm.RuleDefinition},
		{name: "file before itself", old: `FileOID="F.2026-01-15.0001"`, changed: `FileOID="F.1" PriorFileOID="F.1"`, rule: odm.RuleReference},
		{name: "annotation number twice", old: `<Flag><FlagValue CodeListOID="CL.ND">NOT DONE</FlagValue></Flag></Annotation>`, changed: `</Annotation><Annotation SeqNum="1"/>`, rule: odm.RuleDuplicate},
		{name: "data inside removed data", old: `<FormData FormOID="F.LAB">`, changed: `<FormData FormOID="F.LAB" TransactionType="Remove"><ItemGroupData ItemGroupOID="IG.LAB" ItemGroupRepeatKey="9" TransactionType="Insert"/>`, rule: odm.RuleTransaction},
	})
}

// Each change makes the template of version 2.0 wrong.
func TestWhatTheSchemaOfVersion2MissesIsFound(t *testing.T) {
	seeded(t, "odm20-with-provenance-and-query.xml", xmllint2, []seed{
		{name: "unknown ItemOID", old: `<ItemData ItemOID="I.K">`, changed: `<ItemData ItemOID="I.NONE">`, rule: odm.RuleReference},
		{name: "unknown UserOID", old: `UserRef UserOID="U.ETL"`, changed: `UserRef UserOID="U.NOBODY"`, rule: odm.RuleReference},
		{name: "unknown location", old: `LocationRef LocationOID="L.SITE1"`, changed: `LocationRef LocationOID="L.X"`, rule: odm.RuleReference},
		{name: "unknown group", old: `ItemGroupRef ItemGroupOID="IG.LAB"`, changed: `ItemGroupRef ItemGroupOID="IG.X"`, rule: odm.RuleReference},
		{name: "group at the wrong place", old: `<ItemGroupData ItemGroupOID="F.LAB">`, changed: `<ItemGroupData ItemGroupOID="IG.LAB" ItemGroupRepeatKey="1"><ItemData ItemOID="I.K" IsNull="Yes"/></ItemGroupData><ItemGroupData ItemGroupOID="F.LAB">`, rule: odm.RuleReference},
		{name: "unknown version", old: `ClinicalData StudyOID="S.DEMO" MetaDataVersionOID="MDV.1"`, changed: `ClinicalData StudyOID="S.DEMO" MetaDataVersionOID="MDV.2"`, rule: odm.RuleReference},
		{name: "word in a float", old: `<Value>4.10</Value>`, changed: `<Value>four</Value>`, rule: odm.RuleType},
		{name: "missing repeat key", old: ` ItemGroupRepeatKey="1"`, changed: ``, rule: odm.RuleRepeatKey},
		{name: "repeat key on what does not repeat", old: `ItemGroupData ItemGroupOID="F.LAB"`, changed: `ItemGroupData ItemGroupOID="F.LAB" ItemGroupRepeatKey="1"`, rule: odm.RuleRepeatKey},
		{name: "value and IsNull", old: `<ItemData ItemOID="I.K">`, changed: `<ItemData ItemOID="I.K" IsNull="Yes">`, rule: odm.RuleNull},
		{name: "neither value nor IsNull", old: `<Value>4.10</Value>`, changed: ``, rule: odm.RuleNull},
		{name: "snapshot with Upsert", old: `FileType="Transactional"`, changed: `FileType="Snapshot"`, rule: odm.RuleTransaction},
		{name: "audit from the future", old: `2026-01-15T02:00:01+01:00`, changed: `2026-01-15T02:00:06+01:00`, rule: odm.RuleAudit},
		{name: "query from the future", old: `LastUpdateDatetime="2026-01-15T02:00:02+01:00"`, changed: `LastUpdateDatetime="2026-01-16T02:00:02+01:00"`, rule: odm.RuleAudit},
		{name: "query OID twice", old: `<Query OID="Q.1"`, changed: `<Query OID="Q.1" Source="System" State="Open" LastUpdateDatetime="2026-01-15T02:00:02+01:00"><Value>x</Value></Query><Query OID="Q.1"`, rule: odm.RuleDuplicate},
		{name: "value behind the audit record", old: `              <Query `, changed: `<Value>4.10</Value><Query `, rule: odm.RuleOrder, schemaSees: true},
		{name: "unknown item of units", old: `<ItemRef ItemOID="I.K"`, changed: `<ItemRef ItemOID="I.K" UnitsItemOID="I.X"`, rule: odm.RuleReference},
		{name: "duplicate OID", old: `<ItemDef OID="I.K"`, changed: `<ItemDef OID="I.K" Name="again" DataType="float"/><ItemDef OID="I.K"`, rule: odm.RuleDuplicate, schemaSees: true},
	})
}

// seed is a change that makes a valid document wrong.
type seed struct {
	name, old, changed string
	rule               odm.Rule
	schemaSees         bool
}

func seeded(t *testing.T, name string, schema func(*testing.T, string) error, seeds []seed) {
	valid := template(t, name)
	if problems := check(t, valid); len(problems) != 0 {
		t.Fatalf("the valid template: %v", problems)
	}
	for _, c := range seeds {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(valid, c.old) == 0 {
				t.Fatal("the template does not have the text to change")
			}
			document := strings.Replace(valid, c.old, c.changed, 1)
			problems := check(t, document)
			if !slices.ContainsFunc(problems, func(p odm.Problem) bool { return p.Rule == c.rule && p.Line > 1 }) {
				t.Errorf("no problem of rule %s: %v", c.rule, problems)
			}
			if seen := schema(t, document) != nil; seen != c.schemaSees {
				t.Errorf("the schema sees it: %v, want %v", seen, c.schemaSees)
			}
		})
	}
}

// The samples are of other systems. What is wrong with them was looked up by hand: missing lengths, references to
// code lists that nothing defines, clinical data without their metadata, audits after the creation of the file.
func TestForeignDocumentsHaveTheProblemsThatTheyAreKnownToHave(t *testing.T) {
	for name, want := range map[string]map[odm.Rule]int{
		"odmlib-odm-data-snapshot.xml":     {},
		"odmlib-cdash-odm-test.xml":        {odm.RuleDefinition: 11, odm.RuleReference: 3},
		"openedc-example-metadata.xml":     {odm.RuleDefinition: 10},
		"odmlib-test_clinical_data_01.xml": {odm.RuleReference: 2},
		"openedc-example-clinicaldata.xml": {odm.RuleReference: 181, odm.RuleOrder: 90, odm.RuleAudit: 11},
	} {
		text, err := os.ReadFile(filepath.Join(shared.Dir(t, "data", "odm", "samples-1.3"), name))
		if err != nil {
			t.Fatal(err)
		}
		got := map[odm.Rule]int{}
		for _, p := range check(t, string(text)) {
			got[p.Rule]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestWhatIsNotODMIsRefused(t *testing.T) {
	for _, document := range []string{"", "<a/>", `<ODM xmlns="http://www.cdisc.org/ns/odm/v3.0"/>`, `<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3">`} {
		if _, err := odm.Check(strings.NewReader(document)); err == nil {
			t.Errorf("%q was read", document)
		}
	}
}

func FuzzTheCheckerNeverPanics(f *testing.F) {
	f.Add(`<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" FileType="Snapshot"><MetaDataVersion OID="a"><ItemDef/><CodeListItem/><CheckValue>x</CheckValue></MetaDataVersion><ClinicalData><ItemData/><FlagValue/></ClinicalData></ODM>`)
	f.Add(`<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3"><Study OID="s"><MetaDataVersion OID="v"><ItemGroupDef OID="g"><ItemRef ItemOID="i"/></ItemGroupDef><ItemDef OID="i" DataType="date"/></MetaDataVersion></Study><ClinicalData StudyOID="s" MetaDataVersionOID="v"><ItemGroupData ItemGroupOID="g"><ItemData ItemOID="i" Value="2024"/></ItemGroupData></ClinicalData></ODM>`)
	f.Fuzz(func(t *testing.T, document string) {
		if problems, _ := odm.Check(strings.NewReader(document)); len(problems) > 1000 {
			t.Error("the list is not bounded")
		}
	})
}
