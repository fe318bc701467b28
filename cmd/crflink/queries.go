package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pseudonym"
)

// queriesFlags are the flags of what is done to a query.
type queriesFlags struct {
	number   int64
	by, text string
}

func queriesCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "queries",
		Short: "Cells of an eCRF system that a person has to look at",
		Long: `A delivery opens a query where it may not write: a person's entry differs from the hospital's value, the source no longer
has a value, the system refused one (docs/redcap.md). There is one query per cell and cause; it is resolved when the cause is gone.
` + exitHelp,
	}
	root.AddCommand(queriesList(), queriesExport(),
		queriesStep("assign", "Give a query to somebody", ecrf.Assigned, "to", "the person who is to settle it"),
		queriesStep("comment", "Add a comment to a query", ecrf.Commented, "text", "the comment; name no patient here"),
		queriesStep("close", "Close a query as settled", ecrf.Closed, "reason", "why; name no patient here"))
	return root
}

func queriesList() *cobra.Command {
	var all, asJSON bool
	cmd := &cobra.Command{
		Use: "list STUDY.yaml", Short: "List queries that somebody has to settle", Long: "Reads only. It shows values of the forms.\n" + exitHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withQueries(cmd, args[0], func(_ *opened, queries []ecrf.DataQuery) error {
				if !all {
					queries = slices.DeleteFunc(queries, func(q ecrf.DataQuery) bool { return !q.State.Pending() })
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), shownQueries(queries))
				}
				return writeQueries(cmd.OutOrStdout(), queries)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that are resolved or closed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the list as JSON to standard output")
	return cmd
}

// withQueries opens a study's ledger for reading and gives its queries to use.
func withQueries(cmd *cobra.Command, file string, use func(*opened, []ecrf.DataQuery) error) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o, err := openExisting(cmd.Context(), study, (*opened).ledger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	queries, err := o.Ledger.Queries(cmd.Context())
	if err != nil {
		return err
	}
	return use(o, queries)
}

func writeQueries(w io.Writer, queries []ecrf.DataQuery) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(queries) == 0 {
		_, _ = fmt.Fprintln(t, "there is no query")
		return t.Flush()
	}
	_, _ = fmt.Fprintln(t, "query\tstate\tcause\ttarget\tsubject\tcell\tstored\tincoming\tassignee")
	for i := range queries {
		q := &queries[i]
		_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%q\t%q\t%s\n", q.ID, q.State, q.Cause, q.Target, q.Subject, cellName(q.CellKey), q.Stored, q.Incoming, q.Assignee)
	}
	return t.Flush()
}

// cellName names a cell as people do: form@event.item, with the repeat number behind a form that repeats.
func cellName(k ecrf.CellKey) string {
	repeat := ""
	if k.Repeat > 0 {
		repeat = "#" + strconv.Itoa(k.Repeat)
	}
	return k.Form + repeat + "@" + k.Event + "." + k.Item
}

// shownQuery is a query as JSON and CSV show it.
type shownQuery struct {
	Query    int64       `json:"query"`
	State    string      `json:"state"`
	Cause    string      `json:"cause"`
	Target   string      `json:"target"`
	Subject  string      `json:"subject"`
	Site     string      `json:"site"`
	Event    string      `json:"event"`
	Form     string      `json:"form"`
	Repeat   int         `json:"repeat"`
	Item     string      `json:"item"`
	Stored   string      `json:"stored"`
	Incoming string      `json:"incoming"`
	Assignee string      `json:"assignee"`
	History  []shownStep `json:"history"`
}

type shownStep struct {
	At   string `json:"at"`
	By   string `json:"by"`
	Did  string `json:"did"`
	Text string `json:"text"`
}

func shownQueries(queries []ecrf.DataQuery) []shownQuery {
	all := make([]shownQuery, len(queries))
	for i := range queries {
		q := &queries[i]
		all[i] = shownQuery{
			q.ID, string(q.State), string(q.Cause), q.Target, q.Subject, q.Site, q.Event, q.Form, q.Repeat, q.Item, q.Stored, q.Incoming, q.Assignee, []shownStep{},
		}
		for _, s := range q.History {
			all[i].History = append(all[i].History, shownStep{s.At.Format(time.RFC3339), s.By, string(s.Did), s.Text})
		}
	}
	return all
}

func queriesStep(verb, short string, did ecrf.QueryDeed, flag, help string) *cobra.Command {
	var f queriesFlags
	cmd := &cobra.Command{
		Use: verb + " STUDY.yaml --query N --by NAME --" + flag + " TEXT", Short: short, Args: cobra.ExactArgs(1),
		Long: "The word is written to the query's history and to the audit.\n" + exitHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.number == 0 || f.by == "" || f.text == "" {
				return fmt.Errorf("say which query, who, and what: --query N --by NAME --%s TEXT", flag)
			}
			return stepQuery(cmd, args[0], f, did)
		},
	}
	cmd.Flags().Int64Var(&f.number, "query", 0, "the query's number in the list")
	cmd.Flags().StringVar(&f.by, "by", "", "the person whose word it is")
	cmd.Flags().StringVar(&f.text, flag, "", help)
	return cmd
}

func stepQuery(cmd *cobra.Command, file string, f queriesFlags, did ecrf.QueryDeed) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	named := func(o *opened, _ context.Context) error { o.by = f.by; return nil }
	o, err := openExisting(cmd.Context(), study, named, (*opened).lock, (*opened).unretired, (*opened).vault, (*opened).readJournal, (*opened).ledger, (*opened).audit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := o.queryWorked(cmd.Context(), f, did); err != nil {
		return err
	}
	if err := o.Ledger.StepQuery(cmd.Context(), f.number, ecrf.QueryStep{At: time.Now(), By: f.by, Did: did, Text: f.text}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "query %d is %s\n", f.number, did)
	return err
}

// queryWorked records what a person is about to do to a query.
func (o *opened) queryWorked(ctx context.Context, f queriesFlags, did ecrf.QueryDeed) error {
	queries, err := o.Ledger.Queries(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(queries, func(q ecrf.DataQuery) bool { return q.ID == f.number })
	switch {
	case i < 0:
		return coded{exitNothing, fmt.Errorf("query %d: %w", f.number, ecrf.ErrNoQuery)}
	case did != ecrf.Commented && !queries[i].State.Pending():
		return coded{exitNothing, fmt.Errorf("query %d is %s: there is nothing to settle", f.number, queries[i].State)}
	}
	subject, err := o.Vault.SubjectOf(ctx, queries[i].Subject)
	if err != nil && !errors.Is(err, pseudonym.ErrNotEnrolled) {
		return err
	}
	return o.Audit.Record(ctx, audit.Event{Kind: audit.QueryWorked, Subject: subject, Detail: audit.QueryDeed{Query: f.number, Did: string(did), By: f.by, Text: f.text}})
}
