package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
)

// formStatuses are the words of the study file; all others leave the status alone.
var formStatuses = map[string]redcap.FormStatus{"incomplete": redcap.Incomplete, "unverified": redcap.Unverified}

// newREDCap opens a REDCap project. The token of the study file is the API's, and goes into no header.
func newREDCap(study *pipeline.Study, spec pipeline.TargetSpec) (ecrf.Target, error) {
	r := spec.REDCap
	options, err := server(r.URL, r.Auth)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", spec.Name, err)
	}
	token := options.Auth.Bearer
	options.Auth.Bearer = wire.Secret{}
	o := redcap.Options{
		Wire: options, Token: token, Dictionary: study.Dictionary, Project: r.Project, CreateRecords: r.CreateRecords,
		Status: formStatuses[r.Status], Policy: r.Policy, Policies: r.Policies, Freezes: spec.Freezes, Names: r.Names, Groups: r.Groups, MissingCodes: r.MissingCodes,
		Fills: func(event, form, item string) bool { return study.Mapping.Fills(event, form+"."+item) },
		// What a person would have to confirm is asked of one.
		ClearUncovered: !study.Policy.AsksBeforeErasing(),
	}
	if r.PerMinute > 0 {
		o.Wire.Every = time.Minute / time.Duration(r.PerMinute)
	}
	t, err := redcap.New(spec.Name, o)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// enteredIn opens the target from which is read what people entered.
func (o *opened) enteredIn(name string) (ecrf.Reader, error) {
	for _, spec := range o.Study.Targets {
		if spec.Name != name {
			continue
		}
		t, err := newTarget(o.Study, spec)
		if err != nil {
			return nil, err
		}
		if reader, ok := t.(ecrf.Reader); ok {
			o.closeLater(t)
			return reader, nil
		}
	}
	return nil, fmt.Errorf("target %s cannot be read", name)
}

// closeLater closes a target that keeps connections.
func (o *opened) closeLater(t ecrf.Target) {
	if c, ok := t.(io.Closer); ok {
		o.closers = append(o.closers, c)
	}
}

// project examines a target that is a live project: whether it can be used, and whether the study fits it.
func (e *examination) project(ctx context.Context, r *checkup.Report, t *redcap.Target) {
	notes, err := t.Check(ctx)
	if err != nil {
		r.Bad("project", err, "nothing is written into a project that does not fit")
		return
	}
	r.Good("project", "the study's dictionary fits it")
	for _, note := range notes {
		r.Add("project", checkup.Doubtful, note, "")
	}
}
