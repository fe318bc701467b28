package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/table"
)

func queriesExport() *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use: "export STUDY.yaml --format csv|odm", Short: "Write all queries as CSV, or as an ODM 2.0 document", Args: cobra.ExactArgs(1),
		Long: "All queries with their states; the ODM document is a snapshot of the queried cells with a Query element for each.\n" + exitHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "csv" && format != "odm" {
				return fmt.Errorf("--format %s: csv or odm", format)
			}
			return withQueries(cmd, args[0], func(o *opened, queries []ecrf.DataQuery) error {
				return into(cmd, out, func(w io.Writer) error {
					if format == "odm" {
						return odm.WriteQueries(cmd.Context(), w, o.Study.Dictionary, queries)
					}
					return writeQueryTable(w, queries)
				})
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "csv", "csv or odm")
	cmd.Flags().StringVar(&out, "out", "", "a file; left out: standard output")
	return cmd
}

var queryColumns = []string{
	"query", "state", "cause", "target", "subject", "site", "event", "form", "repeat", "item", "stored", "incoming", "assignee", "opened", "changed", "last_by", "last_text",
}

func writeQueryTable(w io.Writer, queries []ecrf.DataQuery) error {
	c := csv.NewWriter(w)
	rows := [][]string{queryColumns}
	for _, q := range shownQueries(queries) {
		repeat := ""
		if q.Repeat > 0 {
			repeat = strconv.Itoa(q.Repeat)
		}
		row := []string{strconv.FormatInt(q.Query, 10), q.State, q.Cause, q.Target, q.Subject, q.Site, q.Event, q.Form, repeat, q.Item, q.Stored, q.Incoming, q.Assignee, "", "", "", ""}
		if n := len(q.History); n > 0 {
			copy(row[13:], []string{q.History[0].At, q.History[n-1].At, q.History[n-1].By, q.History[n-1].Text})
		}
		for i := range row {
			row[i] = table.Escape(row[i])
		}
		rows = append(rows, row)
	}
	return c.WriteAll(rows)
}
