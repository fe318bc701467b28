package tables

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/store/postgres"
)

// NewPostgres returns a target that writes the tables of a schema of PostgreSQL, which it makes when it is delivered to and is
// not there.
func NewPostgres(name string, a postgres.Address, schema string) (ecrf.Target, error) {
	if name == "" {
		return nil, errors.New("a target of kind postgres needs a name")
	}
	if !schemaName.MatchString(schema) || len(schema) > maxIdentifier {
		return nil, fmt.Errorf("target %s: a schema is named by lower-case letters, digits and underscores", name)
	}
	config, err := a.Config("crflink tables")
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	return Server{&Target{name, &postgresSchema{config: config, schema: schema}}}, nil
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

type postgresSchema struct {
	config *pgx.ConnConfig
	schema string
}

func (p *postgresSchema) kind() string { return "postgres" }

func (p *postgresSchema) file() string { return "" }

func (p *postgresSchema) there(ctx context.Context) (there bool, err error) {
	c, err := p.connect(ctx)
	if err != nil {
		return false, err
	}
	err = c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'subjects')", p.schema).Scan(&there)
	return there, errors.Join(err, c.Close(ctx))
}

func (p *postgresSchema) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return c, nil
}

// begin lets one transaction write at a time. Readers see the tables as they were until it ends.
func (p *postgresSchema) begin(ctx context.Context) (session, error) {
	c, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &postgresSession{conn: c, schema: p.schema}
	if s.tx, err = c.Begin(ctx); err == nil {
		err = s.exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "crflink tables "+p.schema)
	}
	var there bool
	if err == nil {
		err = s.tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", p.schema).Scan(&there)
	}
	if err == nil && !there {
		err = s.exec(ctx, "CREATE SCHEMA "+quote(p.schema))
	}
	if err != nil {
		s.rollback()
		return nil, fmt.Errorf("begin in PostgreSQL: %w", err)
	}
	return s, nil
}

// scrub makes the files of the tables anew, without the rows as they were before. What the server's write-ahead log and its
// backups hold is not reached from here.
func (p *postgresSchema) scrub(ctx context.Context) (err error) {
	begun, err := p.begin(ctx)
	if err != nil {
		return err
	}
	names, err := begun.tables(ctx)
	begun.rollback()
	if err != nil {
		return err
	}
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	for _, name := range names {
		if _, err := c.Exec(ctx, "VACUUM (FULL) "+quote(p.schema)+"."+quote(name)); err != nil {
			return fmt.Errorf("the rows are deleted, but not overwritten: %w", err)
		}
	}
	return nil
}

type postgresSession struct {
	conn   *pgx.Conn
	tx     pgx.Tx
	schema string
	copied []byte // reused
}

func (s *postgresSession) name(table string) string { return quote(s.schema) + "." + quote(table) }

var postgresTypes = map[ecrf.Type]string{ecrf.Integer: "bigint", ecrf.Decimal: "numeric", ecrf.Boolean: "boolean", ecrf.Date: "date", ecrf.DateTime: "timestamp"}

func (s *postgresSession) columnType(c *tabular.Column) string {
	if t := postgresTypes[c.Type]; t != "" {
		return t
	}
	return "text"
}

func (s *postgresSession) tables(ctx context.Context) ([]string, error) {
	rows, err := s.tx.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename", s.schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (s *postgresSession) exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.tx.Exec(ctx, statement, args...)
	return err
}

func (s *postgresSession) pairs(ctx context.Context, statement string, args ...any) (map[string]string, error) {
	rows, err := s.tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	var key, value string
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		all[key] = value
		return nil
	})
	return all, err
}

func (s *postgresSession) commit(ctx context.Context) error {
	return errors.Join(s.tx.Commit(ctx), s.conn.Close(ctx))
}

// rollback is also called when all is over.
func (s *postgresSession) rollback() {
	ctx := context.Background() // the run's may have ended
	if s.tx != nil {
		_ = s.tx.Rollback(ctx) // the server rolls back when the connection ends, too
	}
	_ = s.conn.Close(ctx)
}
