package imaging

import (
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/internal/finding"
)

// Pair is a resource with the study that crflink linked to it, or the likeliest one of those that it did not. It is what a
// person judges without being told which of the two it is.
type Pair struct {
	Subject, Resource, StudyUID string
	Offer                       // of the resource: day and modalities
	Linked                      bool
}

// Pairs returns what a sample is drawn from: every resource of a link that no person decided, and every resource without one.
func Pairs(links []Link, unlinked []Unlinked) (all []Pair) {
	for _, l := range links {
		for _, resource := range l.Resources {
			if l.Method != ByReview && l.StudyUID != "" {
				all = append(all, Pair{l.Subject, resource, l.StudyUID, Offer{Date: l.Date, Days: l.Days, HasDays: l.HasDays, Modality: l.Modality}, true})
			}
		}
	}
	for _, u := range unlinked {
		if u.Reason == NotDone || u.Reason == OutsideConsent {
			continue // there is nothing to be linked
		}
		p := Pair{Subject: u.Subject, Resource: u.Resource, Offer: Offer{Date: u.Date, Days: u.Days, HasDays: u.HasDays, Modality: u.Modality}}
		if len(u.Offers) > 0 {
			p.StudyUID = u.Offers[0].StudyUID
		}
		all = append(all, p)
	}
	return all
}

var sampleHeader = []string{"number", "subject", "resource", "study_uid", "date", "days_from_index", "modalities", "verdict"}

// WriteSample writes a random sample of at most n pairs in random order, with an empty column for the verdict. It tells
// neither how a pair was found nor whether it was linked. Equal pairs and seed give equal bytes.
func WriteSample(w io.Writer, pairs []Pair, n int, seed uint64) error {
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.StudyUID, b.StudyUID))
	})
	chance := rand.New(rand.NewPCG(seed, 0x53616d706c65)) // #nosec G404 -- a sample that can be drawn again
	chance.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	pairs = pairs[:min(n, len(pairs))]
	table := newCSVTable("sample", w, sampleHeader)
	for i, p := range pairs {
		table.add([]string{strconv.Itoa(i + 1), p.Subject, p.Resource, p.StudyUID, p.Date, distance(p.Days, p.HasDays), strings.Join(p.Modality, " "), ""})
	}
	return table.end()
}

// Verdict is what a person says about a pair.
type Verdict string

// The verdicts.
const (
	Same      Verdict = "same"      // the resource stands for the study
	Different Verdict = "different" // it stands for another one, or for none
	Missing   Verdict = "missing"   // there is no study in the row, and the PACS has it
	Nothing   Verdict = "none"      // there is no study in the row, and none at the PACS
	Unclear   Verdict = "unclear"
)

// Judged is a pair with its verdict.
type Judged struct {
	Subject, Resource, StudyUID string
	Verdict                     Verdict
}

// ReadSample reads a sample that a person judged. The error is a finding.List that names every wrong line.
func ReadSample(file string, r io.Reader) ([]Judged, error) {
	var list finding.List
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil || len(header) != len(sampleHeader) {
		list.Add(file, 1, 1, "keep the columns as crflink imaging link wrote them", "this is not a sample")
		return nil, list.Err()
	}
	var all []Judged
	for len(list) < maxFindings {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			list.Add(file, csvLine(err), 1, "quote values that hold a comma", "this is not a CSV line")
			break
		}
		line, _ := in.FieldPos(0)
		j := Judged{row[1], row[2], row[3], Verdict(strings.ToLower(strings.TrimSpace(row[7])))}
		if fits := j.allowed(); !slices.Contains(fits, string(j.Verdict)) {
			list.Add(file, line, 8, "write one of "+strings.Join(fits, ", ")+", or nothing", "the verdict is not known")
		}
		if j.Verdict != "" {
			all = append(all, j)
		}
	}
	return all, list.Err()
}

func (j Judged) allowed() []string {
	if j.StudyUID == "" {
		return []string{"", string(Missing), string(Nothing), string(Unclear)}
	}
	return []string{"", string(Same), string(Different), string(Unclear)}
}

// Rate is a share with its 95 % interval after Wilson.
type Rate struct {
	Hits int     `json:"hits"`
	Of   int     `json:"of"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// NewRate computes the interval. Of nothing, nothing is known.
func NewRate(hits, of int) Rate {
	if of == 0 {
		return Rate{High: 1}
	}
	const z = 1.959963984540054
	n, p := float64(of), float64(hits)/float64(of)
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return Rate{hits, of, max(0, middle-half), min(1, middle+half)}
}

// Agreement is how a judged sample agrees with the links.
type Agreement struct {
	Precision Rate `json:"precision"` // of the links, those that are right
	Recall    Rate `json:"recall"`    // of the studies that are there, those that are linked
	Unclear   int  `json:"unclear"`
	Gone      int  `json:"gone"` // judged pairs that are no more: linking has changed since
}

// Agree compares verdicts with pairs as they are now.
func Agree(judged []Judged, pairs []Pair) *Agreement {
	type place struct{ subject, resource, study string }
	linked, known := map[place]bool{}, map[[2]string]bool{}
	for _, p := range pairs {
		known[[2]string{p.Subject, p.Resource}] = true
		if p.Linked {
			linked[place{p.Subject, p.Resource, p.StudyUID}] = true
		}
	}
	right, wrong, missed := 0, 0, 0
	a := &Agreement{}
	for _, j := range judged {
		is := linked[place{j.Subject, j.Resource, j.StudyUID}]
		switch {
		case !known[[2]string{j.Subject, j.Resource}]:
			a.Gone++
		case j.Verdict == Unclear:
			a.Unclear++
		case is && j.Verdict == Same:
			right++
		case is && j.Verdict == Different:
			wrong++
		case j.Verdict == Same || j.Verdict == Missing:
			missed++
		}
	}
	a.Precision, a.Recall = NewRate(right, right+wrong), NewRate(right, right+missed)
	return a
}

func (a *Agreement) print(p *printer) {
	for _, r := range []struct {
		name string
		rate Rate
	}{{"precision", a.Precision}, {"recall", a.Recall}} {
		p.line(r.name, "%d of %d, 95 %% interval %.3f to %.3f", r.rate.Hits, r.rate.Of, r.rate.Low, r.rate.High)
	}
	p.line("", "unclear %d, pairs that are no more %d", a.Unclear, a.Gone)
}
