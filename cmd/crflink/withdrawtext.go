package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/crflink/crflink/pipeline"
)

func writeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// writeWithdrawals writes the list for a person.
func writeWithdrawals(w io.Writer, list *pipeline.Withdrawals) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(list.Withdrawals) == 0 {
		_, _ = fmt.Fprintln(t, "nobody has withdrawn")
	} else {
		_, _ = fmt.Fprintln(t, "ID\tSUBJECT\tSTATE\tCAUSE\tHANDLING\tSINCE")
	}
	for _, x := range list.Withdrawals {
		who := x.Subject
		if who == "" {
			who = "†" + x.Tombstone
		}
		state := x.State
		if x.Renewed {
			state += ", renewed"
		}
		_, _ = fmt.Fprintln(t, strings.Join([]string{dash(x.ID), who, state, x.Cause, x.Handling, dash(x.Began)}, "\t"))
	}
	writeTasks(t, list.Tasks)
	if l := list.Limit; l != nil {
		_, _ = fmt.Fprintf(t, "\nstopped by the safety limit: the run of %s would have lost %d of %d patients, %d are allowed", l.Run, l.Lost, l.Delivered, l.Allowed)
		if l.Confirmed {
			_, _ = fmt.Fprint(t, "; confirmed, the next run passes")
		}
		_, _ = fmt.Fprintf(t, "\nlost: %s\n", strings.Join(l.Subjects, " "))
	}
	return t.Flush()
}

func writeTasks(w io.Writer, tasks []pipeline.ListedTask) {
	header := "\nTASK\tOF\tSUBJECT\tWHAT\tWHERE\tUNTIL\tSTATE\n"
	for _, x := range tasks {
		_, _ = fmt.Fprint(w, header)
		header = ""
		_, _ = fmt.Fprintln(w, strings.Join([]string{x.ID, dash(x.Withdrawal), dash(x.Subject), x.What, dash(x.Where), x.Deadline, x.State}, "\t"))
	}
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
