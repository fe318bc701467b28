package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
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
	config, err := a.config()
	if err != nil {
		return l, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return l, fmt.Errorf("the vault's PostgreSQL cannot be reached or entered: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	row := conn.QueryRow(ctx, `SELECT current_setting('server_version'), clock_timestamp(), to_regclass('subject') IS NOT NULL,
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_setting('is_superuser') = 'on'`)
	err = row.Scan(&l.Version, &l.Clock, &l.Made, &l.MayCreate, &l.Superuser)
	return l, err
}
