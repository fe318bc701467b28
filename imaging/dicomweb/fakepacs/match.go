package fakepacs

import (
	"path"
	"strings"
)

// value is that of a key, by its keyword or its tag.
func value(keys map[string]string, keyword, tag string) string {
	if v := keys[keyword]; v != "" {
		return v
	}
	return keys[tag]
}

// matches compares a study with the keys that the server knows. Unknown keys and empty values match everything.
func (s *Server) matches(study *Study, patient string, keys map[string]string) bool {
	if s.has(IgnoresKeys) {
		return true
	}
	if v := value(keys, "PatientID", "00100020"); v != "" && !anyOf(v, strings.ToLower(patient), true) {
		return false
	}
	if v := value(keys, "StudyInstanceUID", "0020000D"); v != "" && !anyOf(v, study.UID, false) {
		return false
	}
	if v := value(keys, "AccessionNumber", "00080050"); v != "" && !anyOf(v, study.Accession, true) {
		return false
	}
	if v := value(keys, "ModalitiesInStudy", "00080061"); v != "" {
		found := false
		for _, m := range study.modalities() {
			found = found || anyOf(v, m, false)
		}
		if !found {
			return false
		}
	}
	v := value(keys, "StudyDate", "00080020")
	return v == "" || s.has(IgnoresDates) || inRange(v, study.Date)
}

// anyOf matches a list of values separated by commas, with wildcards where asked.
func anyOf(list, value string, wild bool) bool {
	for want := range strings.SplitSeq(list, ",") {
		if !wild && want == value {
			return true
		}
		if ok, err := path.Match(strings.ToLower(want), strings.ToLower(value)); wild && err == nil && ok {
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
