package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/consent/gics"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bulk"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/fhir/several"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store/journal"
	"github.com/crflink/crflink/withdrawal"
)

// opened is a study with everything that a run works with.
type opened struct {
	pipeline.Parts
	log     audit.Log
	by      string // who acts, where a flag says it
	locked  bool   // other runs of the study are kept away
	closers []io.Closer
}

func (o *opened) Close() error {
	var errs []error
	for i := len(o.closers) - 1; i >= 0; i-- {
		errs = append(errs, o.closers[i].Close())
	}
	return errors.Join(errs...)
}

// open opens source, vault, ledger and targets of a study. On an error nothing stays open.
func open(ctx context.Context, study *pipeline.Study) (*opened, error) {
	o := &opened{Parts: pipeline.Parts{Study: study}}
	for _, step := range []func(context.Context) error{o.lock, o.unretired, o.source, o.vault, o.journal, o.numbering, o.ledger, o.audit, o.targets, o.entered, o.pacs} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	return o, nil
}

func (o *opened) source(context.Context) error {
	source, err := openSources(o.Study)
	if err == nil {
		source, err = withConsents(source, o.Study.Consents)
	}
	if err != nil {
		return err
	}
	o.Source = source
	o.closers = append(o.closers, source)
	return nil
}

// withConsents puts the service that keeps the consents before a source.
func withConsents(source fhir.Source, spec *pipeline.ConsentSpec) (fhir.Source, error) {
	if spec == nil {
		return source, nil
	}
	options, err := server(spec.URL, spec.Auth)
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	both, err := gics.New(source, gicsOptions(options, spec))
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return both, nil
}

func gicsOptions(options wire.Options, spec *pipeline.ConsentSpec) gics.Options {
	return gics.Options{
		Wire: options, Domain: spec.Domain, Ask: gics.Ask(spec.Ask), Person: spec.Person, Patient: spec.Patient, PatientID: spec.PatientID, Keep: spec.Keep,
	}
}

// openSources opens the study's source, or makes one of several.
func openSources(study *pipeline.Study) (fhir.Source, error) {
	if !study.Several() {
		return openSource(study.Sources[0], neededOf(study))
	}
	var options several.Options
	if !study.Identity.PatientID {
		options.Identify = func(patient *fhir.Resource) (string, bool) {
			id, err := study.Identity.Identify(patient)
			return id.Value, err == nil
		}
	}
	for _, spec := range study.Sources {
		source, err := openSource(spec, nil)
		if err != nil {
			return nil, errors.Join(err, closeParts(options.Parts))
		}
		options.Parts = append(options.Parts, several.Part{Alias: spec.Name, Source: source, Plain: spec.Plain})
	}
	source, err := several.New(options)
	if err != nil {
		return nil, errors.Join(err, closeParts(options.Parts))
	}
	return source, nil
}

func closeParts(parts []several.Part) error {
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.Source.Close())
	}
	return errors.Join(errs...)
}

// neededOf tells which facts of files are looked at again. Where a service keeps the consents, the files alone do not tell it.
func neededOf(study *pipeline.Study) func(*fhir.Record) func(*fhir.Resource) bool {
	if study.Consents != nil {
		return nil
	}
	return consent.Needed
}

// openSource opens one source; of one of several, which decide together, everything is needed.
func openSource(spec pipeline.SourceSpec, needed func(*fhir.Record) func(*fhir.Resource) bool) (fhir.Source, error) {
	if spec.URL == "" {
		return ndjson.Open(spec.Files, ndjson.Options{Name: spec.Name, Needed: needed})
	}
	options, err := server(spec.URL, spec.Auth)
	if err != nil {
		return nil, err
	}
	options.AtOnce, options.Every = spec.Limits.AtOnce, spec.Limits.Every
	if e := spec.Export; e != nil {
		return bulk.New(bulk.Options{Name: spec.Name, Wire: options, Level: bulk.Level(e.Level), Group: e.Group, Hosts: e.Hosts, TypeFilters: e.Filters, Since: e.Since})
	}
	return rest.New(rest.Options{Name: spec.Name, Wire: options, PageSize: spec.Limits.Page, Post: spec.Limits.Post})
}

// journal opens the journal of withdrawals, and makes it for a study that has none.
func (o *opened) journal(context.Context) error { return o.withdrawals(journal.Open) }

// readJournal opens it beside a run that may write it.
func (o *opened) readJournal(context.Context) error { return o.withdrawals(journal.OpenToRead) }

func (o *opened) withdrawals(open func(string) (*journal.Log, error)) error {
	log, err := open(filepath.Join(o.Study.State, journal.FileName))
	if err != nil {
		return err
	}
	o.closers = append(o.closers, log)
	o.Journal, err = withdrawal.Open(log, pipeline.JournalSigner(o.Vault))
	if err != nil {
		return err
	}
	o.Vault.Heed(o.Journal.Register())
	return nil
}

func (o *opened) targets(context.Context) error {
	for _, spec := range o.Study.Targets {
		t, err := newTarget(o.Study, spec)
		if err != nil {
			return err
		}
		o.closeLater(t)
		o.Targets = append(o.Targets, t)
	}
	return nil
}

// entered opens what people entered, where the study reads it.
func (o *opened) entered(context.Context) error {
	if o.Study.Entered == nil || !o.Study.ReadsEntered() {
		return nil
	}
	var err error
	if name := o.Study.Entered.Target; name != "" {
		o.Entered, err = o.enteredIn(name)
		return err
	}
	o.Entered, err = enteredFile(o.Study)
	return err
}

// enteredFile keeps a nil pointer from becoming a reader.
func enteredFile(study *pipeline.Study) (ecrf.Reader, error) {
	e, err := table.OpenEntered(study.Entered.File, study.Dictionary)
	if err != nil {
		return nil, err
	}
	return e, nil
}
