package imaging

import "iter"

// once yields one group.
func once[T any](group []T) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) { yield(group, nil) }
}
