package scaffold

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

func studyFile(s Study) []byte {
	d := s.Dictionary
	return fmt.Appendf(nil, `# %s: where the data come from, under which legal basis, who is a subject, what becomes of dates, and where
# the filled forms go. Everything marked CHANGE has to be made true before the first run; crflink lint checks the rest.
crflink: 1

study:
  id: %s
  title: %s
  version: %s

# Consent decides first. The policy file names its kind and its codes (docs/consent.md).
consent: consent.yaml

# CHANGE: what the study was allowed, and by whom (docs/consent.md). Nothing is read beyond it, and nothing goes to anybody else.
# authorisation:
#   approvals: [{body: use-and-access, number: NUMBER}, {body: ethics, number: NUMBER}]
#   recipients: [{name: NAME, contact: ADDRESS, outputs: [tables, odm]}]
#   modules: [person, fall, diagnose, prozedur, labor, medikation]
#   valid-until: YYYY-MM-DD
#   erase-by: YYYY-MM-DD

# CHANGE: the system of the hospital's patient number, and where the study number given at enrolment stands.
subject:
  identifier: https://hospital.example/fhir/sid/pid
  number:
    from: research-subject
    system: https://%s.example/fhir/sid/subject

# CHANGE: none where people enter dates into the same forms, shift where they do not (docs/privacy.md).
dates: none
timezone: Europe/Berlin

deidentification: mii-default
dictionary: dictionary.yaml
mapping: mapping.yaml
tests: tests/*.yaml

# CHANGE: the FHIR server, or files: [PATH, …] with NDJSON or Bundles.
sources:
  - name: hospital
    fhir: https://fhir.hospital.example/fhir

targets:
  - name: tables
    kind: csv
    folder: out/tables
  - name: odm
    kind: odm
    file: out/%s.odm.xml

# Where ledger and vault live, and where the key comes from that opens the vault (docs/operations.md).
state: state
key: {file: vault.key}
`, oneLine(cmp.Or(s.Title, d.Study)), d.Study, quoted(cmp.Or(s.Title, d.Study)), quoted(d.Version), d.Study, d.Study)
}

func consentFile(d *ecrf.Dictionary) []byte {
	return fmt.Appendf(nil, `# The legal basis: the MII broad consent with its usual codes. CHANGE the kind where the study has another one
# (study-consent, statutory). What is not said here is as in the built-in policy mii-broad-consent (docs/consent.md).
name: %s
kind: broad-consent
`, d.Study)
}

func testFile(d *ecrf.Dictionary) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `# What the forms must hold for resources that you give: run by crflink test (docs/mapping.md). The resources
# under "given" at the top belong to every test of the file.
study: %s
as-of: 2026-01-01

given:
  - {resourceType: Patient, id: p, gender: female, birthDate: 1951-03-02}

tests:
  # True as long as mapping.yaml has no rule. When you have written one, say here what it must yield, for example
  #   expect: {%s: …}
  - name: Without a rule nothing is filled
    expect:
`, d.Study, exampleCell(&d.Forms[0]))
	for i := range d.Forms {
		fmt.Fprintf(&b, "      %s: {instances: 0}\n", d.Forms[i].Name)
	}
	return []byte(b.String())
}

func exampleCell(f *ecrf.Form) string {
	if f.Repeating {
		return f.Name + "[1]." + f.Items[0].Name
	}
	return f.Name + "." + f.Items[0].Name
}
