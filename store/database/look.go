package database

import (
	"context"
	"errors"
	"time"

	"github.com/crflink/crflink/store/postgres"
)

// Look is what a database of PostgreSQL shows before it is used.
type Look struct {
	Version   string    // of PostgreSQL
	Clock     time.Time // of the server
	Made      bool      // the tables are there
	MayCreate bool      // the role may make them
	Superuser bool      // the role may do everything, which is too much
}

// LookAt connects to PostgreSQL under a name, looks for a table in a schema ("" is the role's own), and changes nothing there.
func LookAt(ctx context.Context, a postgres.Address, name, schema, table string) (l Look, err error) {
	db, err := Postgres(a, name)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	row := db.QueryRowContext(ctx, `SELECT current_setting('server_version'), clock_timestamp(), current_setting('is_superuser') = 'on',
			EXISTS (SELECT FROM pg_tables WHERE schemaname = coalesce(nullif($1, ''), current_schema()) AND tablename = $2),
			CASE WHEN $1 <> '' AND NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) THEN has_database_privilege(current_database(), 'CREATE')
			ELSE coalesce(has_schema_privilege(coalesce(nullif($1, ''), current_schema()), 'CREATE'), false) END`, schema, table)
	return l, row.Scan(&l.Version, &l.Clock, &l.Superuser, &l.Made, &l.MayCreate)
}
