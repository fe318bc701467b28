package scaffold

import (
	"fmt"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

const mappingHead = `# How the forms of %s are filled. Every form and item of dictionary.yaml is listed here, and none has a rule yet: people
# enter them. Above each item stands an example of a rule for its type; it is a comment, and the codes in it are
# not those of your item. To write a rule, take the "# " away from the form's line and from the item's line, and
# change the rule. docs/mapping.md explains every word; crflink lint says what is wrong, crflink test runs the tests.
study: %s
version: "1.0"

# Long texts get a short name, used as %%loinc.
names:
  icd: http://fhir.de/CodeSystem/bfarm/icd-10-gm
  ops: http://fhir.de/CodeSystem/bfarm/ops
  atc: http://fhir.de/CodeSystem/bfarm/atc
  loinc: http://loinc.org
  sct: http://snomed.info/sct

# maps turn codes of the source into codes of a code list, such as gender: {male: "1", female: "2"}. These are the codes that
# the code lists want; put the codes of the source before them.
# maps:
%s
# events are days in the patient's history, around which windows lie. For example
# events:
#   index: {label: First scan, resource: ImagingStudy, value: started, choose: first}

# Forms begin with their name; take "# " away from the next line with the first rule.
# forms:
`

func mappingFile(d *ecrf.Dictionary) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, mappingHead, d.Study, d.Study, listHints(d))
	for i := range d.Forms {
		writeForm(&b, d, &d.Forms[i])
	}
	return []byte(b.String())
}

// listHints shows a map for each code list, with the codes that it has to reach.
func listHints(d *ecrf.Dictionary) string {
	var b strings.Builder
	for i := range d.CodeLists {
		l := &d.CodeLists[i]
		var codes []string
		for _, c := range l.Codes {
			codes = append(codes, "…: "+quoted(c.Value))
		}
		const shown = 12
		if len(codes) > shown {
			codes = append(codes[:shown], "…")
		}
		fmt.Fprintf(&b, "#   %s: {%s}\n", l.Name, strings.Join(codes, ", "))
	}
	return b.String()
}

func writeForm(b *strings.Builder, d *ecrf.Dictionary, f *ecrf.Form) {
	fmt.Fprintf(b, "\n#   %s: # %s\n", f.Name, oneLine(f.Label))
	if events := d.EventsOf(f.Name); len(events) != 1 {
		fmt.Fprintf(b, "#     The dictionary has this form in %d events (%s); a mapping fills a form in exactly one.\n", len(events), strings.Join(events, ", "))
	}
	if f.Repeating {
		b.WriteString("#     The form repeats: say with repeat what it has one instance of, and what names an instance for ever.\n")
		b.WriteString("#     repeat: {resource: Procedure, key: id, order: performed.ofType(dateTime)}\n")
	}
	for i := range f.Items {
		writeItem(b, d, f, &f.Items[i])
	}
}

func writeItem(b *strings.Builder, d *ecrf.Dictionary, f *ecrf.Form, it *ecrf.Item) {
	fmt.Fprintf(b, "#     %s\n", describe(d, it))
	fmt.Fprintf(b, "#     %s: %s\n", it.Name, example(f, it))
}

// describe says in a line what the item holds.
func describe(d *ecrf.Dictionary, it *ecrf.Item) string {
	s := oneLine(it.Label) + " (" + string(it.Type)
	switch {
	case it.Unit != "":
		s += ", " + it.Unit
	case it.Type == ecrf.Choice:
		s += " of " + it.CodeList + ": " + strings.Join(shortList(d.CodeList(it.CodeList)), ", ")
	}
	if it.Required {
		s += ", required"
	}
	return s + ")"
}

func shortList(l *ecrf.CodeList) []string {
	const shown = 8
	var codes []string
	for i, c := range l.Codes {
		if i == shown {
			return append(codes, "…")
		}
		codes = append(codes, oneLine(c.Value)+" "+oneLine(c.Label))
	}
	return codes
}

// examples are rules that are right for the type, by type. In a repeating form the resource is that of its repeat rule.
var examples = map[ecrf.Type][2]string{
	ecrf.Text: {
		"{resource: Condition, where: \"code.coding.exists(system = %icd and code.startsWith('C61'))\", value: code.coding.where(system = %icd).code.first(), choose: first}",
		"{value: code.coding.where(system = %ops).code.first()}",
	},
	ecrf.Integer: {
		"{resource: Observation, where: code.coding.exists(system = %loinc and code = '89247-1'), value: value.ofType(integer), choose: last}",
		"{value: bodySite.count()}",
	},
	ecrf.Decimal: {
		"{resource: Observation, where: code.coding.exists(system = %loinc and code = '2857-1'), value: value, choose: last}",
		"{value: extension('https://example.org/dose').value.ofType(Quantity)}",
	},
	ecrf.Date: {
		"{resource: Condition, where: \"code.coding.exists(system = %icd and code.startsWith('C61'))\", value: recordedDate, choose: first}",
		"{value: performed.ofType(dateTime)}",
	},
	ecrf.DateTime: {
		"{resource: Encounter, value: period.start, choose: last}",
		"{value: performed.ofType(dateTime)}",
	},
	ecrf.Boolean: {
		"{resource: Condition, where: \"code.coding.exists(system = %icd and code.startsWith('E11'))\", choose: exists}",
		"{value: code.coding.exists(system = %ops)}",
	},
	ecrf.Choice: {
		"{resource: Patient, value: gender, map: LIST}",
		"{value: code.coding.where(system = %ops).code.first(), map: LIST}",
	},
}

func example(f *ecrf.Form, it *ecrf.Item) string {
	kind := it.Type
	if kind == ecrf.PartialDate {
		kind = ecrf.Date
	}
	rule := examples[kind][0]
	if f.Repeating {
		rule = examples[kind][1]
	}
	return strings.ReplaceAll(rule, "LIST", it.CodeList)
}
