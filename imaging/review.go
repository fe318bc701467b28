package imaging

import (
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/internal/finding"
)

// ReviewFile is the name of the list of cases that a person decides.
const ReviewFile = "match_review.csv"

// Choice is what a person decides about a row of the review.
type Choice string

// The choices.
const (
	Open   Choice = ""       // not decided yet
	Accept Choice = "link"   // the resource stands for the study, or, without a resource, the study is the subject's
	Reject Choice = "reject" // it does not; without a study: no study at the PACS is the one
)

// ReviewRow is a pair of resource and study that a person decides about, in pseudonymous terms. Either may be missing: a
// resource for which the PACS offers nothing, a study at the PACS without a resource.
type ReviewRow struct {
	Subject, Resource, StudyUID string
	Reason                      Reason
	Of                          Offer // the resource: its day, modalities and series
	Offer                       Offer // the study
	Choice                      Choice
	By, Note                    string
}

var reviewHeader = []string{"subject", "resource", "study_uid", "reason", "resource_date", "resource_days", "resource_modalities",
	"study_date", "study_days", "study_modalities", "study_series", "score", "for", "decision", "by", "note"}

// WriteReview writes rows as CSV. Equal rows give equal bytes.
func WriteReview(w io.Writer, rows []ReviewRow) error {
	table := newCSVTable("review", w, reviewHeader)
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b ReviewRow) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Resource, b.Resource), -cmp.Compare(a.Offer.Score, b.Offer.Score), cmp.Compare(a.StudyUID, b.StudyUID))
	})
	for i := range sorted {
		table.add(sorted[i].row())
	}
	return table.end()
}

func (r *ReviewRow) row() []string {
	score := ""
	if len(r.Offer.For) > 0 {
		score = strconv.Itoa(r.Offer.Score)
	}
	series := ""
	if r.StudyUID != "" {
		series = strconv.Itoa(r.Offer.Series)
	}
	return []string{r.Subject, r.Resource, r.StudyUID, string(r.Reason), r.Of.Date, distance(r.Of.Days, r.Of.HasDays), strings.Join(r.Of.Modality, " "),
		r.Offer.Date, distance(r.Offer.Days, r.Offer.HasDays), strings.Join(r.Offer.Modality, " "), series, score, strings.Join(r.Offer.For, " "),
		string(r.Choice), r.By, r.Note}
}

// NotClaimed is the reason of a study at the PACS that no resource stands for.
const NotClaimed Reason = "no-resource"

// Cases are the rows of what linking left open.
func Cases(unlinked []Unlinked, unclaimed []Unclaimed) (rows []ReviewRow) {
	for _, u := range unlinked {
		if u.Reason == NotDone || u.Reason == Refuted || u.Reason == OutsideConsent {
			continue // nothing to decide
		}
		row := ReviewRow{Subject: u.Subject, Resource: u.Resource, Reason: u.Reason, Of: Offer{Date: u.Date, Days: u.Days, HasDays: u.HasDays, Modality: u.Modality}}
		if len(u.Offers) == 0 {
			rows = append(rows, row)
		}
		for _, o := range u.Offers {
			row.StudyUID, row.Offer = o.StudyUID, o
			rows = append(rows, row)
		}
	}
	for _, u := range unclaimed {
		rows = append(rows, ReviewRow{Subject: u.Subject, StudyUID: u.StudyUID, Reason: NotClaimed, Offer: u.Offer})
	}
	return rows
}

// Merge takes decided rows over and adds what is open now. Rows that were open and are no more are left out.
func Merge(decided, open []ReviewRow) []ReviewRow {
	var all []ReviewRow
	have := map[[3]string]bool{}
	for _, r := range decided {
		if r.Choice != Open {
			have[r.key()] = true
			all = append(all, r)
		}
	}
	for _, r := range open {
		if !have[r.key()] {
			all = append(all, r)
		}
	}
	return all
}

// ReviewCounts counts the rows of a review.
type ReviewCounts struct {
	Cases   int `json:"cases"` // resources, and studies without one, that are open
	Open    int `json:"open"`
	Decided int `json:"decided"`
}

// Count counts rows.
func Count(rows []ReviewRow) (c ReviewCounts) {
	cases := map[[3]string]bool{}
	for _, r := range rows {
		if r.Choice != Open {
			c.Decided++
			continue
		}
		c.Open++
		k := r.key()
		if r.Resource != "" {
			k[2] = ""
		}
		cases[k] = true
	}
	c.Cases = len(cases)
	return c
}

func (r ReviewRow) key() [3]string { return [3]string{r.Subject, r.Resource, r.StudyUID} }

