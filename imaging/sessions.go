package imaging

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// WriteSessions writes sessions.csv, one row per linked study, by subject and session, and sessions_unlinked.csv, one row per
// ImagingStudy that a person must look at, with the reason. all yields what was found of one subject after the other, in the order of
// the subjects; resources are named by their keyed ids. Lists within a cell are separated by a space. date is empty when
// the study's date mode hides dates, days_from_index when the subject has no index day. Equal input gives equal bytes.
func WriteSessions(sessions, unlinked io.Writer, all iter.Seq2[Found, error]) error {
	links, rest := newCSVTable("sessions", sessions, linkHeader), newCSVTable("unlinked sessions", unlinked, unlinkedHeader)
	for found, err := range all {
		if err != nil {
			return err
		}
		for _, l := range slices.SortedFunc(slices.Values(found.Links), compareLinks) {
			links.add(l.row())
		}
		for _, u := range slices.SortedFunc(slices.Values(found.Unlinked), compareUnlinked) {
			rest.add(u.row())
		}
	}
	return errors.Join(links.end(), rest.end())
}

var linkHeader = []string{"subject", "session", "study_uid", "accession", "date", "days_from_index", "modalities", "series",
	"method", "quality", "type", "candidates", "ambiguous", "sources", "window"}

func (l Link) row() []string {
	return []string{l.Subject, strconv.Itoa(l.Session), l.StudyUID, l.Accession, l.Date, distance(l.Days, l.HasDays),
		strings.Join(l.Modality, " "), strconv.Itoa(l.Series), string(l.Method), string(l.Quality), string(l.Type),
		strconv.Itoa(l.Candidates), strconv.FormatBool(l.Ambiguous), strconv.Itoa(len(l.Resources)), string(l.Place)}
}

func compareLinks(a, b Link) int {
	return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Session, b.Session), cmp.Compare(a.StudyUID, b.StudyUID))
}

var unlinkedHeader = []string{"subject", "resource", "date", "days_from_index", "modalities", "series", "reason", "candidates"}

func (u Unlinked) row() []string {
	return []string{u.Subject, u.Resource, u.Date, distance(u.Days, u.HasDays), strings.Join(u.Modality, " "),
		strconv.Itoa(u.Series), string(u.Reason), strconv.Itoa(u.Candidates)}
}

func compareUnlinked(a, b Unlinked) int {
	return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Date, b.Date), cmp.Compare(a.Resource, b.Resource),
		cmp.Compare(a.Reason, b.Reason))
}

func distance(days int, known bool) string {
	if !known {
		return ""
	}
	return strconv.Itoa(days)
}

// csvTable is a table under way. The first failure is kept until its end.
type csvTable struct {
	what string
	out  *csv.Writer
}

func newCSVTable(what string, w io.Writer, header []string) *csvTable {
	r := &csvTable{what, csv.NewWriter(w)}
	r.add(header)
	return r
}

func (r *csvTable) add(row []string) { _ = r.out.Write(row) } // csv.Writer.Error keeps it

func (r *csvTable) end() error {
	if r.out.Flush(); r.out.Error() != nil {
		return fmt.Errorf("write %s: %w", r.what, r.out.Error())
	}
	return nil
}
