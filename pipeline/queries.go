package pipeline

import (
	"context"
	"slices"
)

// countQueries counts the queries that somebody has to settle.
func (r *runner) countQueries(ctx context.Context) error {
	if !slices.ContainsFunc(r.Targets, live) {
		return nil
	}
	queries, err := r.Ledger.Queries(ctx)
	if err != nil {
		return err
	}
	for i := range queries {
		if queries[i].State.Pending() {
			r.out.Tally.Queries++
		}
	}
	return nil
}
