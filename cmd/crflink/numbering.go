package main

import (
	"context"
	"io"

	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/gpas"
	"github.com/crflink/crflink/pseudonym/mainzelliste"
	"github.com/crflink/crflink/pseudonym/vfps"
)

// numberService is a service that numbers subjects, and is closed after use.
type numberService interface {
	pseudonym.Prefetcher
	io.Closer
}

// numbering opens the service that numbers subjects.
func (o *opened) numbering(context.Context) error {
	if o.Study.Numbers == nil {
		o.Numbering = o.Study.Numbering
		return nil
	}
	numbers, err := openNumbers(o.Study.Numbers)
	if err != nil {
		return err
	}
	o.Numbering = numbers
	o.closers = append(o.closers, numbers)
	return nil
}

func openNumbers(spec *pipeline.NumberSpec) (numberService, error) {
	options, err := server(spec.URL, spec.Auth)
	if err != nil {
		return nil, err
	}
	switch spec.From {
	case "mainzelliste":
		key, err := secret(spec.KeyEnv)
		if err != nil {
			return nil, err
		}
		return mainzelliste.New(mainzelliste.Options{
			Wire: options, Key: key, IdentifierType: spec.IdentifierType, NumberType: spec.NumberType, Create: spec.Create, Site: spec.Site,
		})
	case "vfps":
		return vfps.New(vfps.Options{Wire: options, Namespace: spec.Namespace, Create: spec.Create, Site: spec.Site})
	}
	return gpas.New(gpas.Options{Wire: options, Domain: spec.Domain, Create: spec.Create, Site: spec.Site, API: gpas.API(spec.API)})
}