// ReadReview reads rows that a person worked on. The error is a finding.List that names every wrong line. Spreadsheets may
// have added a byte order mark, and may have moved columns.
func ReadReview(file string, r io.Reader) ([]ReviewRow, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	var list finding.List
	if err != nil {
		list.Add(file, 1, 1, "the first line names the columns, separated by commas", "this is not a CSV file with a header line")
		return nil, list.Err()
	}
	column := reviewColumns(file, header, &list)
	var rows []ReviewRow
	for len(list) == 0 || len(list) < maxFindings {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			list.Add(file, csvLine(err), 1, "quote values that hold a comma; every line has as many values as the header", "this is not a CSV line")
			break
		}
		line, _ := in.FieldPos(0)
		rows = append(rows, reviewRow(file, line, record, column, &list))
	}
	contradictions(file, rows, &list)
	return rows, list.Err()
}

const maxFindings = 100

func csvLine(err error) int {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return e.Line
	}
	return 1
}

func reviewColumns(file string, header []string, list *finding.List) map[string]int {
	column := map[string]int{}
	for i, name := range header {
		column[strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")] = i
	}
	for _, name := range reviewHeader {
		if _, ok := column[name]; !ok {
			list.Add(file, 1, 1, "keep the columns as crflink imaging review wrote them", "there is no column %s", name)
		}
	}
	return column
}

func reviewRow(file string, line int, record []string, column map[string]int, list *finding.List) ReviewRow {
	get := func(name string) string {
		if i, ok := column[name]; ok {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	number := func(name string) (int, bool) { n, err := strconv.Atoi(get(name)); return n, err == nil }
	r := ReviewRow{Subject: get("subject"), Resource: get("resource"), StudyUID: get("study_uid"), Reason: Reason(get("reason")), Choice: Choice(strings.ToLower(get("decision"))), By: get("by"), Note: get("note")}
	r.Of = Offer{Date: get("resource_date"), Modality: strings.Fields(get("resource_modalities"))}
	r.Of.Days, r.Of.HasDays = number("resource_days")
	r.Offer = Offer{StudyUID: r.StudyUID, Date: get("study_date"), Modality: strings.Fields(get("study_modalities")), For: strings.Fields(get("for"))}
	r.Offer.Days, r.Offer.HasDays = number("study_days")
	r.Offer.Series, _ = number("study_series")
	r.Offer.Score, _ = number("score")
	at := column["decision"] + 1
	switch {
	case r.Choice != Open && r.Choice != Accept && r.Choice != Reject:
		list.Add(file, line, at, "write link, reject, or nothing", "the decision is not known")
	case r.Choice == Accept && r.StudyUID == "":
		list.Add(file, line, at, "link needs a study; reject says that there is none", "there is no study to link")
	case r.Choice != Open && r.Subject == "":
		list.Add(file, line, 1, "", "a decision needs the subject")
	case r.Choice != Open && r.By == "":
		list.Add(file, line, column["by"]+1, "write who decided into the column by", "nobody is named for the decision")
	}
	return r
}

// contradictions finds pairs that are decided in two ways.
func contradictions(file string, rows []ReviewRow, list *finding.List) {
	first := map[[3]string]int{}
	for i, r := range rows {
		if r.Choice == Open {
			continue
		}
		if j, ok := first[r.key()]; ok && rows[j].Choice != r.Choice {
			list.Add(file, i+2, 1, fmt.Sprintf("line %d says otherwise; keep one of them", j+2), "the same pair is decided in two ways")
		} else if !ok {
			first[r.key()] = i
		}
	}
}

// Decisions are the decided rows of a review, by subject and resource.
type Decisions struct {
	by   map[[2]string]verdicts
	hash string
	n    int
}

// verdicts are what a person said about one resource, or about a subject's studies without a resource.
type verdicts struct {
	chosen, rejected map[string]bool // pseudonymous study UIDs
	none             bool            // no study is the one
}

// NewDecisions takes the decided rows.
func NewDecisions(rows []ReviewRow) *Decisions {
	d := &Decisions{by: map[[2]string]verdicts{}}
	sum := sha256.New()
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b ReviewRow) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.StudyUID, b.StudyUID))
	})
	for _, r := range rows {
		if r.Choice == Open {
			continue
		}
		d.n++
		_, _ = fmt.Fprintf(sum, "%q %q %q %s\n", r.Subject, r.Resource, r.StudyUID, r.Choice)
		k := [2]string{r.Subject, r.Resource}
		v, ok := d.by[k]
		if !ok {
			v = verdicts{chosen: map[string]bool{}, rejected: map[string]bool{}}
		}
		switch {
		case r.Choice == Accept:
			v.chosen[r.StudyUID] = true
		case r.StudyUID == "":
			v.none = true
		default:
			v.rejected[r.StudyUID] = true
		}
		d.by[k] = v
	}
	d.hash = hex.EncodeToString(sum.Sum(nil))
	return d
}

func (d *Decisions) of(subject, resource string) verdicts {
	if d == nil {
		return verdicts{}
	}
	return d.by[[2]string{subject, resource}]
}

// Hash is that of the decisions, "" when there are none.
func (d *Decisions) Hash() string {
	if d == nil || d.n == 0 {
		return ""
	}
	return d.hash
}

// Len returns how many rows are decided.
func (d *Decisions) Len() int {
	if d == nil {
		return 0
	}
	return d.n
}
