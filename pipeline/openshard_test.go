package pipeline_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

// meeting is a source whose first patient is given out when another one is asked for, too.
type meeting struct {
	fhir.Source
	asked  atomic.Int32
	second chan struct{}
	fails  error // of the second patient
}

func (m *meeting) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	if len(wanted.Types()) > 0 {
		switch m.asked.Add(1) {
		case 1:
			select {
			case <-m.second:
			case <-time.After(time.Minute):
				return nil, errors.New("nobody helped")
			}
		case 2:
			close(m.second)
			if m.fails != nil {
				return nil, m.fails
			}
		}
	}
	return m.Source.Fetch(ctx, patient, wanted, rej)
}

// TestAWorkerWithoutAShardHelpsWithAnother has so few subjects that they are one shard.
func TestAWorkerWithoutAShardHelpsWithAnother(t *testing.T) {
	c := newController(t, 8)
	alone := c.at(t, "", func(*pipeline.Study) fhir.Source { return c.whole.source(t, "whole") })
	c.run(t, alone, 0)
	m := &meeting{second: make(chan struct{})}
	state := t.TempDir()
	copyVault(t, alone.Study.State, state)
	together := c.at(t, state, func(*pipeline.Study) fhir.Source {
		m.Source = c.whole.source(t, "whole")
		return m
	})
	together.Workshop = nil
	out := c.run(t, together, 0)
	if out.Tally.Computed < 2 || out.Tally.Computed > 5 {
		t.Fatalf("%d subjects are not one shard that two can share", out.Tally.Computed)
	}
	if want, got := plainBook(t, alone), plainBook(t, together); got != want {
		t.Error(firstDifference(want, got))
	}
}

func TestAHelperThatFailsEndsTheRun(t *testing.T) {
	c := newController(t, 8)
	m := &meeting{second: make(chan struct{}), fails: errors.New("the helper fails")}
	parts := c.at(t, "", func(*pipeline.Study) fhir.Source {
		m.Source = c.whole.source(t, "whole")
		return m
	})
	parts.Workshop = nil
	_, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
	if !errors.Is(err, m.fails) {
		t.Errorf("the run ended with %v", err)
	}
	if known := knownSubjects(t, parts); len(known) > 0 {
		t.Errorf("%d subjects were stored of a shard that failed", len(known))
	}
}
