package imaging

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// WriteSessions writes sessions.csv: one row per linked study, by subject and session. all yields the links of one
// subject after the other, in the order of the subjects. Lists within a cell are separated by a space. date is empty when
// the study's date mode hides dates, days_from_index when the subject has no index day. Equal input gives equal bytes.
func WriteSessions(w io.Writer, all iter.Seq2[[]Link, error]) error {
	header := []string{"subject", "session", "study_uid", "accession", "date", "days_from_index", "modalities", "series",
		"method", "quality", "type", "candidates", "ambiguous", "sources", "window"}
	return writeRows(w, "sessions", header, all, func(links []Link) {
		slices.SortFunc(links, func(a, b Link) int {
			return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Session, b.Session), cmp.Compare(a.StudyUID, b.StudyUID))
		})
	}, func(l Link) []string {
		return []string{l.Subject, strconv.Itoa(l.Session), l.StudyUID, l.Accession, l.Date, distance(l.Days, l.HasDays),
			strings.Join(l.Modality, " "), strconv.Itoa(l.Series), string(l.Method), string(l.Quality), string(l.Type),
			strconv.Itoa(l.Candidates), strconv.FormatBool(l.Ambiguous), strconv.Itoa(len(l.Resources)), string(l.Place)}
	})
}

// WriteUnlinked writes sessions_unlinked.csv: one row per ImagingStudy that a person must look at, with the reason. The
// resource is named by its keyed id. all yields those of one subject after the other.
func WriteUnlinked(w io.Writer, all iter.Seq2[[]Unlinked, error]) error {
	header := []string{"subject", "resource", "date", "days_from_index", "modalities", "series", "reason", "candidates"}
	return writeRows(w, "unlinked sessions", header, all, func(unlinked []Unlinked) {
		slices.SortFunc(unlinked, func(a, b Unlinked) int {
			return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Date, b.Date), cmp.Compare(a.Resource, b.Resource),
				cmp.Compare(a.Reason, b.Reason))
		})
	}, func(u Unlinked) []string {
		return []string{u.Subject, u.Resource, u.Date, distance(u.Days, u.HasDays), strings.Join(u.Modality, " "),
			strconv.Itoa(u.Series), string(u.Reason), strconv.Itoa(u.Candidates)}
	})
}

func distance(days int, known bool) string {
	if !known {
		return ""
	}
	return strconv.Itoa(days)
}

// writeRows writes a header and the sorted rows of each group.
func writeRows[T any](w io.Writer, what string, header []string, groups iter.Seq2[[]T, error], sort func([]T), row func(T) []string) error {
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	for group, err := range groups {
		if err != nil {
			return err
		}
		sorted := slices.Clone(group)
		sort(sorted)
		for _, x := range sorted {
			if err := out.Write(row(x)); err != nil {
				return fmt.Errorf("write %s: %w", what, err)
			}
		}
	}
	if out.Flush(); out.Error() != nil {
		return fmt.Errorf("write %s: %w", what, out.Error())
	}
	return nil
}
