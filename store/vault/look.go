package vault

import (
	"context"
	"fmt"

	"github.com/crflink/crflink/store/database"
)

// LookAt connects to PostgreSQL, and changes nothing there.
func LookAt(ctx context.Context, a Address) (database.Look, error) {
	l, err := database.LookAt(ctx, a, "crflink doctor", "", "subject")
	if err != nil {
		return l, fmt.Errorf("the vault's PostgreSQL cannot be reached or entered: %w", err)
	}
	return l, nil
}
