package beside_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/crflink/crflink/internal/beside"
	"github.com/crflink/crflink/internal/crash"
)

func TestAllAreDoneAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun sync.WaitGroup
		begun.Add(3)
		done := make([]bool, 3)
		err := beside.Each(t.Context(), len(done), func(_ context.Context, i int) error {
			begun.Done()
			begun.Wait() // for ever, were they done one after the other
			done[i] = true
			return nil
		})
		if err != nil || !done[0] || !done[1] || !done[2] {
			t.Errorf("%v, %v", done, err)
		}
	})
}

func TestTheFirstThatFailsEndsTheOthers(t *testing.T) {
	first := errors.New("first")
	err := beside.Each(t.Context(), 5, func(ctx context.Context, i int) error {
		if i == 3 {
			return first
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, first) {
		t.Error(err)
	}
}

func TestAPanicIsAnErrorThatTellsNoData(t *testing.T) {
	err := beside.Each(t.Context(), 2, func(_ context.Context, i int) error {
		if i == 1 {
			panic("Erika Mustermann")
		}
		return nil
	})
	var own *crash.Error
	if !errors.As(err, &own) || err.Error() == "" || own.Error() == "Erika Mustermann" {
		t.Error(err)
	}
}
