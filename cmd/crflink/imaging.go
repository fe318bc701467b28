package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/pipeline"
)

func imagingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "imaging",
		Short: "How imaging studies are linked: report, cases for a person, tables of originals",
		Long: `Works on what the last run of crflink sync linked. docs/imaging.md says how studies are found.
` + exitHelp,
	}
	cmd.AddCommand(imagingLinkCommand(), imagingReviewCommand(), imagingMapCommand())
	return cmd
}

// linkFlags are the flags of crflink imaging link.
type linkFlags struct {
	json            bool
	sample          int
	seed            uint64
	sheet, verdicts string
}

func imagingLinkCommand() *cobra.Command {
	var f linkFlags
	cmd := &cobra.Command{
		Use:   "link STUDY.yaml",
		Short: "Report how studies were linked, and how well",
		Long: `Reports links by method, what is unlinked in either direction, and distances from the index event. With --sheet it writes a random
sample of pairs for a person to judge, who is not told which of them are linked; with --verdicts it reads that file back, and
reports precision and recall with their 95 % intervals. Nothing is read but the ledger.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return imagingLink(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "write the report as JSON")
	flags.StringVar(&f.sheet, "sheet", "", "file to which a sample is written")
	flags.IntVar(&f.sample, "sample", 100, "pairs in the sample")
	flags.Uint64Var(&f.seed, "seed", 1, "draws another sample")
	flags.StringVar(&f.verdicts, "verdicts", "", "file with the judged sample")
	return cmd
}

func imagingLink(cmd *cobra.Command, file string, f linkFlags) error {
	l, _, err := readLinkage(cmd, file)
	if err != nil {
		return err
	}
	if f.verdicts != "" {
		judged, err := readSample(f.verdicts)
		if err != nil {
			return coded{exitInvalid, err}
		}
		l.Report.Sample = imaging.Agree(judged, l.Pairs)
	}
	if f.sheet != "" {
		if f.sample < 1 {
			return errors.New("--sample: a sample has at least one pair")
		}
		_, err := atomicfile.Replace(f.sheet, func(w io.Writer) error { return imaging.WriteSample(w, l.Pairs, f.sample, f.seed) })
		if err != nil {
			return err
		}
	}
	if f.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(l.Report)
	}
	_, err = l.Report.WriteTo(cmd.OutOrStdout())
	return err
}

// readLinkage reads what the ledger holds of a study.
func readLinkage(cmd *cobra.Command, file string) (l *pipeline.Linkage, study *pipeline.Study, err error) {
	if study, err = loadStudy(cmd, file); err != nil {
		return nil, nil, err
	}
	o, err := openAs(cmd.Context(), study, "", (*opened).ledger)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	l, err = pipeline.ReadLinkage(cmd.Context(), o.Parts)
	return l, study, err
}

func readSample(path string) ([]imaging.Judged, error) {
	in, err := os.Open(path) // #nosec G304 -- a file that the user named
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return imaging.ReadSample(path, in)
}

func imagingReviewCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "review STUDY.yaml",
		Short: "Bring the list of cases that a person decides up to date",
		Long: `Writes what the last run left open into the file that imaging.review of the study names: a line for each resource with each study
that it may stand for, and for each study at the PACS without a resource. A person writes link or reject into the column
decision and a name into the column by; decided lines stay, and the next crflink sync follows them. The file holds
pseudonyms; crflink imaging uid-map --review writes the originals.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return imagingReview(cmd, args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the counts as JSON")
	return cmd
}

func imagingReview(cmd *cobra.Command, file string, asJSON bool) error {
	l, study, err := readLinkage(cmd, file)
	if err != nil {
		return err
	}
	path := study.Imaging.Review
	if path == "" {
		return errors.New("the study file names no imaging.review: add the file that people decide in, such as review: match_review.csv")
	}
	before, err := pipeline.ReadReview(path)
	if err != nil {
		return coded{exitInvalid, err}
	}
	rows := imaging.Merge(before, l.Cases)
	if _, err := atomicfile.Replace(path, func(w io.Writer) error { return imaging.WriteReview(w, rows) }); err != nil {
		return err
	}
	counts := imaging.Count(rows)
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(counts)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "open     %d cases in %d lines\ndecided  %d lines\n", counts.Cases, counts.Open, counts.Decided)
	return err
}

func imagingMapCommand() *cobra.Command {
	var asked pipeline.OriginalsAsked
	var asOf string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "uid-map STUDY.yaml --out FOLDER --by NAME --reason TEXT",
		Short: "Write the table of original UIDs for the anonymiser at the PACS",
		Long: `Writes the restricted table of linked studies (uid_map.csv: study, series, instance, frame of reference, accession number, patient)
with a lookup table and script for CTP, and programs for Orthanc, dcmodify and pydicom, so that images get the UIDs, the
subject number and the days that the clinical rows have. It asks source and PACS anew. All files have mode 0600, in a
folder of mode 0700 that is used for nothing else; it is never part of a delivery. Who asked and why is written into the
audit for each subject. With --review it writes the originals of the cases of crflink imaging review instead.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return imagingMap(cmd, args[0], asOf, asked, asJSON) },
	}
	flags := cmd.Flags()
	flags.StringVar(&asked.Folder, "out", "", "folder, which is made")
	flags.StringVar(&asked.By, "by", "", "who asks (default "+actorVariable+")")
	flags.StringVar(&asked.Reason, "reason", "", "why; it must name nobody")
	flags.BoolVar(&asked.Review, "review", false, "the originals of the cases that a person decides")
	flags.StringVar(&asOf, "as-of", "", "date or RFC 3339 instant for which consent is decided (default now)")
	flags.BoolVar(&asJSON, "json", false, "write the counts as JSON")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err) // the name of a flag above is misspelt
	}
	return cmd
}

func imagingMap(cmd *cobra.Command, file, asOf string, asked pipeline.OriginalsAsked, asJSON bool) (err error) {
	if err := somebody(&asked.By, asked.Reason); err != nil {
		return err
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if asked.AsOf, err = parseAsOf(asOf, study.Zone); err != nil {
		return err
	}
	o, err := openAs(cmd.Context(), study, asked.By, (*opened).lock, (*opened).source, (*opened).vault, (*opened).journal, (*opened).ledger, (*opened).audit, (*opened).entered, (*opened).pacs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	done, err := pipeline.WriteOriginals(cmd.Context(), o.Parts, asked)
	if err != nil {
		return coded{exitServer, err}
	}
	if asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(done)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "subjects  %d\nstudies   %d\nrows      %d\nshared    %d\nwithout   %d\n", done.Subjects, done.Studies, done.Rows, done.Shared, done.Without)
	}
	if err == nil && len(done.Failed) > 0 {
		for _, f := range done.Failed {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s: %s\n", f.Subject, f.Stage, f.Reason)
		}
		return silently(exitIncomplete)
	}
	return err
}
