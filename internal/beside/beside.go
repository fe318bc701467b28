// Package beside does several things at the same time.
package beside

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/crflink/crflink/internal/crash"
)

// Each does do for all numbers below n at the same time and waits for all of them. The first that fails ends the others through their
// context, and its error is returned. A panic is an error (package crash).
func Each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, within := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() (err error) {
			defer func() { crash.Caught(recover(), &err) }()
			return do(within, i)
		})
	}
	return group.Wait()
}
