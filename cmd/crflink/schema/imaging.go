package schema

import "github.com/crflink/crflink/imaging"

// imagingLinks is how imaging studies are linked.
func imagingLinks() node {
	var methods []string
	for _, m := range imaging.Methods() {
		if m != imaging.ByReview {
			methods = append(methods, string(m))
		}
	}
	return object(map[string]node{
		"modalities": some(text()), "event": text(), "systems": some(text()).said("identifier systems of study UIDs"), "folder": text(),
		"accession-systems": some(text()).said("identifier systems of accession numbers without the type ACSN"),
		"without":           some(enum(methods...)).said("methods by which nothing is linked"),
		"window":            object(map[string]node{"before": whole(), "after": whole()}).said("days around the event"),
		"review":            text().said("the list of cases that people decide, a CSV"),
		"pacs":              pacs(),
		"quantification":    text().said("the site's table of tracers, radionuclides and scanners"),
	})
}

func pacs() node {
	return object(map[string]node{
		"dicomweb": text().said("the base of its DICOMweb service"), "auth": auth(),
		"patient": object(map[string]node{
			"systems": some(text()).said("of Patient.identifier, whose value is the PatientID"), "prefix": text(), "digits": whole().said("filled up with zeros"),
			"issuer": text().said("IssuerOfPatientID of the site's own patients"),
		}, "systems"),
		"hashes": some(text()).said("systems of which the ids of ImagingStudies may be hashes"), "rate": whole().said("requests in a second"),
		"refresh": whole().said("days after which the PACS is asked again about a subject of whom nothing else has changed; usually 7, and 0 is in every run"),
	}, "dicomweb", "patient").said("a PACS that is asked for the studies of permitted patients")
}
