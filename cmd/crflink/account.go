package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/report"
)

// reports returns a run's report, and what of it may be handed on.
func reports(study *pipeline.Study, outcome *pipeline.Outcome, asOf time.Time, f syncFlags) (run, handed report.Run) {
	run = account(study, outcome, asOf)
	if f.head.Number > 0 {
		run.AuditHead = f.head.String()
	}
	if f.missed != nil {
		run.Warnings = append(run.Warnings, "the audit's log is not the one that the vault knew: a part was lost, or an older copy was restored; crflink audit verify tells which")
	}
	run.DryRun = f.dryRun
	if study.Disclosure != nil && study.Disclosure.Reports {
		return run, run.Suppress()
	}
	return run, run
}

// showRun writes the summary of a run, and of a dry run the cells that would change as well.
func showRun(cmd *cobra.Command, study *pipeline.Study, outcome *pipeline.Outcome, asOf time.Time, run report.Run) error {
	if err := report.WriteSummary(cmd.OutOrStdout(), run); err != nil || outcome.Preview == nil {
		return err
	}
	return report.WriteChanges(cmd.OutOrStdout(), previewed(study, outcome, asOf))
}

// show writes the run's report where it was asked for, and ends with the run's exit code.
func show(cmd *cobra.Command, study *pipeline.Study, outcome *pipeline.Outcome, asOf time.Time, f syncFlags) error {
	run, handed := reports(study, outcome, asOf, f)
	if f.json {
		if err := report.WriteJSON(cmd.OutOrStdout(), handed); err != nil {
			return err
		}
	} else if err := showRun(cmd, study, outcome, asOf, run); err != nil {
		return err
	}
	if f.html != "" {
		if err := writeHTML(f.html, func(w io.Writer) error { return report.WriteHTML(w, handed) }); err != nil {
			return err
		}
	}
	return silently(run.Verdict.Exit)
}

// writeHTML writes a page, and makes its folder.
func writeHTML(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	_, err := atomicfile.Replace(path, write)
	return err
}

// account turns an outcome into the report's form.
func account(study *pipeline.Study, o *pipeline.Outcome, asOf time.Time) report.Run {
	t := &o.Tally
	run := report.Run{
		Format: report.Format, Version: version(), AsOf: asOf.Format(time.RFC3339),
		Study:  report.Study{ID: study.ID, Title: study.Title, Version: study.Version},
		Policy: report.Policy{Kind: string(study.Policy.Kind()), Name: study.Policy.Name()},
		Cells:  report.Cells{New: report.Count(t.Filled.New), Changed: report.Count(t.Filled.Changed), Vanished: report.Count(t.Cells.Vanished)},
	}
	if !o.Complete() {
		run.Verdict.Exit = exitIncomplete
	}
	for _, s := range t.Sources {
		source := report.Source{Name: s.Alias, Patients: report.Count(s.Patients)}
		if s.Silent != nil {
			run.Verdict.Exit = exitServer
			source.Silent = s.Silent.Error()
		}
		run.Sources = append(run.Sources, source)
	}
	run.Inputs = inputs(study)
	run.Patients = patients(t)
	run.Resources = resources(t)
	for _, r := range t.Rejected {
		run.Rejected = append(run.Rejected, report.Rejected{Type: r.Type, Origin: r.Origin.String(), Reason: r.Reason})
	}
	run.Forms = forms(study.Dictionary, t)
	for _, f := range run.Forms {
		for _, item := range f.Items {
			run.Cells.Filled += item.Filled
			for reason, n := range item.Empty {
				run.Cells.Empty.Add(reason, int(n))
			}
		}
	}
	if len(t.Matrix) > 0 { // a dry run, and one that stopped, does not know all cells
		run.Cells.Unchanged = run.Cells.Filled - run.Cells.New - run.Cells.Changed
	}
	run.Imaging = images(t)
	run.Targets = targets(t)
	for _, d := range t.Deliveries {
		run.Cells.Conflicts += report.Count(d.Report.Conflicts)
	}
	for _, s := range o.Stages {
		run.Stages = append(run.Stages, report.Stage{Name: s.Name, Unit: s.Unit, Count: int64(s.Count), Seconds: s.Took.Seconds()})
		run.Seconds += s.Took.Seconds()
	}
	for _, slot := range slices.SortedFunc(maps.Keys(t.Unmapped), inOrder) {
		run.Warnings = append(run.Warnings, fmt.Sprintf("%s.%s: %d cells with a code that the map does not know (unmapped: error)", slot.Form, slot.Item, t.Unmapped[slot]))
	}
	run.Warnings = append(append(run.Warnings, awaited(t)...), withdrawals(t)...)
	for _, warning := range slices.Sorted(maps.Keys(t.Warnings)) {
		run.Warnings = append(run.Warnings, fmt.Sprintf("%s: %d patients", warning, t.Warnings[warning]))
	}
	return run
}

func inOrder(a, b pipeline.Slot) int {
	return cmp.Or(cmp.Compare(a.Form, b.Form), cmp.Compare(a.Item, b.Item))
}

