package fakepacs

import (
	"path"
	"slices"
	"strings"
)

// asked are the keys of a search that the server knows. An unknown key and an empty value match everything.
type asked struct{ patient, study, accession, modality, date string }

func (s *Server) asked(keys map[string]string) asked {
	if s.has(IgnoresKeys) {
		return asked{}
	}
	value := func(keyword, tag string) string {
		if v := keys[keyword]; v != "" {
			return v
		}
		return keys[tag]
	}
	a := asked{value("PatientID", "00100020"), value("StudyInstanceUID", "0020000D"), value("AccessionNumber", "00080050"), value("ModalitiesInStudy", "00080061"), value("StudyDate", "00080020")}
	if s.has(IgnoresDates) {
		a.date = ""
	}
	return a
}

func (a *asked) matches(study *Study, patient string) bool {
	switch {
	case a.study != "" && !anyOf(a.study, study.UID, false), a.patient != "" && !anyOf(a.patient, patient, true):
		return false
	case a.accession != "" && !anyOf(a.accession, study.Accession, true), a.date != "" && !inRange(a.date, study.Date):
		return false
	}
	return a.modality == "" || slices.ContainsFunc(study.modalities(), func(m string) bool { return anyOf(a.modality, m, false) })
}

// anyOf matches a list of values separated by commas; where it is wild also without case and by wildcards.
func anyOf(list, value string, wild bool) bool {
	for want := range strings.SplitSeq(list, ",") {
		if want == value || wild && strings.EqualFold(want, value) {
			return true
		}
		if !wild || !strings.ContainsAny(want, "*?") {
			continue
		}
		if ok, err := path.Match(strings.ToLower(want), strings.ToLower(value)); err == nil && ok {
			return true
		}
	}
	return false
}

// inRange reads YYYYMMDD, and ranges that may be open. An ISO date matches nothing, and no range matches a study without
// a date.
func inRange(v, date string) bool {
	from, to, ranged := strings.Cut(v, "-")
	switch {
	case date == "" || strings.Count(v, "-") > 1:
		return false
	case !ranged:
		return date == v
	}
	return (from == "" || from <= date) && (to == "" || date <= to)
}
