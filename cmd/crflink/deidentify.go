package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
)

func deidentifyCommand() *cobra.Command {
	var asOf string
	var diff bool
	cmd := &cobra.Command{
		Use:   "deidentify STUDY.yaml INPUT…",
		Short: "What the mapping would see of some files",
		Long: `Decides consent, applies the study's de-identification profile under the keys of its vault, and prints the resources as NDJSON.
Elements that no rule of the mapping reads are left out. With --diff it lists instead which elements the profile drops or replaces,
whether a rule reads them or not.
` + exitHelp,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return deidentify(cmd, args[0], args[1:], asOf, diff)
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "date or RFC 3339 instant for which consent is decided (default now)")
	cmd.Flags().BoolVar(&diff, "diff", false, "list what was dropped and replaced")
	return cmd
}

// deidentifier prints one patient after the other.
type deidentifier struct {
	parts   *pipeline.Parts
	study   *pipeline.Study
	vault   *pseudonym.Vault
	numbers pseudonym.Numbering
	veil    *pseudonym.Veil
	facts   *pipeline.Facts
	asOf    time.Time
	diff    bool
	out     io.Writer

	printed, refused int
}

func deidentify(cmd *cobra.Command, file string, inputs []string, asOfText string, diff bool) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	d := &deidentifier{study: study, diff: diff, out: cmd.OutOrStdout()}
	if d.asOf, err = parseAsOf(asOfText, study.Zone); err != nil {
		return err
	}
	if d.veil, err = study.Veil(study.Dates); err == nil && diff {
		d.veil, err = pseudonym.NewVeil(study.Profile, study.Dates)
	}
	if err != nil {
		return err
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	defer func() { err = errors.Join(err, o.Close()) }()
	for _, step := range []func(context.Context) error{o.vault, o.readJournal, o.numbering} {
		if err := step(cmd.Context()); err != nil {
			return err
		}
	}
	d.parts, d.vault, d.numbers = &o.Parts, o.Vault, o.Numbering
	files, err := ndjson.Open(inputs, ndjson.Options{Stdin: cmd.InOrStdin()})
	if err != nil {
		return err
	}
	source, err := withConsents(files, study.Consents)
	if err != nil {
		return err
	}
	o.closers = append(o.closers, source)
	rejected := &rejections{w: cmd.ErrOrStderr()}
	d.facts = pipeline.FactsFrom(source, rejected.add)
	for record, err := range everything(cmd.Context(), source, d.facts.Reject) {
		if err != nil {
			return err
		}
		if err := d.patient(cmd, record); err != nil {
			return err
		}
	}
	return d.verdict(cmd, rejected.n)
}

func (d *deidentifier) patient(cmd *cobra.Command, record *fhir.Record) error {
	facts, err := d.facts.Of(cmd.Context(), record)
	if err != nil {
		return err
	}
	decision := d.parts.Decide(record, facts, d.asOf)
	permitted, _ := consent.Admit(record, decision, d.study.Policy)
	if !permitted.Granted() {
		d.refused++
		return nil
	}
	subject, err := d.vault.Find(cmd.Context(), record, d.study.Identity, d.numbers)
	if errors.Is(err, pseudonym.ErrNotEnrolled) || pipeline.Waits(err) {
		d.refused++
		return nil
	}
	if err != nil {
		return err
	}
	d.printed++
	if d.diff {
		return d.changes(permitted, subject)
	}
	veiled, _, err := d.veil.Apply(permitted, subject)
	if err != nil {
		return err
	}
	return pseudonym.WriteNDJSON(d.out, veiled)
}

func (d *deidentifier) changes(p consent.Permitted, s pseudonym.Subject) error {
	changes, err := d.veil.Diff(p, s)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if _, err := fmt.Fprintf(d.out, "%s\t%d\t%s\t%s\n", s.Number(), c.Resource, c.Path, c.What); err != nil {
			return err
		}
	}
	return nil
}

func (d *deidentifier) verdict(cmd *cobra.Command, rejected int) error {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d patients shown, %d not permitted or not enrolled, %d resources rejected\n", d.printed, d.refused, rejected)
	switch {
	case d.printed == 0:
		return silently(exitNothing)
	case rejected > 0:
		return silently(exitIncomplete)
	}
	return nil
}
