package main

import "context"

// pacs asks the PACS for what nobody has: whether it answers, lets us in, and heeds what it is asked.
func (e *examination) pacs(ctx context.Context) {
	spec := e.study.Imaging.PACS
	if spec == nil {
		return
	}
	r := e.about("PACS")
	if _, ok := e.server(ctx, r, spec.URL, spec.Auth); !ok {
		return
	}
	client, err := openPACS(spec)
	if err != nil {
		r.Bad("search", err, "")
		return
	}
	defer func() { _ = client.Close() }()
	if err := client.Probe(ctx); err != nil {
		r.Bad("search", err, "check imaging.pacs.dicomweb, the account's rights, and whether the PACS supports QIDO-RS by PatientID and StudyInstanceUID")
		return
	}
	r.Good("search", "answers, and heeds PatientID and StudyInstanceUID")
}
