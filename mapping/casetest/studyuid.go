package casetest

import (
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// studyUIDs gives the pseudonymous UID of each given imaging study that names its Study Instance UID, as the imaging
// linkage of a run does from the same identifiers.
func studyUIDs(record *pseudonym.Record, given []*fhir.Resource) func(fhir.Key) (string, bool) {
	s := record.Subject()
	uids := map[fhir.Key]string{}
	for _, res := range given {
		if res.Type != "ImagingStudy" {
			continue
		}
		if uid, ok := studyUID(res); ok {
			uids[fhir.Key{Type: res.Type, ID: s.ResourceID(res.Key())}] = s.UID(uid)
		}
	}
	return func(k fhir.Key) (string, bool) {
		uid, ok := uids[k]
		return uid, ok
	}
}

// studyUID finds the Study Instance UID in the identifiers urn:dicom:uid, and urn:ietf:rfc:3986 with urn:oid:.
func studyUID(res *fhir.Resource) (string, bool) {
	for id := range res.Get("identifier").Elements() {
		uid, isOID := strings.CutPrefix(id.Get("value").Text(), "urn:oid:")
		switch strings.ToLower(id.Get("system").Text()) {
		case "urn:dicom:uid":
			return uid, uid != ""
		case "urn:ietf:rfc:3986":
			if isOID {
				return uid, true
			}
		}
	}
	return "", false
}
