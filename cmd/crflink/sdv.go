package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/monitoring"
	"github.com/crflink/crflink/ecrf/table"
)

type sdvFlags struct {
	high, middle, low, subjects int
	seed                        string
	asJSON                      bool
}

func sdvCommand() *cobra.Command {
	var f sdvFlags
	cmd := &cobra.Command{
		Use:   "sdv STUDY.yaml",
		Short: "The values that a person should compare with their source",
		Long: `Lists values of the ledger for source data verification, as CSV: the value beside what the source wrote, where it stands there, and
by which rule it came. Of values of high risk (the source no longer supports them, or the form requires them) usually all are
chosen, of middle (converted or mapped) 20 in a hundred, of low (as the source wrote them) 5. What is chosen depends on the
values' places and the seed only, so that the list of the next month holds this month's. It reads the ledger only.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return sdv(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.high, "high", 100, "percent of the values of high risk")
	flags.IntVar(&f.middle, "middle", 20, "percent of the values of middle risk")
	flags.IntVar(&f.low, "low", 5, "percent of the values of low risk")
	flags.IntVar(&f.subjects, "subjects", 0, "percent of the subjects, of whom all values are chosen")
	flags.StringVar(&f.seed, "seed", "", "another text chooses other values")
	flags.BoolVar(&f.asJSON, "json", false, "write a JSON object per value, one a line")
	return cmd
}

// sdvLine is a value to be compared.
type sdvLine struct {
	Subject       string `json:"subject"`
	Site          string `json:"site,omitempty"`
	Event         string `json:"event"`
	Form          string `json:"form"`
	Repeat        int    `json:"repeat,omitempty"`
	Item          string `json:"item"`
	Value         string `json:"value"`
	Unit          string `json:"unit,omitempty"`
	OriginalValue string `json:"originalValue,omitempty"`
	OriginalUnit  string `json:"originalUnit,omitempty"`
	Source        string `json:"source,omitempty"`
	Resource      string `json:"resource,omitempty"`
	Version       string `json:"version,omitempty"`
	Path          string `json:"path,omitempty"`
	Rule          string `json:"rule,omitempty"`
	Effective     string `json:"effective,omitempty"`
	Risk          string `json:"risk"`
	Why           string `json:"why"`
}

var sdvColumns = []string{
	"subject", "site", "event", "form", "repeat", "item", "value", "unit", "original_value", "original_unit", "source", "resource", "version", "path", "rule", "effective", "risk", "why",
	"verified", "by", "on", "remark", // for the person
}

func (l sdvLine) columns() []string {
	repeat := ""
	if l.Repeat > 0 {
		repeat = strconv.Itoa(l.Repeat)
	}
	all := []string{
		l.Subject, l.Site, l.Event, l.Form, repeat, l.Item, l.Value, l.Unit, l.OriginalValue, l.OriginalUnit, l.Source, l.Resource, l.Version, l.Path, l.Rule, l.Effective, l.Risk, l.Why, "", "", "", "",
	}
	for i := range all {
		all[i] = table.Escape(all[i])
	}
	return all
}

func lineOf(c monitoring.Chosen) sdvLine {
	p := &c.Cell.Provenance
	return sdvLine{
		c.Subject, c.Site, c.Cell.Event, c.Cell.Form, c.Cell.Repeat, c.Cell.Item, c.Cell.Value, c.Unit, p.OriginalValue, p.OriginalUnit,
		p.Source, p.Resource, p.Version, p.Path, p.Rule, p.Effective, string(c.Risk), c.Why,
	}
}

func sdv(cmd *cobra.Command, file string, f sdvFlags) (err error) {
	plan := monitoring.Plan{Rates: map[monitoring.Risk]int{monitoring.High: f.high, monitoring.Middle: f.middle, monitoring.Low: f.low}, Subjects: f.subjects, Seed: f.seed}
	if err := plan.Check(); err != nil {
		return err
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if study.Policy.Combined() {
		return errors.New("the study fills its forms under several consent policies: which forms of a subject are permitted is known while a run delivers, and not to the ledger; verify from the delivered tables")
	}
	o, err := openExisting(cmd.Context(), study, (*opened).ledger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	write, end := sdvWriter(cmd.OutOrStdout(), f.asJSON)
	s := &monitoring.Sample{Plan: plan, Dictionary: study.Dictionary}
	if err := o.permittedBooks(cmd.Context(), func(book *ecrf.StoredCasebook) error {
		return s.Take(book, func(c monitoring.Chosen) error { return write(lineOf(c)) })
	}); err != nil {
		return err
	}
	for _, risk := range []monitoring.Risk{monitoring.High, monitoring.Middle, monitoring.Low} {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s risk: %d of %d values\n", risk, s.Chosen[risk], s.Values[risk])
	}
	return end()
}

// sdvWriter writes lines as CSV, or as JSON.
func sdvWriter(w io.Writer, asJSON bool) (write func(sdvLine) error, end func() error) {
	if asJSON {
		return func(l sdvLine) error { return json.NewEncoder(w).Encode(l) }, func() error { return nil }
	}
	out := csv.NewWriter(w)
	head := out.Write(sdvColumns)
	return func(l sdvLine) error { return out.Write(l.columns()) }, func() error {
		out.Flush()
		return errors.Join(head, out.Error())
	}
}
