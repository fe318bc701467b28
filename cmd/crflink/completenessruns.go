package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/crflink/crflink/ecrf/monitoring"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/pipeline"
)

// shownOverTime is how many runs stand side by side in the text.
const shownOverTime = 5

// runsText shows the newest runs side by side, the oldest of them first: for the whole and for each part of the dimensions asked for
// the completeness by value and by variable.
func (c completed) runsText(w io.Writer) error {
	runs := slices.Clone(c.Runs[:min(len(c.Runs), shownOverTime)])
	slices.Reverse(runs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head, whole := []string{"by value / by variable"}, []string{"the study"}
	for _, run := range runs {
		head, whole = append(head, run.AsOf), append(whole, bothShares(&run.Share))
	}
	_, _ = fmt.Fprintln(t, strings.Join(head, "\t"))
	_, _ = fmt.Fprintln(t, strings.Join(whole, "\t"))
	for _, part := range c.parts(runs) {
		line := []string{part.Dimension + " " + part.Name}
		for _, run := range runs {
			line = append(line, bothShares(run.part(part)))
		}
		_, _ = fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	return t.Flush()
}

func bothShares(s *pipeline.Share) string {
	if s == nil {
		return "-"
	}
	of := func(part, whole int64) string { return percent(float64(part)/float64(max(whole, 1)), whole > 0) }
	return of(s.Filled, s.Expected) + " / " + of(s.Seen, s.Variables)
}

func (r runCompleteness) part(p pipeline.Part) *pipeline.Share {
	for i := range r.Parts {
		if r.Parts[i].Dimension == p.Dimension && r.Parts[i].Name == p.Name {
			return &r.Parts[i].Share
		}
	}
	return nil
}

// parts are those of the dimensions asked for that any of the runs has, in the order of the newest run that has them.
func (c completed) parts(runs []runCompleteness) []pipeline.Part {
	var all []pipeline.Part
	for _, run := range slices.Backward(runs) {
		for _, p := range run.Parts {
			part := pipeline.Part{Dimension: p.Dimension, Name: p.Name}
			if slices.Contains(c.By, monitoring.Dimension(p.Dimension)) && !slices.Contains(all, part) {
				all = append(all, part)
			}
		}
	}
	return all
}

// runsCSV writes a line for the whole and for each part of each run, the newest run first.
func (c completed) runsCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	line := func(asOf, dimension, name string, s pipeline.Share) {
		cells := []string{asOf, dimension, table.Escape(name)}
		for _, n := range []int64{s.Filled, s.Expected, s.Variables, s.Seen} {
			cells = append(cells, strconv.FormatInt(n, 10))
		}
		_ = out.Write(cells) // told by Error
	}
	_ = out.Write([]string{"as_of", "dimension", "name", "filled", "expected", "variables", "variables_filled"})
	for _, run := range c.Runs {
		line(run.AsOf, "study", "", run.Share)
		for _, p := range run.Parts {
			line(run.AsOf, p.Dimension, p.Name, p.Share)
		}
	}
	out.Flush()
	return out.Error()
}
