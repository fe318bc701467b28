package main

import (
	"context"
	"time"

	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/pipeline"
)

// pacs opens the study's PACS, if it has one.
func (o *opened) pacs(context.Context) error {
	spec := o.Study.Imaging.PACS
	if spec == nil {
		return nil
	}
	client, err := openPACS(spec)
	if err != nil {
		return err
	}
	o.PACS = client
	o.closers = append(o.closers, client)
	return nil
}

func openPACS(spec *pipeline.PACSSpec) (*dicomweb.Client, error) {
	options, err := server(spec.URL, spec.Auth)
	if err != nil {
		return nil, err
	}
	if spec.Rate > 0 {
		options.Every = time.Second / time.Duration(spec.Rate)
	}
	return dicomweb.New(dicomweb.Options{Wire: options})
}
