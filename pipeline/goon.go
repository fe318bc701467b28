package pipeline

import (
	"context"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// Unfinished returns the as-of of a run of this study that did not come to its end, when now is of the same day: a run with that
// as-of goes on where it stopped. ok is false where there is none, or where the study's files are others now.
func Unfinished(ctx context.Context, ledger ecrf.Ledger, study *Study, now time.Time) (asOf time.Time, ok bool, err error) {
	runs, err := ledger.Runs(ctx)
	if err != nil || len(runs) == 0 || runs[0].Finished {
		return time.Time{}, false, err
	}
	last := runs[0].Run
	if study.otherInput(last.Inputs) != "" {
		return time.Time{}, false, nil
	}
	asOf = last.AsOf.In(study.Zone)
	y, m, d := asOf.Date()
	ny, nm, nd := now.In(study.Zone).Date()
	return asOf, y == ny && m == nm && d == nd && !asOf.After(now), nil
}
