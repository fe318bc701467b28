package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

// elsewhere computes every shard as another process would: from sealed bytes, on parts of its own, and gives what it came to back as
// bytes. Every second shard takes too long: the rest of its subjects is given out again. The tests of this package run with it; those of the command with the workshop in the process.
type elsewhere struct{}

func (elsewhere) Call(context.Context, *pipeline.Study) {}

func (e elsewhere) Work(ctx context.Context, order *pipeline.Order) error {
	if err := order.AtHome().Compute(ctx); err != nil {
		return err
	}
	bench, err := e.bench(ctx, order)
	if err != nil {
		return err
	}
	for piece, ok, err := order.Begin(); ok || err != nil; piece, ok, err = order.Begin() {
		if err != nil {
			return err
		}
		if err := handOver(ctx, order, bench, piece); err != nil {
			return err
		}
	}
	return nil
}

// bench is one of another process, but for what has to be computed in one.
func (e elsewhere) bench(ctx context.Context, order *pipeline.Order) (*pipeline.Bench, error) {
	terms, err := order.Terms()
	if err != nil {
		return nil, err
	}
	leader := order.Parts()
	_, printed := fhir.FingerprinterOf(leader.Source)
	_, several := fhir.Behind[fhir.Partial](leader.Source)
	if printed || several || leader.Study.Policy.Combined() {
		return order.Bench(), nil
	}
	leader.Journal = nil
	return pipeline.NewBench(ctx, leader, nil, "", order.Run(), terms)
}

func handOver(ctx context.Context, order *pipeline.Order, bench *pipeline.Bench, piece pipeline.Piece) error {
	within := time.Hour
	if len(piece.Name)%2 == 0 {
		within = 0
	}
	done, err := bench.Compute(ctx, piece, within)
	if err != nil {
		return err
	}
	if err := bench.Store(ctx, done); err != nil {
		return err
	}
	sealed, err := bench.Harvest(done)
	if err != nil {
		return err
	}
	return order.Take(piece.Name, sealed)
}

// stranger is a workshop whose worker has opened something else than the run.
type stranger struct {
	open    func(pipeline.Parts) pipeline.Parts
	program string
	run     ecrf.RunID // added to the run's
}

func (stranger) Call(context.Context, *pipeline.Study) {}

func (s stranger) Work(ctx context.Context, order *pipeline.Order) error {
	terms, err := order.Terms()
	if err != nil {
		return err
	}
	_, err = pipeline.NewBench(ctx, s.open(order.Parts()), nil, s.program, order.Run()+s.run, terms)
	return err
}

func TestAWorkerOfAnotherStudyIsRefused(t *testing.T) {
	site := newSite(t, 1, 3)
	same := func(p pipeline.Parts) pipeline.Parts { return p }
	for name, w := range map[string]stranger{
		"program": {same, "another version", 0},
		"run":     {same, "", 1},
		"mapping": {func(p pipeline.Parts) pipeline.Parts {
			study := *p.Study
			study.IndexEvent = "another"
			p.Study = &study
			return p
		}, "", 0},
		"vault": {func(p pipeline.Parts) pipeline.Parts {
			p.Vault = openParts(t, exampleStudy(t), site.folder).Vault
			return p
		}, "", 0},
		"source": {func(p pipeline.Parts) pipeline.Parts { p.Source = renamed{p.Source}; return p }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			parts := openParts(t, exampleStudy(t), site.folder)
			parts.Workshop = w
			_, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
			if !errors.Is(err, pipeline.ErrOtherInputs) {
				t.Error(err)
			}
		})
	}
}

type renamed struct{ fhir.Source }

func (renamed) Name() string { return "another" }
