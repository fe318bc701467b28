package pseudonym

import (
	"context"
	"fmt"
)

// ahead is what was read of many patients' subjects at once, for those who then ask for each; a nil Row is none. A patient whose
// subject may have changed since is not in it.
type ahead map[Identity]*Row

type aheadKey struct{}

// Ahead reads the subjects of many patients at once. Until something is changed, Subject, Enrol, Issue and Find take them from the
// context that it returns. It is meant for a Batch: elsewhere another process may change them meanwhile.
func (v *Vault) Ahead(ctx context.Context, ids []Identity) (context.Context, error) {
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		hashes[i] = v.identityHash(id)
	}
	rows, err := v.store.Subjects(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("look up subjects: %w", err)
	}
	known := make(ahead, len(ids))
	for i, id := range ids {
		known[id] = nil
		if row, ok := rows[string(hashes[i])]; ok {
			known[id] = &row
		}
	}
	return context.WithValue(ctx, aheadKey{}, known), nil
}

func aheadOf(ctx context.Context) ahead {
	known, _ := ctx.Value(aheadKey{}).(ahead)
	return known
}
