package main

import (
	"context"
	"errors"
	"hash/crc32"
	"sync"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
	"github.com/crflink/crflink/synth"
)

// subject is a permitted patient in memory.
type subject struct {
	permitted consent.Permitted
	subject   pseudonym.Subject
	texts     []string // of the permitted resources
	size      int64
}

// asOf is the day that the corpus is about.
func asOf(zone *time.Location) time.Time {
	y, m, d := synth.DefaultAsOf.Date()
	return time.Date(y, time.Month(m), d, 12, 0, 0, 0, zone)
}

// subjects reads the permitted and enrolled patients of a corpus.
func subjects(study *pipeline.Study, c corpus) ([]subject, error) {
	ctx := context.Background()
	key, err := pseudonym.NewKey([]byte(benchKey))
	if err != nil {
		return nil, err
	}
	vault, err := pseudonym.CreateVault(ctx, vaulttest.NewMemory(), key, study.ID)
	if err != nil {
		return nil, err
	}
	source, err := ndjson.Open([]string{c.folder}, ndjson.Options{})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	ignore := func(fhir.Rejected) {}
	var all []subject
	for facts, err := range source.Subjects(ctx, ignore) {
		if err != nil {
			return nil, err
		}
		s, err := vault.Find(ctx, facts, study.Identity, study.Numbering)
		if err != nil {
			continue // not enrolled
		}
		record, err := source.Fetch(ctx, facts.Key(), fhir.WantTypes(study.Mapping.Types()...), ignore)
		if err != nil {
			return nil, err
		}
		p, _ := consent.Admit(record, consent.Evaluate(consent.FactsOf(record), study.Policy, asOf(study.Zone)), study.Policy)
		if p.Granted() {
			all = append(all, newSubject(p, s))
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the corpus has no permitted subject")
	}
	return all, nil
}

func newSubject(p consent.Permitted, s pseudonym.Subject) subject {
	x := subject{permitted: p, subject: s}
	for res := range p.Resources() {
		text := string(fhir.AppendJSON(nil, res.Node))
		x.texts = append(x.texts, text)
		x.size += int64(len(text))
	}
	return x
}

// walk decodes the texts of a subject and looks at every name and value: what any de-identification has to do at least.
func (s *subject) walk(r *fhir.Resource) (nodes int, err error) {
	for _, text := range s.texts {
		if err := r.Read(text, fhir.Origin{}); err != nil {
			return nodes, err
		}
		nodes += count(r.Node)
	}
	return nodes, nil
}

func count(n fhir.Node) int {
	total := (len(n.Key()) + len(n.Text())) & 1
	for c := n.First(); c.Exists(); c = c.Next() {
		total += 1 + count(c)
	}
	if e := n.Extensions(); e.Exists() && n.Kind() != fhir.Object {
		total += 1 + count(e)
	}
	return total
}

// look goes over the resources as they were decoded, and over their texts. In a run they come fresh from the decoder, consent has looked at them and a
// digest was made of their texts when they are de-identified.
func (s *subject) look() (nodes int) {
	for res := range s.permitted.Resources() {
		nodes += count(res.Node) + 1 + int(crc32.ChecksumIEEE([]byte(res.Raw()))&1)
	}
	return nodes
}

// veil compares de-identification with decoding and walking the same resources. It is measured on records that were just looked
// at, less the time of looking: a corpus that was decoded beforehand lies far from the processor, which no run has to wait for.
func veil(study *pipeline.Study, all []subject, rounds int) ([]Figure, error) {
	v, err := pseudonym.NewVeil(study.Profile, pseudonym.Dates{Mode: pseudonym.Shift, Zone: study.Zone})
	if err != nil {
		return nil, err
	}
	look := inProcess(func() error {
		for i := range all {
			if all[i].look() == 0 {
				return errors.New("a subject has no data")
			}
		}
		return nil
	})
	hide := inProcess(func() error {
		for i := range all {
			all[i].look()
			record, _, err := v.Apply(all[i].permitted, all[i].subject)
			if err != nil {
				return err
			}
			record.Release() // as a run does once the subject is computed
		}
		return nil
	})
	var resource fhir.Resource
	walk := inProcess(func() error {
		for i := range all {
			if _, err := all[i].walk(&resource); err != nil {
				return err
			}
		}
		return nil
	})
	t, err := medians(rounds, hide, walk, look)
	if err != nil {
		return nil, err
	}
	mb := megabytes(all)
	hiding := t[0] - t[2]
	return []Figure{
		{Name: "de-identification", Value: mb / hiding, Unit: "MB/CPU-s", Against: rate("decode and walk", mb/t[1]), Better: higher},
		Figure{Name: "de-identification / decode and walk", Value: t[1] / hiding, Unit: "x", Against: rate("decode and walk", mb/t[1]), Better: higher}.within(0.3, 0.6),
	}, nil
}

func megabytes(all []subject) float64 {
	var size int64
	for i := range all {
		size += all[i].size
	}
	return float64(size) / 1e6
}

// fill measures mapping alone, with one worker and with two.
func fill(study *pipeline.Study, all []subject, rounds int) ([]Figure, error) {
	records, err := veiled(study, all)
	if err != nil {
		return nil, err
	}
	work := func(workers int) side {
		return inProcess(func() error {
			return share(records, workers, func(r *pseudonym.Record) error { return fillOne(study, r) })
		})
	}
	var resource fhir.Resource
	decode := inProcess(func() error {
		for i := range all {
			for _, text := range all[i].texts {
				if err := resource.Read(text, fhir.Origin{}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	t, err := medians(rounds, work(1), work(2), decode)
	if err != nil {
		return nil, err
	}
	mb := megabytes(all)
	return []Figure{
		{Name: "mapping alone", Value: mb / t[0], Unit: "MB/CPU-s", Against: rate("decode", mb/t[2]), Better: higher},
		Figure{Name: "mapping with two workers", Value: 2 * t[0] / t[1], Unit: "x", Against: "one worker, CPU time", Better: higher}.within(1.7, 1.85),
	}, nil
}

func veiled(study *pipeline.Study, all []subject) ([]*pseudonym.Record, error) {
	v, err := study.Veil(study.Dates)
	if err != nil {
		return nil, err
	}
	var records []*pseudonym.Record
	for i := range all {
		r, _, err := v.Apply(all[i].permitted, all[i].subject)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

func fillOne(study *pipeline.Study, r *pseudonym.Record) error {
	_, err := study.Mapping.Fill(mapping.Input{Record: r, AsOf: asOf(study.Zone), Zone: study.Zone, Source: "hospital"})
	return err
}

// share gives the records to workers, each its own part.
func share(records []*pseudonym.Record, workers int, use func(*pseudonym.Record) error) error {
	errs := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(records) && errs[w] == nil; i += workers {
				errs[w] = use(records[i])
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
