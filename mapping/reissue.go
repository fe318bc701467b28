package mapping

import (
	"cmp"

	"github.com/crflink/crflink/fhir"
)

// reissuedOnce keeps of results that the laboratory issued again (the same observation instance identifier under a
// new resource id) the one issued last: a correction voids what it corrects.
func reissuedOnce(all []candidate) []candidate {
	var place map[string]int
	kept := all[:0]
	for _, c := range all {
		id := observationIdentifier(c.res)
		if id == "" {
			kept = append(kept, c)
			continue
		}
		if i, again := place[id]; again {
			if issuedBefore(kept[i].res, c.res) {
				kept[i] = c
			}
			continue
		}
		if place == nil {
			place = map[string]int{}
		}
		place[id] = len(kept)
		kept = append(kept, c)
	}
	return kept
}

const identifierTypes = "http://terminology.hl7.org/CodeSystem/v2-0203"

// observationIdentifier returns the value of the identifier of type OBI (v2-0203), by which the MII laboratory module
// names a result.
func observationIdentifier(res *fhir.Resource) string {
	if res.Type != "Observation" {
		return ""
	}
	for id := range res.Get("identifier").Elements() {
		for c := range id.Path("type", "coding").Elements() {
			if c.Get("code").Text() == "OBI" && c.Get("system").Text() == identifierTypes {
				return id.Get("value").Text()
			}
		}
	}
	return ""
}

// issuedBefore orders issues of one result: by issued, then by the time of the last update.
func issuedBefore(a, b *fhir.Resource) bool {
	return cmp.Or(
		compareMoments(a.Get("issued"), b.Get("issued")),
		compareMoments(a.Path("meta", "lastUpdated"), b.Path("meta", "lastUpdated")),
	) < 0
}
