package scaffold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping/crtdl"
)

const mappingHead = `# How the forms of %s are filled. Every form and item of dictionary.yaml is listed here, and none has a rule yet: people
# enter them. Above each item stands an example of a rule for its type; it is a comment, and the codes in it are
# not those of your item. To write a rule, take the "# " away from the form's line and from the item's line, and
# change the rule. docs/mapping.md explains every word; crflink lint says what is wrong, crflink test runs the tests.
study: %s
version: "1.0"

# Long texts get a short name, used as %%loinc.
names:
%s
# maps turn codes of the source into codes of a code list, such as gender: {male: "1", female: "2"}. These are the codes that
# the code lists want; put the codes of the source before them.
# maps:
%s
# events are days in the patient's history, around which windows lie. For example
# events:
#   index: {label: First scan, resource: ImagingStudy, value: started, choose: first}
%s%s
# Forms begin with their name; take "# " away from the next line with the first rule.
# forms:
`

// shortNames are the names of the mapping for code systems, in the order of the file.
var shortNames = [][2]string{
	{"icd", "http://fhir.de/CodeSystem/bfarm/icd-10-gm"}, {"ops", "http://fhir.de/CodeSystem/bfarm/ops"}, {"atc", "http://fhir.de/CodeSystem/bfarm/atc"},
	{"loinc", "http://loinc.org"}, {"sct", "http://snomed.info/sct"},
}

func mappingFile(d *ecrf.Dictionary, request *Request) ([]byte, error) {
	var b, names strings.Builder
	short := crtdl.Names{}
	for _, n := range shortNames {
		fmt.Fprintf(&names, "  %s: %s\n", n[0], n[1])
		short[n[0]] = n[1]
	}
	asked, err := request.text(short)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, mappingHead, d.Study, d.Study, names.String(), listHints(d), visitHints(d), asked)
	for i := range d.Forms {
		writeForm(&b, d, &d.Forms[i])
	}
	return []byte(b.String()), nil
}

// visitHints shows a visit for each event whose forms are filled in several.
func visitHints(d *ecrf.Dictionary) string {
	var names []string
	for _, e := range d.Events {
		if slices.ContainsFunc(e.Forms, func(f string) bool { return len(d.EventsOf(f)) > 1 }) {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n# visits are windows around events, one for each event of dictionary.yaml in which a form is filled that is filled in several. For example\n# visits:\n")
	for _, n := range names {
		fmt.Fprintf(&b, "#   %s: {event: index, day: 0, before: 30, after: 30}\n", n)
	}
	return b.String()
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
	switch events := d.EventsOf(f.Name); {
	case len(events) > 1:
		fmt.Fprintf(b, "#     The form is filled in %d events; name the visits at which the mapping fills it.\n#     visits: [%s]\n", len(events), strings.Join(events, ", "))
	case len(events) == 0:
		b.WriteString("#     The dictionary has this form in no event, so that it is never filled.\n")
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
