package imaging

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteSessions writes sessions.csv: one row per linked study, by subject and session. Lists within a cell are
// separated by a space. date is empty when the study's date mode hides dates, days_from_index when the subject has no
// index day. Equal input gives equal bytes.
func WriteSessions(w io.Writer, links []Link) error {
	links = slices.Clone(links)
	slices.SortFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Session, b.Session), cmp.Compare(a.StudyUID, b.StudyUID))
	})
	rows := [][]string{{"subject", "session", "study_uid", "accession", "date", "days_from_index", "modalities", "series",
		"method", "quality", "type", "candidates", "ambiguous", "sources"}}
	for _, l := range links {
		rows = append(rows, []string{l.Subject, strconv.Itoa(l.Session), l.StudyUID, l.Accession, l.Date, distance(l.Days, l.HasDays),
			strings.Join(l.Modality, " "), strconv.Itoa(l.Series), string(l.Method), string(l.Quality), string(l.Type),
			strconv.Itoa(l.Candidates), strconv.FormatBool(l.Ambiguous), strconv.Itoa(len(l.Resources))})
	}
	return writeRows(w, "sessions", rows)
}

// WriteUnlinked writes sessions_unlinked.csv: one row per ImagingStudy that a person must look at, with the reason. The
// resource is named by its keyed id.
func WriteUnlinked(w io.Writer, unlinked []Unlinked) error {
	unlinked = slices.Clone(unlinked)
	slices.SortFunc(unlinked, func(a, b Unlinked) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Date, b.Date), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Reason, b.Reason))
	})
	rows := [][]string{{"subject", "resource", "date", "days_from_index", "modalities", "series", "reason", "candidates"}}
	for _, u := range unlinked {
		rows = append(rows, []string{u.Subject, u.Resource, u.Date, distance(u.Days, u.HasDays), strings.Join(u.Modality, " "),
			strconv.Itoa(u.Series), string(u.Reason), strconv.Itoa(u.Candidates)})
	}
	return writeRows(w, "unlinked sessions", rows)
}

func distance(days int, known bool) string {
	if !known {
		return ""
	}
	return strconv.Itoa(days)
}

func writeRows(w io.Writer, what string, rows [][]string) error {
	if err := csv.NewWriter(w).WriteAll(rows); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}
