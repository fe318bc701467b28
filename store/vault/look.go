package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/store/database"
)

// Look is what a vault's database shows before it is used.
type Look struct {
	Version   string    // of PostgreSQL
	Clock     time.Time // of the server
	Made      bool      // the vault's tables are there
	MayCreate bool      // the role may make tables
	Superuser bool      // the role may do everything, which is too much
}

// LookAt connects to PostgreSQL, and changes nothing there.
func LookAt(ctx context.Context, a Address) (l Look, err error) {
	db, err := database.Postgres(a, "crflink doctor")
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	row := db.QueryRowContext(ctx, `SELECT current_setting('server_version'), clock_timestamp(), to_regclass('subject') IS NOT NULL,
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_setting('is_superuser') = 'on'`)
	if err := row.Scan(&l.Version, &l.Clock, &l.Made, &l.MayCreate, &l.Superuser); err != nil {
		return l, fmt.Errorf("the vault's PostgreSQL cannot be reached or entered: %w", err)
	}
	return l, nil
}