// withdrawals says what became of withdrawals, and what waits for a person.
func withdrawals(t *pipeline.Tally) (lines []string) {
	say := func(n int, format string) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf(format, n))
		}
	}
	for _, s := range t.Silent() {
		lines = append(lines, fmt.Sprintf("ALERT: source %s did not answer: whom it has, or may have, stays as it was and is not delivered; run again", s.Alias))
	}
	say(t.Overdue, "ALERT: %d tasks are behind their deadline: crflink tasks list")
	say(t.Tasks, "%d tasks wait for a person: crflink tasks list")
	say(t.Queries, "%d queries wait for a person: crflink queries list")
	say(t.Withdrawn.Waiting, "%d withdrawals wait for a person's confirmation: crflink withdraw list")
	say(t.Withdrawn.Failed, "%d withdrawals could not be carried out in every target; the next run tries again")
	say(t.Withdrawn.Done, "%d withdrawals were carried out")
	for _, c := range t.Wrong {
		lines = append(lines, c.String())
	}
	if t.Lost > t.MayLose {
		lines = append(lines, fmt.Sprintf("ALERT: %d delivered patients would be lost, and the study allows %d in one run: a run that stores would be stopped", t.Lost, t.MayLose))
	}
	return lines
}

func inputs(study *pipeline.Study) []report.Input {
	hashes := study.Inputs()
	return []report.Input{
		{Kind: "study", Name: study.ID, Version: study.Version, Hash: hashes["study"]},
		{Kind: "mapping", Name: study.Dictionary.Study, Version: study.Mapping.Version, Hash: hashes["mapping"]},
		{Kind: "dictionary", Name: study.Dictionary.Study, Version: study.Dictionary.Version, Hash: hashes["dictionary"]},
		{Kind: "policy", Name: study.Policy.Name(), Hash: hashes["policy"]},
		{Kind: "profile", Name: study.Profile.Name(), Version: study.Profile.Version(), Hash: hashes["profile"]},
	}
}

func patients(t *pipeline.Tally) report.Patients {
	p := report.Patients{Found: report.Count(t.Patients), NotEnrolled: report.Count(t.NotEnrolled)}
	for outcome, reasons := range t.Decisions {
		for reason, n := range reasons {
			switch outcome {
			case "permitted":
				p.Permitted += report.Count(n)
			case "excluded":
				p.Excluded.Add(reason, n)
			default:
				p.Held.Add(reason, n)
			}
		}
	}
	for _, f := range t.Failed {
		if f.Stage == pipeline.StageSubject {
			p.Unidentified.Add(f.Reason, 1)
		} else {
			p.Failed.Add(f.Stage+": "+f.Reason, 1)
		}
	}
	p.Enrolled = p.Permitted - p.NotEnrolled - p.Unidentified.Sum()
	p.Delivered = p.Enrolled - p.Failed.Sum()
	return p
}

func resources(t *pipeline.Tally) report.Resources {
	var r report.Resources
	for _, n := range t.Read {
		r.Read += report.Count(n)
	}
	for d, n := range t.Dropped {
		r.Dropped.Add(d.Reason, n)
	}
	if n := t.Veil.Resources - t.Veil.Kept; n > 0 {
		r.Dropped.Add("de-identification", n)
	}
	r.Kept = report.Count(t.Veil.Kept)
	for _, x := range t.Rejected {
		r.Rejected.Add(x.Reason, 1)
	}
	return r
}

func forms(d *ecrf.Dictionary, t *pipeline.Tally) []report.Form {
	all := make([]report.Form, 0, len(d.Forms))
	for _, f := range d.Forms {
		form := report.Form{Name: f.Name, Label: f.Label}
		for _, it := range f.Items {
			item := report.Item{Name: it.Name, Label: it.Label}
			if fill := t.Matrix[pipeline.Slot{Form: f.Name, Item: it.Name}]; fill != nil {
				item.Filled = report.Count(fill.Filled)
				for reason, n := range fill.Missing {
					item.Empty.Add(string(reason), n)
				}
			}
			form.Items = append(form.Items, item)
		}
		all = append(all, form)
	}
	return all
}

func images(t *pipeline.Tally) report.Imaging {
	c := t.Imaging
	i := report.Imaging{Resources: report.Count(c.Resources), Linked: report.Count(c.Linked), OutOfScope: report.Count(c.OutOfScope)}
	for method, n := range c.Links {
		i.Links.Add(string(method), n)
	}
	for reason, n := range c.Unlinked {
		i.Unlinked.Add(string(reason), n)
	}
	for kind, n := range map[string]int{
		"study UID": c.Refused.StudyUIDs, "series UID": c.Refused.SeriesUIDs, "accession number": c.Refused.Accessions, "modality": c.Refused.Modalities,
	} {
		if n > 0 {
			i.Refused.Add(kind, n)
		}
	}
	return i
}

// liveCells counts what became of the cells of a target where people work, nil for others.
func liveCells(d pipeline.Delivered) *report.Live {
	if d.Kind != "redcap" {
		return nil
	}
	r := d.Report
	return &report.Live{
		Written: report.Count(r.Written), Unchanged: report.Count(r.Unchanged), Conflicts: report.Count(r.Conflicts), Queries: report.Count(r.Queries),
		Rejected: report.Count(r.Rejected), Locked: report.Count(r.Locked), Notes: r.Notes,
	}
}

func targets(t *pipeline.Tally) []report.Target {
	var all []report.Target
	for _, d := range t.Deliveries {
		target := report.Target{Name: d.Target, Kind: d.Kind, Rows: report.Count(d.Report.Written), Cells: report.Count(d.Report.Cells), Queries: report.Count(d.Report.Queries)}
		if c := d.Disclosure; c != nil {
			target.Disclosure = &report.Disclosure{
				K: report.Count(c.K), AtRisk: report.Count(c.AtRisk), Classes: report.Count(c.Classes), Smallest: report.Count(c.Smallest), Steps: c.Steps,
				Suppressed: report.Count(c.Suppressed), Withheld: report.Count(c.Withheld),
			}
		}
		target.Live = liveCells(d)
		if len(d.Report.Problems) > 0 {
			target.Error = strings.Join(d.Report.Problems, "; ")
		}
		all = append(all, target)
	}
	return all
}
