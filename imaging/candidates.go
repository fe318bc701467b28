package imaging

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
)

// Candidates are the studies that a PACS has. It is immutable and prints nothing of what it holds.
type Candidates struct {
	studies  map[string]*candidate
	byNumber map[string][]*candidate
	bySeries map[string][]*candidate
	hashed   map[string]*candidate // by recomputed id
}

type candidate struct {
	uid      string
	patients []string // a study that was sent under two PatientIDs has two
	numbers  []string
	days     []fhir.Day
}

// The columns of a list of candidates. study_uid is required.
var candidateColumns = []string{"study_uid", "accession", "patient", "date", "series_uid"}

// ReadCandidates reads a list of studies as CSV (RFC 4180, comma, UTF-8) with a header line: study_uid, and optionally
// accession, patient (PatientID), date (YYYYMMDD or YYYY-MM-DD) and series_uid, in any order. A study may stand in
// several lines. The error is a finding.List that names every wrong line and repeats no value.
//
// For each of the hash systems the id of an ImagingStudy is compared with sha256hex(system + "|" + StudyInstanceUID) of
// every candidate: converters that write no UID make their ids so.
func ReadCandidates(file string, r io.Reader, hashSystems []string) (*Candidates, error) {
	c := &Candidates{studies: map[string]*candidate{}, byNumber: map[string][]*candidate{}, bySeries: map[string][]*candidate{}, hashed: map[string]*candidate{}}
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the header line cannot be read; it names the columns %s", file, strings.Join(candidateColumns, ", "))
	}
	var list finding.List
	column := columns(file, header, &list)
	for len(list) < maxFindings {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			list.Add(file, csvLine(err), 1, "quote values that hold a comma; every line has as many values as the header", "this is not a CSV line")
			if len(row) == 0 {
				break
			}
			continue
		}
		c.take(file, line, row, column, &list)
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	c.hash(hashSystems)
	return c, nil
}

const maxFindings = 100

func csvLine(err error) int {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return e.Line
	}
	return 1
}

func columns(file string, header []string, list *finding.List) map[string]int {
	column := map[string]int{}
	for i, name := range header {
		name = strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")
		if !slices.Contains(candidateColumns, name) {
			list.Add(file, 1, i+1, finding.DidYouMean(name, candidateColumns), "column %d is not known", i+1)
			continue
		}
		column[name] = i
	}
	if _, ok := column["study_uid"]; !ok {
		list.Add(file, 1, 1, "add the StudyInstanceUID (0020,000D) of each study", "there is no column study_uid")
	}
	return column
}

func (c *Candidates) take(file string, line int, row []string, column map[string]int, list *finding.List) {
	get := func(name string) string {
		if i, ok := column[name]; ok {
			return trimPadding(row[i])
		}
		return ""
	}
	uid, ok := ParseUID(get("study_uid"))
	if !ok {
		list.Add(file, line, 1, "a UID has digits and dots, no leading zeros, and at most 64 characters", "study_uid is not a DICOM UID")
		return
	}
	study := c.study(uid)
	study.patients = insert(study.patients, get("patient"))
	if text := get("date"); text != "" {
		day, err := studyDate(text)
		if err != nil {
			list.Add(file, line, 1, "write YYYYMMDD or YYYY-MM-DD", "date is not a calendar day")
		} else if !slices.Contains(study.days, day) {
			study.days = append(study.days, day)
		}
	}
	c.index(file, line, study, get, list)
}

func (c *Candidates) index(file string, line int, study *candidate, get func(string) string, list *finding.List) {
	if text := get("accession"); text != "" {
		number, ok := parseAccession(text)
		if !ok {
			list.Add(file, line, 1, "an accession number has no backslash, wildcard or control character", "accession is not an accession number")
		} else if !slices.Contains(study.numbers, number) {
			study.numbers = append(study.numbers, number)
			c.byNumber[number] = append(c.byNumber[number], study)
		}
	}
	if text := get("series_uid"); text != "" {
		series, ok := ParseUID(text)
		if !ok {
			list.Add(file, line, 1, "a UID has digits and dots, no leading zeros, and at most 64 characters", "series_uid is not a DICOM UID")
		} else if !slices.Contains(c.bySeries[series], study) {
			c.bySeries[series] = append(c.bySeries[series], study)
		}
	}
}

func (c *Candidates) study(uid string) *candidate {
	if c.studies[uid] == nil {
		c.studies[uid] = &candidate{uid: uid}
	}
	return c.studies[uid]
}

func insert(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// studyDate reads a DICOM DA or an ISO date.
func studyDate(text string) (fhir.Day, error) {
	if len(text) == 8 {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	return fhir.ParseDay(text)
}

// Len returns the number of studies.
func (c *Candidates) Len() int {
	if c == nil {
		return 0
	}
	return len(c.studies)
}

func (c *Candidates) hash(systems []string) {
	for _, system := range systems {
		for uid, study := range c.studies {
			sum := sha256.Sum256([]byte(system + "|" + uid))
			c.hashed[hex.EncodeToString(sum[:])] = study
		}
	}
}

// String tells how many studies there are.
func (c *Candidates) String() string { return fmt.Sprintf("%d candidate studies", c.Len()) }

// GoString is String: %#v prints nothing of the content.
func (c *Candidates) GoString() string { return c.String() }

// Format is String for every verb.
func (c *Candidates) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

func (c *Candidates) find(uid string) *candidate {
	if c == nil {
		return nil
	}
	return c.studies[uid]
}

func (c *Candidates) ofID(id string) *candidate {
	if c == nil || len(id) != 2*sha256.Size {
		return nil
	}
	return c.hashed[strings.ToLower(id)]
}

// ofSeries returns the distinct studies that have any of the series.
func (c *Candidates) ofSeries(series []string) []*candidate {
	var found []*candidate
	if c == nil {
		return nil
	}
	for _, uid := range series {
		for _, study := range c.bySeries[uid] {
			if !slices.Contains(found, study) {
				found = append(found, study)
			}
		}
	}
	return found
}

// ofNumber returns the studies with the accession number that were made of one of the patients.
func (c *Candidates) ofNumber(number string, patients []string) []*candidate {
	if c == nil {
		return nil
	}
	var found []*candidate
	for _, study := range c.byNumber[number] {
		if slices.ContainsFunc(study.patients, func(p string) bool { return slices.Contains(patients, p) }) {
			found = append(found, study)
		}
	}
	return found
}
