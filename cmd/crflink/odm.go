package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf/odm"
)

func odmCommand() *cobra.Command {
	parent := &cobra.Command{Use: "odm", Short: "CDISC ODM documents"}
	parent.AddCommand(&cobra.Command{
		Use:   "check FILE…",
		Short: "What is wrong with ODM documents that their XML schema does not see",
		Long: `Checks documents of ODM 1.3 and 2.0 (- is standard input) for references to nothing, repeat keys, values that are not of
their item's type or code list, transactions, audit times and more, and prints each problem with its place. A problem
ends with exit code 2; a document that cannot be read to its end, with 3. The XML schema itself is checked by other
programs, such as xmllint. docs/targets.md lists the rules.
` + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: checkODM,
	})
	return parent
}

func checkODM(cmd *cobra.Command, files []string) error {
	code := exitDone
	for _, file := range files {
		switch found, err := checkODMFile(cmd, file); {
		case err != nil:
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "crflink: %s: %v\n", file, err)
			code = exitNothing
		case found > 0 && code == exitDone:
			code = exitInvalid
		}
	}
	return silently(code)
}

func checkODMFile(cmd *cobra.Command, file string) (found int, err error) {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file) // #nosec G304 -- a document that the user named
		if err != nil {
			return 0, errors.New("the file cannot be opened")
		}
		defer func() { _ = f.Close() }() // read only
		in = f
	}
	problems, err := odm.Check(in)
	return len(problems), errors.Join(err, printProblems(cmd.OutOrStdout(), file, problems))
}

func printProblems(w io.Writer, file string, problems []odm.Problem) error {
	for _, p := range problems {
		if _, err := fmt.Fprintf(w, "%s:%s\n", file, p); err != nil {
			return err
		}
	}
	if len(problems) == odm.MaxProblems {
		_, err := fmt.Fprintf(w, "%s: there may be more: only the first %d are listed\n", file, odm.MaxProblems)
		return err
	}
	return nil
}
