package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/imaging/research"
	"github.com/crflink/crflink/internal/agefile"
	"github.com/crflink/crflink/pipeline"
)

// exportFlags are the flags of crflink export.
type exportFlags struct {
	out, asOf string
	json      bool
}

func exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export STUDY.yaml --out DIR",
		Short: "Write the research package: linked imaging, quantification, clinical tables",
		Long: `Writes what the last run stored as a package that a researcher can load: CSV and Parquet tables, a data dictionary, a
Frictionless data package, an RO-Crate, checksums (docs/export.md). Consent is decided again; who is not permitted now is not in
it. Recipients are those whom the study's authorisation names for the output export; they are remembered, so that a withdrawal
reaches them. DIR is new, or empty; it is there as a whole or not at all.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return exportStudy(cmd, args[0], f) },
	}
	cmd.Flags().StringVar(&f.out, "out", "", "the package's folder")
	cmd.Flags().StringVar(&f.asOf, "as-of", "", "date or RFC 3339 instant, not in the past, for which consent is decided (default now)")
	cmd.Flags().BoolVar(&f.json, "json", false, "write the summary as JSON to standard output")
	return cmd
}

func exportStudy(cmd *cobra.Command, file string, f exportFlags) error {
	if f.out == "" {
		return errors.New("say where the package goes: --out DIR")
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	asOf, err := parseAsOf(f.asOf, study.Zone)
	if err != nil {
		return err
	}
	if past(asOf, study.Zone) {
		return fmt.Errorf("--as-of %s lies in the past: nothing is handed out by a consent of the past", f.asOf)
	}
	o, err := openExport(cmd.Context(), study)
	if err != nil {
		return err
	}
	progress := newProgress(cmd.ErrOrStderr())
	o.Clock, o.Progress = time.Now, progress
	done, runErr := pipeline.Export(cmd.Context(), o.Parts, pipeline.ExportOptions{
		AsOf: asOf, Folder: filepath.Clean(f.out), Program: version(), Encrypt: encryption(study.Authorisation),
	})
	progress.done()
	if err := errors.Join(exportStopped(cmd.Context(), runErr), o.Close()); err != nil {
		return err
	}
	return showExport(cmd, done, f)
}

// openExport opens what an export needs: no targets, and the source only to decide about consent.
func openExport(ctx context.Context, study *pipeline.Study) (*opened, error) {
	if err := needsLedger(ctx, study, coded{exitNothing, pipeline.ErrNoRun}); err != nil {
		return nil, err
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	for _, step := range []func(context.Context) error{o.lock, o.unretired, o.source, o.vault, o.journal, o.ledger, o.audit} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	return o, nil
}

// encryption encrypts to the keys of everybody who receives the package; nil when they have none.
func encryption(a *authorisation.Authorisation) func(io.Writer) (io.WriteCloser, error) {
	var keys []string
	for _, r := range a.RecipientsOf(authorisation.ExportOutput) {
		keys = append(keys, r.Age...)
	}
	if len(keys) == 0 {
		return nil
	}
	return func(to io.Writer) (io.WriteCloser, error) { return agefile.Encrypt(to, keys...) }
}

// exportStopped says why nothing was written.
func exportStopped(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, research.ErrThere):
		return coded{exitUsage, err}
	case errors.Is(err, pipeline.ErrNoRun), errors.Is(err, pipeline.ErrStale):
		return coded{exitNothing, err}
	case errors.Is(err, authorisation.ErrRefused):
		return coded{exitServer, err}
	case ctx.Err() != nil:
		return coded{exitServer, errors.New("interrupted: no package was written")}
	}
	return coded{exitServer, fmt.Errorf("no package was written: %w%s", err, hint(err))}
}

// exportSummary is what is told about a package.
type exportSummary struct {
	Format     string              `json:"format"`
	Folder     string              `json:"folder"`
	Encrypted  bool                `json:"encrypted"`
	Recipients []string            `json:"recipients"`
	Run        int64               `json:"run"`
	AsOf       string              `json:"as_of"`
	Subjects   int                 `json:"subjects"`
	LeftOut    map[string]int      `json:"left_out"`
	Sessions   int                 `json:"sessions"`
	Series     int                 `json:"series"`
	Quantified map[string]int      `json:"quantified"`
	Cells      int                 `json:"cells"`
	Unfit      map[string]int      `json:"unfit"`
	Unknown    int                 `json:"unknown_cells"`
	Rejected   int                 `json:"rejected"`
	Disclosure research.RiskReport `json:"disclosure"`
	Files      []exportedFile      `json:"files"`
}

type exportedFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

func summaryOf(e *pipeline.Exported, folder string) exportSummary {
	s := exportSummary{
		Format: "crflink.export/1", Folder: folder, Recipients: e.Recipients, Run: int64(e.Run), AsOf: e.AsOf.Format(time.RFC3339), Subjects: e.Subjects,
		LeftOut:  map[string]int{"not-permitted": e.NoLonger, "changed": e.ChangedSince, "withdrawn": e.Withdrawn, "claimed": e.Claimed},
		Sessions: e.Sessions, Series: e.Series, Quantified: e.Ready, Cells: e.Cells, Unfit: e.Unfit, Unknown: e.Unknown, Rejected: e.RejectedFacts, Disclosure: e.Risk,
	}
	for _, f := range e.Files {
		s.Files = append(s.Files, exportedFile{f.Name, f.SHA256, f.Size})
		s.Encrypted = s.Encrypted || f.Name == research.SealedFile
	}
	return s
}

// complete reports whether nothing was left out that a person has to look at.
func (s *exportSummary) complete() bool {
	return len(s.Unfit) == 0 && s.Unknown == 0 && s.Rejected == 0 && s.LeftOut["claimed"] == 0
}

func showExport(cmd *cobra.Command, e *pipeline.Exported, f exportFlags) error {
	s := summaryOf(e, f.out)
	var err error
	if f.json {
		err = writeJSON(cmd.OutOrStdout(), s)
	} else {
		_, err = io.WriteString(cmd.OutOrStdout(), s.text())
	}
	if err != nil || s.complete() {
		return err
	}
	return silently(exitIncomplete)
}

func (s *exportSummary) text() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("package      %s, %d files%s", s.Folder, len(s.Files), map[bool]string{true: ", encrypted"}[s.Encrypted])
	say("recipients   %s", strings.Join(s.Recipients, "; "))
	say("data         of run %d, as of %s", s.Run, s.AsOf)
	say("subjects     %d; %d cells, %d imaging studies, %d series", s.Subjects, s.Cells, s.Sessions, s.Series)
	for _, why := range []struct{ key, text string }{
		{"not-permitted", "not permitted now"}, {"changed", "permitted otherwise than when they were computed: run crflink sync"},
		{"withdrawn", "withdrawing"}, {"claimed", "claimed by several patients"},
	} {
		if n := s.LeftOut[why.key]; n > 0 {
			say("left out     %d subjects, %s", n, why.text)
		}
	}
	for _, status := range pet.Statuses() {
		if n := s.Quantified[string(status)]; n > 0 {
			say("quantified   %d PET and SPECT series: %s", n, status)
		}
	}
	s.risk(say)
	for _, item := range slices.Sorted(maps.Keys(s.Unfit)) {
		say("unfit        %d cells of %s are no values of the item any more: they stand in clinical_long only", s.Unfit[item], item)
	}
	if s.Unknown > 0 {
		say("unknown      %d cells of forms or items that the dictionary does not have any more were left out", s.Unknown)
	}
	if s.Rejected > 0 {
		say("rejected     %d resources could not be used when consent was decided; crflink sync lists them", s.Rejected)
	}
	return b.String()
}

func (s *exportSummary) risk(say func(string, ...any)) {
	d := &s.Disclosure
	switch k := d.KAnonymity; {
	case k == nil:
		say("disclosure   k-anonymity was not assessed: %s", d.Why)
	case k.Withheld > 0:
		say("disclosure   k = %d: nobody is in the package", k.K)
	default:
		say("disclosure   k = %d; the smallest class has %d subjects, %d subjects without quasi-identifiers", k.K, k.Smallest, k.Suppressed)
	}
	say("             %d values belong to fewer than %d subjects (disclosure.json)", len(d.SmallCells), d.Threshold)
}
