package database

import (
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/store/postgres"
)

// Postgres opens PostgreSQL; what is done there goes under the name. Nothing is sent before the first use.
func Postgres(a postgres.Address, name string) (*sqlx.DB, error) {
	config, err := a.Config(name)
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(stdlib.OpenDB(*config), "pgx")
	db.SetMaxOpenConns(4)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}
