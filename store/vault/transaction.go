package vault

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

// transaction prepares each statement once, for enrolling many patients is the same few statements again. A statement that
// has begun is finished: it is short, and a driver guards each one that may be cancelled.
type transaction struct {
	*sqlx.Tx
	prepared map[string]*sqlx.Stmt // closed with the transaction
}

func newTransaction(tx *sqlx.Tx) *transaction { return &transaction{tx, map[string]*sqlx.Stmt{}} }

func (t *transaction) statement(ctx context.Context, query string) (*sqlx.Stmt, error) {
	if s, ok := t.prepared[query]; ok {
		return s, nil
	}
	s, err := t.PreparexContext(context.WithoutCancel(ctx), query)
	if err == nil {
		t.prepared[query] = s
	}
	return s, err
}

// GetContext reads one row.
func (t *transaction) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	s, err := t.statement(ctx, query) //nolint:sqlclosecheck // the transaction closes its statements
	if err != nil {
		return err
	}
	return s.GetContext(context.WithoutCancel(ctx), dest, args...)
}

// QueryRowxContext is what sqlx.GetContext asks.
func (t *transaction) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	s, err := t.statement(ctx, query) //nolint:sqlclosecheck // the transaction closes its statements
	if err != nil {
		return t.Tx.QueryRowxContext(ctx, query, args...) // tells the error
	}
	return s.QueryRowxContext(context.WithoutCancel(ctx), args...)
}

// ExecContext changes rows.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := t.statement(ctx, query) //nolint:sqlclosecheck // the transaction closes its statements
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.WithoutCancel(ctx), args...)
}

// NamedExecContext changes rows by the names of a struct's fields.
func (t *transaction) NamedExecContext(ctx context.Context, query string, arg any) (sql.Result, error) {
	bound, args, err := t.BindNamed(query, arg)
	if err != nil {
		return nil, err
	}
	return t.ExecContext(ctx, bound, args...)
}
