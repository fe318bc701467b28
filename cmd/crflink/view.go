package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/viewdef"
	"github.com/crflink/crflink/fhir/viewdef/parquet"
	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/internal/finding"
)

type viewFlags struct{ format, out, asOf string }

func viewCommand() *cobra.Command {
	parent := &cobra.Command{Use: "view", Short: "Tables by SQL on FHIR ViewDefinitions"}
	var f viewFlags
	run := &cobra.Command{
		Use:   "run VIEW.json INPUT…",
		Short: "The table that a ViewDefinition makes of resources",
		Long: `Writes the rows of a SQL on FHIR v2 ViewDefinition for the resources in files and folders (JSON, NDJSON, Bundles, plain
or gzip; - is standard input). Resources of other types than the view's are passed over. A resource on which the view
fails is listed and has no rows. docs/views.md says what the formats hold.
` + exitHelp,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return runView(cmd, args[0], args[1:], f) },
	}
	flags := run.Flags()
	flags.StringVar(&f.format, "format", "", "csv, ndjson or parquet (default by the name of --out, else csv)")
	flags.StringVar(&f.out, "out", "", "write this file, as a whole or not at all, instead of standard output")
	flags.StringVar(&f.asOf, "as-of", "", "what now() and today() give: a date or an RFC 3339 instant (default now)")
	parent.AddCommand(run)
	return parent
}

func runView(cmd *cobra.Command, file string, inputs []string, f viewFlags) error {
	asOf, err := parseAsOf(f.asOf, time.Local)
	if err != nil {
		return err
	}
	newWriter, err := tableFormat(cmd, f)
	if err != nil {
		return err
	}
	source, err := os.ReadFile(file) // #nosec G304 -- the definition that the user named
	if err != nil {
		return fmt.Errorf("read the view: %w", err)
	}
	view, err := viewdef.Compile(file, string(source))
	if err != nil {
		return coded{exitInvalid, err}
	}
	if err := view.Warnings().Render(cmd.ErrOrStderr(), sourceText); err != nil {
		return err
	}
	env := fhirpath.Env{AsOf: asOf, Zone: time.Local}
	t := &tabulation{view: view, rejections: rejections{w: cmd.ErrOrStderr()}, runner: view.Runner(env)}
	err = into(cmd, f.out, func(to io.Writer) error {
		t.writer = newWriter(to, view.Columns())
		t.write = t.writer.Write
		o := ndjson.Options{Stdin: cmd.InOrStdin()}
		if err := ndjson.Each(cmd.Context(), inputs, o, t.resource, t.rejections.add); err != nil {
			return err
		}
		return t.finish()
	})
	if err != nil {
		return err
	}
	if t.rejections.n > 0 {
		return silently(exitIncomplete)
	}
	return nil
}

// tableFormat returns the writer of the format that the flags ask for.
func tableFormat(cmd *cobra.Command, f viewFlags) (func(io.Writer, []viewdef.Column) viewdef.Writer, error) {
	format := f.format
	if format == "" {
		format = "csv"
		if ext := strings.TrimPrefix(filepath.Ext(f.out), "."); ext == "ndjson" || ext == "parquet" {
			format = ext
		}
	}
	switch format {
	case "csv":
		return func(to io.Writer, c []viewdef.Column) viewdef.Writer { return viewdef.NewCSV(to, c) }, nil
	case "ndjson":
		return func(to io.Writer, c []viewdef.Column) viewdef.Writer { return viewdef.NewNDJSON(to, c) }, nil
	case "parquet":
		if out, ok := cmd.OutOrStdout().(*os.File); ok && f.out == "" && isTerminal(out) {
			return nil, errors.New("a terminal cannot show Parquet: name a file with --out")
		}
		return func(to io.Writer, c []viewdef.Column) viewdef.Writer { return parquet.New(to, c) }, nil
	}
	return nil, fmt.Errorf("--format %s: %s", format, finding.DidYouMean(format, []string{"csv", "ndjson", "parquet"}))
}

// into lets write fill the file, as a whole or not at all, or standard output where no file is named.
func into(cmd *cobra.Command, path string, write func(io.Writer) error) error {
	if path == "" {
		return write(cmd.OutOrStdout())
	}
	file, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	defer file.Abort()
	if err := write(file); err != nil {
		return err
	}
	_, err = file.Commit()
	return err
}

// tabulation is a view under way.
type tabulation struct {
	view       *viewdef.View
	runner     *viewdef.Runner
	writer     viewdef.Writer
	rejections rejections
	write      func(*viewdef.Row) error
	read, done int // resources of any type; those of the view's that did not fail
}

func (t *tabulation) resource(res *fhir.Resource) error {
	t.read++
	if res.Type != t.view.Resource() {
		return nil
	}
	if err := t.runner.Each(res, t.write); err != nil {
		t.writer.Drop()
		t.rejections.add(fhir.Rejected{Origin: res.Origin, Type: res.Type, Reason: err.Error()})
		return nil
	}
	t.done++
	return t.writer.Keep()
}

// finish ends the table, and fails when there is nothing that it could be about.
func (t *tabulation) finish() error {
	switch {
	case t.done == 0 && t.rejections.n > 0:
		return silently(exitNothing)
	case t.read == 0:
		return coded{exitNothing, errors.New("the inputs have no resource")}
	case t.done == 0:
		_, _ = fmt.Fprintf(t.rejections.w, "crflink: the inputs have no %s: the table is empty\n", t.view.Resource())
	}
	return t.writer.Close()
}
