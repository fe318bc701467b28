// Package checkup is what an examination of servers and places found.
//
//   - A Remark is what one check of one thing said, with a hint where a person has to do something.
//   - A Verdict says how bad it is: Good, Doubtful (it may work, or not for long), or Bad (a run would fail).
//
// Remarks name servers, types and counts. They never name a patient, and hold nothing that a server said about one.
package checkup

import (
	"slices"
	"time"
)

// Verdict says how bad a remark is.
type Verdict string

// The verdicts.
const (
	Good     Verdict = "good"
	Doubtful Verdict = "doubtful"
	Bad      Verdict = "bad"
)

// Remark is what one check said.
type Remark struct {
	Of      string  `json:"of"`    // what was examined: source hospital
	Check   string  `json:"check"` // certificate
	Verdict Verdict `json:"verdict"`
	Said    string  `json:"said"`
	Hint    string  `json:"hint,omitempty"`
}

// Report collects remarks about one thing.
type Report struct {
	Of      string
	Remarks []Remark
}

// Add adds a remark.
func (r *Report) Add(check string, v Verdict, said, hint string) {
	r.Remarks = append(r.Remarks, Remark{r.Of, check, v, said, hint})
}

// Good adds a remark without a hint.
func (r *Report) Good(check, said string) { r.Add(check, Good, said, "") }

// Bad adds an error as a remark.
func (r *Report) Bad(check string, err error, hint string) { r.Add(check, Bad, err.Error(), hint) }

// IsBad reports whether a run would fail.
func IsBad(all []Remark) bool {
	return slices.ContainsFunc(all, func(m Remark) bool { return m.Verdict == Bad })
}

// soon is how long before its end a certificate or token is told of.
const soon = 21 * 24 * time.Hour

// Expiry adds a remark on something that is over at some time.
func (r *Report) Expiry(check string, at, now time.Time, hint string) {
	said := at.UTC().Format("good until 2006-01-02")
	switch left := at.Sub(now); {
	case left <= 0:
		r.Add(check, Bad, at.UTC().Format("over since 2006-01-02"), hint)
	case left < soon:
		r.Add(check, Doubtful, said, hint)
	default:
		r.Good(check, said)
	}
}

// Soon reports whether something is over, or nearly.
func Soon(at, now time.Time) bool { return at.Sub(now) < soon }

// Clocks a minute apart are suspicious; five minutes apart, signed assertions are refused and watermarks miss changes.
const (
	apart    = time.Minute
	farApart = 5 * time.Minute
)

// Clock compares a server's clock with this machine's.
func (r *Report) Clock(theirs, ours time.Time) {
	const hint = "let both machines ask a time server"
	skew := theirs.Sub(ours).Round(time.Second)
	said := "as here, to the second or two"
	if skew.Abs() > 2*time.Second {
		said = "it is " + skew.Abs().String() + " behind"
		if skew > 0 {
			said = "it is " + skew.String() + " ahead"
		}
	}
	switch {
	case skew.Abs() > farApart:
		r.Add("clock", Bad, said, hint)
	case skew.Abs() > apart:
		r.Add("clock", Doubtful, said, hint)
	default:
		r.Good("clock", said)
	}
}
