package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/questionnaire"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/mapping/crtdl"
	"github.com/crflink/crflink/pipeline/scaffold"
)

// initOptions are the flags of init.
type initOptions struct {
	from, out, study, language, repeating, crtdl string
	events                                       []string
}

func initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init --from FILE --out DIR",
		Short: "Begin a study with the forms of an eCRF system",
		Long: `Reads forms from a REDCap data dictionary (CSV), an ODM document (XML, 1.3 or 2.0) or a FHIR R4 Questionnaire (JSON), and writes a
study into the folder: study.yaml, dictionary.yaml, mapping.yaml with every form and item and no rule yet, consent.yaml, tests/first.yaml,
and import.txt, which lists what could not be taken over as it was. Files that exist are never overwritten.
With --crtdl the attribute groups of a CRTDL (JSON) stand in mapping.yaml as rules that only need the name of their item.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return initStudy(cmd, o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.from, "from", "", "data dictionary (.csv), ODM document (.xml) or Questionnaire (.json)")
	flags.StringVar(&o.out, "out", "", "folder for the study's files")
	flags.StringVar(&o.study, "study", "", "the study's id (default: made from the title in the file, or from its name)")
	flags.StringArrayVar(&o.events, "events", nil, "REDCap: CSV of the events, of the instrument-event mapping, or this flag for each of both")
	flags.StringVar(&o.repeating, "repeating", "", "REDCap: CSV of the repeating instruments and events")
	flags.StringVar(&o.crtdl, "crtdl", "", "CRTDL (.json) whose attribute groups become rules to choose from")
	flags.StringVar(&o.language, "language", "", "ODM: the language of labels, such as de (default: that of the first text)")
	return cmd
}

func initStudy(cmd *cobra.Command, o initOptions) error {
	if o.from == "" || o.out == "" {
		return errors.New("usage: crflink init --from FILE --out DIR")
	}
	draft, err := readDraft(o)
	if err != nil {
		return err
	}
	study := o.study
	if study == "" {
		base := filepath.Base(o.from)
		study = ecrf.StudyName(base[:len(base)-len(filepath.Ext(base))])
		if draft.Title != "" {
			study = ecrf.StudyName(draft.Title)
		}
	}
	dictionary, comments, report, err := draft.Dictionary(study)
	if err != nil {
		_ = report.Write(cmd.ErrOrStderr())
		return err
	}
	request, err := readRequest(o.crtdl)
	if err != nil {
		return err
	}
	files, err := scaffold.Files(scaffold.Study{
		Dictionary: dictionary, Comments: comments, Report: report, Title: draft.Title, Source: filepath.Base(o.from), Request: request,
	})
	if err != nil {
		return err
	}
	if err := scaffold.Write(o.out, files); err != nil {
		return err
	}
	if err := report.Write(cmd.ErrOrStderr()); err != nil {
		return err
	}
	return summarise(cmd.OutOrStdout(), o.out, dictionary)
}

func summarise(w io.Writer, out string, d *ecrf.Dictionary) error {
	items := 0
	for _, f := range d.Forms {
		items += len(f.Items)
	}
	_, err := fmt.Fprintf(w, "%s: study %s with %d events, %d forms, %d items, %d code lists; what was not taken over stands in import.txt\n",
		out, d.Study, len(d.Events), len(d.Forms), items, len(d.CodeLists))
	return err
}

// readRequest reads what a CRTDL asks for; no name is no request.
func readRequest(name string) (request *scaffold.Request, err error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name) // #nosec G304 -- a file that the user named
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	read, err := crtdl.Read(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &scaffold.Request{Request: read, Source: filepath.Base(name)}, nil
}

// readDraft reads the file with the reader for its kind.
func readDraft(o initOptions) (draft *ecrf.Draft, err error) {
	f, err := os.Open(o.from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := bufio.NewReader(f)
	kind := kindOf(o.from, r)
	if kind != ".csv" && (len(o.events) > 0 || o.repeating != "") {
		return nil, errors.New("--events and --repeating belong to a REDCap data dictionary (CSV)")
	}
	switch kind {
	case ".xml":
		draft, err = odm.ReadMetadata(r, o.language)
	case ".json":
		draft, err = questionnaire.Read(r)
	default:
		draft, err = readREDCap(r, o)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.from, err)
	}
	return draft, nil
}

// kindOf is the kind of a file by the ending of its name, or else by its first character.
func kindOf(name string, r *bufio.Reader) string {
	switch ending := strings.ToLower(filepath.Ext(name)); ending {
	case ".csv", ".xml", ".json":
		return ending
	}
	begin, _ := r.Peek(512) // a short file is shown as far as it goes
	text := strings.TrimSpace(strings.TrimPrefix(string(begin), "\uFEFF"))
	switch {
	case strings.HasPrefix(text, "<"):
		return ".xml"
	case strings.HasPrefix(text, "{"):
		return ".json"
	}
	return ".csv"
}

func readREDCap(dictionary io.Reader, o initOptions) (draft *ecrf.Draft, err error) {
	x := redcap.Export{Dictionary: dictionary}
	for _, name := range o.events {
		f, err := os.Open(name) // #nosec G304 -- a file that the user named
		if err != nil {
			return nil, err
		}
		defer f.Close()
		x.Events = append(x.Events, f)
	}
	if o.repeating != "" {
		f, err := os.Open(o.repeating)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		x.Repeating = f
	}
	return redcap.ReadDictionary(x)
}
