package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
)

//go:embed page/report.html.tmpl
var pageText string

//go:embed page/report.css
var style string

var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("report").Parse(pageText)) })

// contentPolicy lets a browser load nothing and run nothing: the one style sheet is named by its hash.
func contentPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// maxRejected bounds the list of rejected resources in the page; the JSON has all.
const maxRejected = 500

// WriteHTML writes the Run as one file for a browser: it loads nothing, runs no script, and is legible in light and dark
// surroundings and on paper. Every text from outside is escaped.
func WriteHTML(w io.Writer, r Run) error {
	if err := pageTemplate().Execute(w, newView(r)); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// view is what the page shows, in words.
type view struct {
	CSP                                          string
	CSS                                          template.CSS
	Title, ID, StudyVersion, AsOf, Started, Took string
	Policy, Verdict, Level, Sign, Version        string
	Exit                                         int
	NoConsent                                    string
	DryRun, Suppressed, HasImaging               bool
	Warnings                                     []string
	AuditHead                                    string
	Figures                                      []figure
	Flow                                         flow
	Drops                                        []row
	Forms                                        []heatForm
	Legend                                       []legendKey
	Changes, Empty, Links, Unlinked              rows
	Dropped, RejectedBy                          rows
	ImagingLead, ResourcesLead, MoreRejected     string
	Rejected                                     []Rejected
	Targets                                      []Target
	Stages                                       []stageRow
	Inputs                                       []Input
}

type figure struct{ Number, What, Note string }

// row is a line of a table with a bar from 0 to 100.
type row struct {
	Group, Name string
	Count       Count
	Bar         string
}

type rows struct {
	Caption, Head string
	Rows          []row
}

type stageRow struct{ Name, Took, Bar, Done, Rate string }

func newView(r Run) view {
	v := view{
		CSP: contentPolicy(), CSS: template.CSS(style), // #nosec G203 -- our own file
		Title: label(r.Study.ID, r.Study.Title), ID: clean(r.Study.ID), StudyVersion: clean(r.Study.Version), AsOf: clean(r.AsOf),
		Took: seconds(r.Seconds), Policy: r.Policy.words(),
		Verdict: clean(r.Verdict.String()), Exit: r.Verdict.Exit, Version: clean(r.Version), DryRun: r.DryRun, Suppressed: r.Suppressed,
		Figures: figures(r), Flow: drawFlow(cleanPatients(r.Patients)), Drops: drops(r.Patients), Forms: heatForms(r.Forms), Legend: legend,
	}
	v.Level, v.Sign = level(r.Verdict.Exit)
	if !r.Started.IsZero() {
		v.Started = r.Started.Format("2006-01-02 15:04:05 MST")
	}
	if r.Policy.NoConsentChecked() {
		v.NoConsent = noConsent
	}
	for _, warning := range append(r.Unbalanced(), r.Warnings...) {
		v.Warnings = append(v.Warnings, clean(warning))
	}
	v.tables(r)
	v.lists(r)
	return v
}

func (p Policy) words() string {
	named := strings.TrimSpace(p.Name + " " + p.Version)
	if named == "" {
		return clean(p.Kind)
	}
	return clean(p.Kind) + " (" + clean(named) + ")"
}

func level(exit int) (class, sign string) {
	switch exit {
	case exitDone:
		return "ok", "✓"
	case exitRejected:
		return "attention", "!"
	}
	return "fail", "✕"
}

func figures(r Run) []figure {
	var filled, expected Count
	for _, f := range r.Forms {
		for _, i := range f.Items {
			filled += i.Filled.lower()
			expected += i.Expected()
		}
	}
	list := []figure{
		{r.Patients.Delivered.String(), "patients delivered", "of " + r.Patients.Found.String() + " found"},
		{r.Cells.Filled.String(), "cells filled", percent(ratio(filled, expected)) + " of those expected"},
		{r.Cells.New.String(), "new values", r.Cells.Changed.String() + " changed, " + r.Cells.Vanished.String() + " vanished"},
	}
	if r.Imaging.Resources != 0 {
		list = append(list, figure{r.Imaging.Links.Sum().String(), "studies linked", r.Imaging.Unlinked.Sum().String() + " for review"})
	}
	return append(list, figure{r.Resources.Rejected.Sum().String(), "resources rejected", "of " + r.Resources.Read.String() + " read"})
}

func (v *view) tables(r Run) {
	c := r.Cells
	v.Changes = rows{"What became of the values since the last run", "Change", bars([]Reason{
		{"unchanged", c.Unchanged}, {"new", c.New}, {"changed", c.Changed}, {"vanished", c.Vanished}, {"in conflict with a person's entry", c.Conflicts},
	})}
	v.Empty = rows{"Empty cells by reason", "Reason", bars(c.Empty.Sorted())}
	i := r.Imaging
	v.HasImaging = i.Resources != 0
	v.ImagingLead = fmt.Sprintf("%s ImagingStudy resources: %s linked, %s to be reviewed, %s of modalities that the study does not ask for.",
		i.Resources, i.Linked, i.Unlinked.Sum(), i.OutOfScope)
	v.Links = rows{"Links by method", "Method", bars(i.Links.Sorted())}
	v.Unlinked = rows{"Not linked, by reason", "Reason", bars(i.Unlinked.Sorted())}
	v.ResourcesLead = fmt.Sprintf("%s resources read, %s kept.", r.Resources.Read, r.Resources.Kept)
	v.Dropped = rows{"Dropped by reason", "Reason", bars(r.Resources.Dropped.Sorted())}
	v.RejectedBy = rows{"Rejected by reason", "Reason", bars(r.Resources.Rejected.Sorted())}
}

func (v *view) lists(r Run) {
	for _, rej := range first(r.Rejected, maxRejected) {
		v.Rejected = append(v.Rejected, Rejected{label("unknown", rej.Type), clean(rej.Origin), clean(rej.Reason)})
	}
	if more := len(r.Rejected) - maxRejected; more > 0 {
		v.MoreRejected = fmt.Sprintf("And %d more; the JSON report has all of them.", more)
	}
	for _, t := range r.Targets {
		t.Name, t.Kind, t.Error = clean(t.Name), clean(t.Kind), clean(t.Error)
		v.Targets = append(v.Targets, t)
	}
	v.AuditHead = clean(r.AuditHead)
	for _, i := range r.Inputs {
		v.Inputs = append(v.Inputs, Input{clean(i.Kind), clean(i.Name), clean(i.Version), clean(i.Hash)})
	}
	longest := 0.0
	for _, s := range r.Stages {
		longest = max(longest, s.Seconds)
	}
	for _, s := range r.Stages {
		line := stageRow{Name: clean(s.Name), Took: seconds(s.Seconds), Bar: barOf(s.Seconds, longest)}
		if s.Count > 0 {
			line.Done = grouped(s.Count) + " " + clean(s.Unit)
			line.Rate = grouped(int64(s.Rate()+0.5)) + "/s"
		}
		v.Stages = append(v.Stages, line)
	}
}

// drops lists all patients who are not delivered.
func drops(p Patients) []row {
	var list []row
	groups := []struct {
		name string
		t    Tally
	}{
		{"held", p.Held}, {"excluded", p.Excluded}, {"not enrolled", Tally{"no subject number yet": p.NotEnrolled}},
		{"not identified", p.Unidentified}, {"failed", p.Failed},
	}
	for _, g := range groups {
		for _, reason := range g.t.Sorted() {
			list = append(list, row{g.name, clean(reason.Name), reason.Count, barOf(float64(reason.Count.lower()), float64(p.Found.lower()))})
		}
	}
	return list
}

func cleanPatients(p Patients) Patients {
	for _, t := range []*Tally{&p.Held, &p.Excluded, &p.Unidentified, &p.Failed} {
		var c Tally
		for reason, n := range *t {
			c.Add(clean(reason), int(n))
		}
		*t = c
	}
	return p
}

// bars makes rows whose bars are relative to the largest.
func bars(reasons []Reason) []row {
	var most Count
	for _, r := range reasons {
		most = max(most, r.Count)
	}
	var list []row
	for _, r := range reasons {
		list = append(list, row{Name: clean(r.Name), Count: r.Count, Bar: barOf(float64(r.Count.lower()), float64(most))})
	}
	return list
}

func barOf(part, whole float64) string {
	if whole <= 0 || part <= 0 {
		return "0"
	}
	return num(max(1, min(100, part*100/whole)))
}
