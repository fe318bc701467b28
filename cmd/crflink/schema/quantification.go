package schema

import "github.com/crflink/crflink/imaging/pet"

// quantification describes a site's table of tracers, radionuclides and scanners.
func quantification() node {
	number := func() node { return node{"type": "number"} }
	span := func() node { return node{"type": "array", "items": number(), "minItems": 2, "maxItems": 2} }
	codes := func() node {
		return some(node{"type": "string", "pattern": "^(SCT|SRT|DCM|NCIt|UMLS) .+$"}).said("system and code, such as SCT 35321007")
	}
	var words, reasons []string
	for _, s := range pet.Severities() {
		words = append(words, string(s))
	}
	for _, d := range pet.Reasons() {
		reasons = append(reasons, string(d.Reason))
	}
	return object(map[string]node{
		"quantification": {"const": 1},
		"confirmed-by": object(map[string]node{
			"name": text().said("the physicist or physician of the site who checked this table and what it takes from the program's"), "date": text().said("YYYY-MM-DD"),
		}, "name", "date"),
		"tracers": some(object(map[string]node{
			"name": text(), "ligand": text().said("the name without the radionuclide"), "nuclide": text(), "codes": codes(), "texts": some(text()).said("names that headers without a code have"),
			"uptake": span().said("minutes from injection to scan"), "longest": number().said("minutes beyond which nothing can be compared; usually 360"),
			"dose": span().said("MBq"), "glucose": yes().said("whether the blood glucose counts"), "source": text().said("where the numbers come from; for people"),
		}, "name", "ligand", "nuclide")),
		"nuclides": some(object(map[string]node{
			"name": text(), "half-life": number().said("seconds"), "codes": codes(), "dose": span().said("MBq"), "source": text().said("where the numbers come from; for people"),
		}, "name", "half-life")),
		"scanners": some(object(map[string]node{
			"centre": text().said("the site's name in the study"), "manufacturer": text(), "model": text(), "accreditation": text().said("such as EARL1 or EARL2"), "from": text(), "to": text(),
		}, "accreditation")),
		"severities": node{"type": "object", "propertyNames": enum(reasons...), "additionalProperties": enum(words...)}.said("what a reason does to a series, where the site decides otherwise"),
	}, "quantification")
}
