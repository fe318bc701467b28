package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pseudonym"
)

// showFlags are the flags of crflink audit show.
type showFlags struct {
	from          int64
	kind, subject string
	json          bool
}

func auditShowCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use:   "show STUDY.yaml",
		Short: "Prints the entries with what they say",
		Long: `Opens the entries of the study's audit with the vault's key and prints them, oldest first. That somebody did so is recorded, too.
The chain is not checked: crflink audit verify does that.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return auditShow(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.from, "from", 1, "number of the first entry")
	flags.StringVar(&f.kind, "kind", "", "only entries of this kind, such as decision")
	flags.StringVar(&f.subject, "subject", "", "only entries about the subject with this study number")
	flags.BoolVar(&f.json, "json", false, "write one JSON object per line")
	return cmd
}

func auditShow(cmd *cobra.Command, file string, f showFlags) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o, err := openExisting(cmd.Context(), study, (*opened).vault, (*opened).ledger, (*opened).audit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	var subject pseudonym.Subject
	if f.subject != "" {
		if subject, err = o.Vault.SubjectOf(cmd.Context(), f.subject); errors.Is(err, pseudonym.ErrNotEnrolled) {
			return coded{exitNothing, errors.New("the study has no subject with this number: nothing can be read about it")}
		}
	}
	if err != nil {
		return err
	}
	err = o.Audit.Record(cmd.Context(), audit.Event{Kind: audit.Inspected, Subject: subject, Detail: audit.Inspection{Command: "audit show"}})
	if err != nil {
		return err
	}
	return f.print(cmd, o, subject)
}

func (f *showFlags) print(cmd *cobra.Command, o *opened, subject pseudonym.Subject) error {
	shown := 0
	for e, err := range audit.Read(cmd.Context(), o.log, o.Vault, f.from) {
		if err != nil {
			return coded{exitServer, err}
		}
		if f.kind != "" && string(e.Entry.Kind) != f.kind || !subject.IsZero() && e.Subject.Number() != subject.Number() {
			continue
		}
		shown++
		if err := f.one(cmd.OutOrStdout(), e); err != nil {
			return err
		}
	}
	if shown == 0 {
		return silently(exitNothing)
	}
	return nil
}

// shownEntry is an entry as crflink audit show writes it.
type shownEntry struct {
	Number  int64           `json:"number"`
	At      string          `json:"at"`
	Actor   string          `json:"actor"`
	Kind    audit.Kind      `json:"kind"`
	Subject string          `json:"subject,omitempty"`
	Erased  bool            `json:"erased,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

func (f *showFlags) one(w io.Writer, e audit.Told) error {
	s := shownEntry{e.Entry.Number, e.Entry.At, e.Entry.Actor, e.Entry.Kind, e.Subject.Number(), e.Erased, e.Detail}
	if f.json {
		return json.NewEncoder(w).Encode(s)
	}
	about := s.Subject
	if s.Erased {
		about = "(erased)"
	}
	_, err := fmt.Fprintf(w, "%d  %s  %s  %s  %s  %s\n", s.Number, s.At, s.Actor, s.Kind, about, s.Detail)
	return err
}
