package rest

import (
	"context"
	"sync"
)

// sideBySide does as many things at the same time and waits for all of them. The first that fails ends the others. How many requests
// are under way is bounded where they are made, for all that ask the server together.
func sideBySide(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	if n == 1 {
		return do(ctx, 0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
