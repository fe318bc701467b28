package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// WriteSummary writes the Run for a terminal: plain lines and one table, at most about 100 columns wide, without
// colours or control characters.
func WriteSummary(w io.Writer, r Run) error {
	var b strings.Builder
	head(&b, r)
	patients(&b, r)
	data(&b, r)
	if len(r.Forms) > 0 && !r.DryRun { // a dry run does not count what the ledger holds
		b.WriteString(completeness(r) + "\n\n")
	}
	delivery(&b, r)
	fmt.Fprintf(&b, "\n%s (exit code %d)\n", clean(r.Verdict.String()), r.Verdict.Exit)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

func head(b *strings.Builder, r Run) {
	fmt.Fprintf(b, "%s (%s %s), as of %s\n", label(r.Study.ID, r.Study.Title), clean(r.Study.ID), clean(r.Study.Version), clean(r.AsOf))
	if r.Policy.NoConsentChecked() {
		b.WriteString("\n" + strings.Repeat("!", 72) + "\n!!  " + noConsent + "\n" + strings.Repeat("!", 72) + "\n")
	}
	if r.DryRun {
		b.WriteString("dry run: nothing was written\n")
	}
	for _, warning := range append(r.Unbalanced(), r.Warnings...) {
		fmt.Fprintf(b, "warning: %s\n", clean(warning))
	}
	b.WriteString("\n")
}

// noConsent is the banner of a run without a policy.
const noConsent = "NO CONSENT WAS CHECKED: the policy of this run is of kind none."

func patients(b *strings.Builder, r Run) {
	for _, s := range r.Sources {
		if s.Silent != "" {
			fmt.Fprintf(b, "source     %s: NOT REACHED: %s\n", clean(s.Name), clean(s.Silent))
			continue
		}
		fmt.Fprintf(b, "source     %s: patients %s\n", clean(s.Name), s.Patients)
	}
	p := r.Patients
	fmt.Fprintf(b, "patients   found %s, permitted %s, enrolled %s, delivered %s\n", p.Found, p.Permitted, p.Enrolled, p.Delivered)
	tally(b, "held", p.Held)
	tally(b, "excluded", p.Excluded)
	if p.NotEnrolled != 0 {
		fmt.Fprintf(b, "           not enrolled %s\n", p.NotEnrolled)
	}
	tally(b, "not identified", p.Unidentified)
	tally(b, "failed", p.Failed)
}

func data(b *strings.Builder, r Run) {
	fmt.Fprintf(b, "resources  read %s, kept %s\n", r.Resources.Read, r.Resources.Kept)
	tally(b, "dropped", r.Resources.Dropped)
	tally(b, "rejected", r.Resources.Rejected)
	for _, rej := range first(r.Rejected, 10) {
		fmt.Fprintf(b, "           %s %s: %s\n", label("unknown type", rej.Type), clean(rej.Origin), clean(rej.Reason))
	}
	if more := len(r.Rejected) - 10; more > 0 {
		fmt.Fprintf(b, "           and %d more; the report lists them\n", more)
	}
	cells(b, r)
	if i := r.Imaging; i.Resources != 0 {
		fmt.Fprintf(b, "imaging    studies %s, linked %s, of other modalities %s\n", i.Resources, i.Linked, i.OutOfScope)
		tally(b, "links", i.Links)
		tally(b, "not linked", i.Unlinked)
		tally(b, "refused", i.Refused)
	}
	b.WriteString("\n")
}

func cells(b *strings.Builder, r Run) {
	c := r.Cells
	if r.DryRun {
		fmt.Fprintf(b, "cells      would be new %s, changed %s, vanished %s\n", c.New, c.Changed, c.Vanished)
		return
	}
	fmt.Fprintf(b, "cells      filled %s: new %s, changed %s, unchanged %s; vanished %s; conflicts %s\n", c.Filled, c.New, c.Changed, c.Unchanged, c.Vanished, c.Conflicts)
	tally(b, "empty", c.Empty)
}

func delivery(b *strings.Builder, r Run) {
	for _, t := range r.Targets {
		place(b, t)
		if t.Error != "" {
			fmt.Fprintf(b, "           failed: %s\n", clean(t.Error))
		}
		if t.Disclosure != nil {
			fmt.Fprintf(b, "           %s\n", clean(t.Disclosure.String()))
		}
	}
	if r.AuditHead != "" {
		fmt.Fprintf(b, "audit      head %s\n", clean(r.AuditHead))
	}
	for _, s := range r.Stages {
		fmt.Fprintf(b, "time       %-12s %10s", clean(s.Name), seconds(s.Seconds))
		if s.Rate() > 0 {
			fmt.Fprintf(b, "  %s %s, %s/s", grouped(s.Count), clean(s.Unit), grouped(int64(s.Rate()+0.5)))
		}
		b.WriteString("\n")
	}
}

// place says what became of the cells of a target.
func place(b *strings.Builder, t Target) {
	fmt.Fprintf(b, "target     %s (%s): ", clean(t.Name), clean(t.Kind))
	l := t.Live
	if l == nil {
		fmt.Fprintf(b, "rows %s, cells %s, queries %s\n", t.Rows, t.Cells, t.Queries)
		return
	}
	fmt.Fprintf(b, "cells %s: written %s, unchanged %s, conflicts %s, queries %s, rejected %s, locked %s\n", t.Cells, l.Written, l.Unchanged, l.Conflicts, l.Queries, l.Rejected, l.Locked)
	for _, note := range l.Notes {
		fmt.Fprintf(b, "           note: %s\n", clean(note))
	}
}

// summaryWidth is where lists of reasons are broken, in characters.
const summaryWidth = 100

// tally writes the reasons, in as many lines as they need, and nothing for an empty tally.
func tally(b *strings.Builder, what string, t Tally) {
	reasons := t.Sorted()
	if len(reasons) == 0 {
		return
	}
	line := fmt.Sprintf("%11s%s:", "", what)
	for i, r := range reasons {
		part := " " + inWords([]Reason{r}, 1)
		if i < len(reasons)-1 {
			part += ","
		}
		if utf8.RuneCountInString(line+part) > summaryWidth && i > 0 {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", 13)
		}
		line += part
	}
	b.WriteString(line + "\n")
}

// inWords writes the first n reasons with their counts.
func inWords(reasons []Reason, n int) string {
	var parts []string
	for _, r := range first(reasons, n) {
		parts = append(parts, clean(r.Name)+" "+r.Count.String())
	}
	if len(reasons) > n {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }

func completeness(r Run) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"form", "items", "filled", "empty", "complete", "most frequent reasons"})
	for _, f := range r.Forms {
		filled, empty := f.totals()
		t.AppendRow(table.Row{clean(f.Name), len(f.Items), filled, empty.Sum(), percent(f.Completeness()), inWords(empty.Sorted(), 2)})
	}
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 2, Align: text.AlignRight}, {Number: 3, Align: text.AlignRight}, {Number: 4, Align: text.AlignRight},
		{Number: 5, Align: text.AlignRight}, {Number: 6, WidthMax: 44},
	})
	return t.Render()
}

// totals sums up the items of the form.
func (f Form) totals() (filled Count, empty Tally) {
	for _, i := range f.Items {
		filled += i.Filled.lower()
		for reason, n := range i.Empty {
			empty.Add(reason, int(n.lower()))
		}
	}
	return filled, empty
}

// percent writes a share as a whole percentage.
func percent(share float64, ok bool) string {
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", rounded(share))
}

// rounded returns a share as a whole percentage. Neither 100 nor 0 is said of what is only nearly so.
func rounded(share float64) float64 {
	switch p := share * 100; {
	case p > 99 && p < 100:
		return 99
	case p > 0 && p < 1:
		return 1
	default:
		return math.Round(p)
	}
}

// seconds writes a duration so that people can compare it.
func seconds(s float64) string {
	switch {
	case s < 0.0995:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 120:
		return fmt.Sprintf("%.1f s", s)
	}
	n := int64(s + 0.5)
	if n < 7200 {
		return fmt.Sprintf("%d min %02d s", n/60, n%60)
	}
	return fmt.Sprintf("%d h %02d min", n/3600, n/60%60)
}
