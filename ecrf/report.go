package ecrf

import (
	"fmt"
	"io"
	"strings"
)

// Report lists everything that an import could not take over as it was.
type Report []Remark

// RemarkKinds lists the kinds in the order of the report.
func RemarkKinds() []RemarkKind { return []RemarkKind{LeftOut, Changed, Assumed, Look} }

// Count returns the number of remarks of a kind.
func (r Report) Count(kind RemarkKind) int {
	n := 0
	for _, x := range r {
		if x.Kind == kind {
			n++
		}
	}
	return n
}

// Write writes the report for a person: by kind, and remarks of the same text together, in the order in which they
// first came up.
func (r Report) Write(w io.Writer) error {
	for _, kind := range RemarkKinds() {
		n := r.Count(kind)
		if n == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s (%d)\n", kind, n); err != nil {
			return err
		}
		if err := r.write(w, kind); err != nil {
			return err
		}
	}
	return nil
}

func (r Report) write(w io.Writer, kind RemarkKind) error {
	var texts []string
	places := map[string][]string{}
	for _, x := range r {
		if x.Kind != kind {
			continue
		}
		if _, seen := places[x.What]; !seen {
			texts = append(texts, x.What)
		}
		places[x.What] = append(places[x.What], x.Where)
	}
	for _, text := range texts {
		line := "  " + text
		if where := strings.Join(places[text], ", "); where != "" {
			line += ": " + where
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
