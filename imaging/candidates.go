package imaging

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Candidates are the studies that a PACS has of one patient, as far as consent covers them. It is immutable and prints
// nothing of what it holds. A nil Candidates is a PACS that was not asked.
type Candidates struct {
	studies []Examination // by UID
	outside []string      // UIDs of studies that consent does not cover
	hashed  map[string]*examination
	asked   Asked
}

// Asked counts what a PACS was asked for and what it gave.
type Asked struct {
	Subjects     int `json:"subjects"`     // patients that it was asked for
	Examinations int `json:"examinations"` // studies that consent covers
	Outside      int `json:"outside"`      // studies that it does not cover: another day, or none
	Foreign      int `json:"foreign"`      // rows of another issuer
	Unaskable    int `json:"unaskable"`    // PatientIDs that cannot be asked for exactly
}

// newCandidates takes studies together. For each of the hash systems the id of an ImagingStudy is compared with
// sha256hex(system + "|" + StudyInstanceUID) of every study: converters that write no UID make their ids so.
func newCandidates(answer Answer, hashSystems []string, unaskable int) *Candidates {
	c := &Candidates{studies: slices.Clone(answer.Examinations), outside: slices.Clone(answer.Outside), hashed: map[string]*examination{}}
	slices.SortFunc(c.studies, compareUID)
	slices.Sort(c.outside)
	for _, system := range hashSystems {
		for _, e := range c.studies {
			sum := sha256.Sum256([]byte(system + "|" + e.of.uid))
			c.hashed[hex.EncodeToString(sum[:])] = e.of
		}
	}
	c.asked = Asked{1, len(c.studies), len(c.outside), answer.Foreign, unaskable}
	return c
}

// Len returns the number of studies.
func (c *Candidates) Len() int {
	if c == nil {
		return 0
	}
	return len(c.studies)
}

// WriteTo writes all that linkage sees of them, in a fixed order. It is for digests only.
func (c *Candidates) WriteTo(w io.Writer) (int64, error) {
	if c == nil {
		return 0, nil
	}
	var b strings.Builder
	for _, e := range c.studies {
		fmt.Fprintf(&b, "study %q %q %q %v %q %d %q\n", e.of.uid, e.of.patients, e.of.numbers, e.of.days, e.of.modalities, e.of.count, e.of.series)
	}
	fmt.Fprintf(&b, "outside %q %+v\n", c.outside, c.asked)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// String tells how many studies there are.
func (c *Candidates) String() string { return fmt.Sprintf("%d candidate studies", c.Len()) }

// GoString is String: %#v prints nothing of the content.
func (c *Candidates) GoString() string { return c.String() }

// Format is String for every verb.
func (c *Candidates) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

func (c *Candidates) find(uid string) *examination {
	if c == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(c.studies, uid, func(e Examination, uid string) int { return strings.Compare(e.of.uid, uid) })
	if !ok {
		return nil
	}
	return c.studies[i].of
}

func (c *Candidates) ofID(id string) *examination {
	if c == nil || len(id) != 2*sha256.Size {
		return nil
	}
	return c.hashed[strings.ToLower(id)]
}

// isOutside reports whether the PACS has the study on a day that consent does not cover.
func (c *Candidates) isOutside(uid string) bool { return c != nil && slices.Contains(c.outside, uid) }

// which returns the studies that fit.
func (c *Candidates) which(fits func(*examination) bool) (found []*examination) {
	if c == nil {
		return nil
	}
	for _, e := range c.studies {
		if fits(e.of) {
			found = append(found, e.of)
		}
	}
	return found
}

// ofSeries returns the studies that have any of the series.
func (c *Candidates) ofSeries(series []string) []*examination {
	return c.which(func(e *examination) bool {
		return slices.ContainsFunc(e.series, func(uid string) bool { return slices.Contains(series, uid) })
	})
}

// ofNumber returns the studies with the accession number that are kept under one of the patients.
func (c *Candidates) ofNumber(number string, patients []string) []*examination {
	return c.which(func(e *examination) bool { return slices.Contains(e.numbers, number) && e.isOf(patients) })
}

// isOf reports whether the study is kept under one of the patients.
func (e *examination) isOf(patients []string) bool {
	return slices.ContainsFunc(e.patients, func(p string) bool { return slices.Contains(patients, p) })
}

func insert(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
