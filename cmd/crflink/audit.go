package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pipeline"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "The account of what was decided, delivered, erased and looked at",
		Long: `Every run and every look at real data is recorded in the study's state, chained and sealed. docs/audit.md says what that
proves. ` + actorVariable + ` names the person or job for whom crflink is run; the account of the operating system is always recorded.
` + exitHelp,
	}
	cmd.AddCommand(auditVerifyCommand(), auditShowCommand())
	return cmd
}

// verifyFlags are the flags of crflink audit verify.
type verifyFlags struct {
	heads        []string
	json, replay bool
}

func auditVerifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify STUDY.yaml",
		Short: "Finds altered, missing, reordered and cut-off entries",
		Long: `Reads the whole log and checks each entry, the chain between them, the head that the vault keeps, and any head that a report
printed and somebody kept (--head). What concerned an erased subject is counted as erased: it is as it was written, and nobody can
read it. With --replay each standing decision is made again from the source as it is now. Findings end with code 5.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return auditVerify(cmd, args[0], f) },
	}
	cmd.Flags().StringArrayVar(&f.heads, "head", nil, "a head that a report printed, NUMBER:DIGEST, which the log must hold; may be given several times")
	cmd.Flags().BoolVar(&f.replay, "replay", false, "decide again from the source, and compare")
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON")
	return cmd
}

// verified is what crflink audit verify writes as JSON.
type verified struct {
	Study string `json:"study"`
	Sound bool   `json:"sound"`
	*audit.Report
	Replay *pipeline.Replayed `json:"replay,omitempty"`
}

func auditVerify(cmd *cobra.Command, file string, f verifyFlags) (err error) {
	held := make([]audit.Head, len(f.heads))
	for i, text := range f.heads {
		if held[i], err = audit.ParseHead(text); err != nil {
			return fmt.Errorf("--head: %w", err)
		}
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o, err := openLog(cmd.Context(), study, f.replay)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	v := verified{Study: study.ID}
	if v.Report, err = audit.Verify(cmd.Context(), o.log, o.Vault, held...); err != nil {
		return coded{exitServer, err}
	}
	if f.replay {
		if v.Replay, err = pipeline.Replay(cmd.Context(), o.Parts, o.log); err != nil {
			return coded{exitServer, err}
		}
	}
	return v.conclude(cmd.OutOrStdout(), f.json)
}

// openLog opens vault and log of a study that was synchronised before, and its source where that is wanted.
func openLog(ctx context.Context, study *pipeline.Study, source bool) (*opened, error) {
	steps := []func(*opened, context.Context) error{(*opened).vault, (*opened).ledger}
	if source {
		steps = append(steps, (*opened).readJournal, (*opened).source)
	}
	return openExisting(ctx, study, steps...)
}

// conclude writes the outcome and says how the command ends.
func (v *verified) conclude(w io.Writer, asJSON bool) error {
	v.Sound = v.Report.Sound() && (v.Replay == nil || len(v.Replay.Different) == 0)
	text := v.text()
	if asJSON {
		var b strings.Builder
		out := json.NewEncoder(&b)
		out.SetIndent("", "  ")
		if err := out.Encode(v); err != nil {
			return err
		}
		text = b.String()
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	switch {
	case !v.Sound:
		return silently(exitIncomplete)
	case v.Entries == 0:
		return silently(exitNothing)
	}
	return nil
}

func (v *verified) text() string {
	var b strings.Builder
	kinds := make([]string, 0, len(v.Kinds))
	for _, kind := range slices.Sorted(maps.Keys(v.Kinds)) {
		kinds = append(kinds, fmt.Sprint(kind, " ", v.Kinds[kind]))
	}
	fmt.Fprintf(&b, "entries    %d (%s)\n", v.Entries, strings.Join(kinds, ", "))
	fmt.Fprintf(&b, "subjects   %d can be read, %d are erased with %d entries\nhead       %s\nanchor     %s\n\n", v.Subjects, v.Erased.Subjects, v.Erased.Entries, v.Head, v.Anchor)
	for _, f := range v.Findings {
		if f.Number > 0 {
			fmt.Fprintf(&b, "entry %d: ", f.Number)
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Fault, f.Says)
	}
	if more := v.Faults - len(v.Findings); more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	if r := v.Replay; r != nil {
		fmt.Fprintf(&b, "replay     %d decisions come out the same; not compared: %d whose facts changed (%d of them are decided otherwise now), %d under another policy, %d not in the source, %d held without a decision\n",
			r.Same, r.Changed+r.Moved, r.Moved, r.Policy, r.Absent, r.Undecided)
		for _, d := range r.Different {
			fmt.Fprintf(&b, "entry %d: different: subject %s was %s, and is %s from the same facts\n", d.Entry, d.Subject, d.Was, d.Is)
		}
	}
	switch {
	case !v.Sound:
		b.WriteString("The audit is not sound.\n")
	case v.Entries == 0:
		b.WriteString("Nothing is recorded yet.\n")
	default:
		b.WriteString("Sound: nothing is altered, missing, reordered or cut off.\n")
	}
	return b.String()
}
