package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/pipeline"
)

// explainFlags are the flags of crflink explain.
type explainFlags struct {
	subject, item, event string
	repeat               int
	asOf                 string
	json                 bool
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain STUDY.yaml --subject NUMBER --item FORM.ITEM",
		Short: "Why a cell has its value, or why it has none",
		Long: `Reads the subject's resources from the study's source again, decides consent, de-identifies and maps them as a run does, and
tells each step for one cell: what consent and de-identification dropped, which resources counted and which did not, which was
chosen by which rule, how its value was converted, and what the ledger holds. Only the audit is written. Resources are named by keyed
references; no original id is shown. docs/explain.md explains the output and the names of --json.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.subject, "subject", "", "study number of the subject")
	flags.StringVar(&f.item, "item", "", "form and item, such as labs.creatinine")
	flags.StringVar(&f.event, "event", "", "event of the form (default the first in which the mapping fills it)")
	flags.IntVar(&f.repeat, "repeat", 0, "repeat number, for a repeating form with several instances")
	flags.StringVar(&f.asOf, "as-of", "", "date or RFC 3339 instant for which the cell is computed (default now)")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	for _, name := range []string{"subject", "item"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the name of a flag above is misspelt
		}
	}
	return cmd
}

func explain(cmd *cobra.Command, file string, f explainFlags) error {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	asked := pipeline.Asked{Subject: f.subject, Event: f.event, Repeat: f.repeat}
	if asked.Form, asked.Item, err = itemName(study.Dictionary, f.item); err != nil {
		return err
	}
	if asked.AsOf, err = parseAsOf(f.asOf, study.Zone); err != nil {
		return err
	}
	o, err := openToRead(cmd.Context(), study)
	if err != nil {
		return err
	}
	e, err := pipeline.Explain(cmd.Context(), o.Parts, asked)
	if err := errors.Join(err, o.Close()); err != nil {
		return err
	}
	if err := writeExplanation(cmd.OutOrStdout(), e, f.json); err != nil {
		return err
	}
	return silently(explainedCode(e.Status))
}

// explainedCode is exitNothing where there is neither a cell nor a reason why the subject has none.
func explainedCode(s pipeline.Status) int {
	switch s {
	case pipeline.StatusUnknown, pipeline.StatusNoInstance, pipeline.StatusFailed:
		return exitNothing
	}
	return exitDone
}

func writeExplanation(w io.Writer, e *pipeline.Explanation, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, explanationText(e))
		return err
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(e)
}

// itemName reads FORM.ITEM, and says what was probably meant.
func itemName(d *ecrf.Dictionary, text string) (form, item string, err error) {
	form, item, ok := strings.Cut(text, ".")
	f := d.Form(form)
	switch {
	case !ok:
		return "", "", fmt.Errorf("--item %s: write FORM.ITEM, such as %s.%s", text, d.Forms[0].Name, d.Forms[0].Items[0].Name)
	case f == nil:
		return "", "", fmt.Errorf("--item %s: the dictionary has no form %q; %s", text, form, finding.DidYouMean(form, d.FormNames()))
	case f.Item(item) == nil:
		return "", "", fmt.Errorf("--item %s: form %s has no item %q; %s", text, form, item, finding.DidYouMean(item, f.ItemNames()))
	}
	return form, item, nil
}

// openToRead opens source, vault, ledger and audit of a study that was synchronised before.
func openToRead(ctx context.Context, study *pipeline.Study) (*opened, error) {
	return openExisting(ctx, study, (*opened).source, (*opened).vault, (*opened).readJournal, (*opened).ledger, (*opened).audit, (*opened).entered, (*opened).pacs)
}

// openExisting opens parts of a study that was synchronised before, in the given order; it creates none of them.
func openExisting(ctx context.Context, study *pipeline.Study, steps ...func(*opened, context.Context) error) (*opened, error) {
	if err := needsLedger(ctx, study, noLedger(study)); err != nil {
		return nil, err
	}
	o := &opened{Parts: pipeline.Parts{Study: study, Clock: time.Now, Progress: silence{}}}
	for _, step := range steps {
		if err := step(o, ctx); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	return o, nil
}

// silence is the progress of commands that are done before anybody asks.
type silence struct{}

func (silence) Stage(string, int) {}
func (silence) Add(int)           {}
