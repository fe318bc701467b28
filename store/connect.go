package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jmoiron/sqlx"
	"github.com/mattn/go-sqlite3"

	"github.com/crflink/crflink/store/database"
)

//go:embed migrations
var migrations embed.FS

// connections of one database. Ledger's mutex lets one of write and durable work at a time.
type connections struct {
	write   *sqlx.DB // what it commits is on disk with what durable commits next
	durable *sqlx.DB // what it commits is on disk
	read    *sqlx.DB
}

const readers = 4

// connect opens the file, creating it with mode 0600 where it is not there, and brings its schema up to date.
func connect(ctx context.Context, path string) (*connections, error) {
	if err := private(path); err != nil {
		return nil, err
	}
	c := &connections{
		write:   open(path, 1, "_txlock=immediate", "_synchronous=NORMAL", "_cache_size=-4000", "_secure_delete=on"),
		durable: open(path, 1, "_txlock=immediate", "_synchronous=FULL", "_cache_size=-4000", "_secure_delete=on"),
		read:    open(path, readers, "_txlock=deferred", "_query_only=on", "_cache_size=-2000"),
	}
	if err := migrate(ctx, c.durable); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), c.read.Close(), c.write.Close())
	}
	return c, nil
}

// private creates the file if need be and takes it from group and others.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the path is configuration
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return fmt.Errorf("make the ledger private: %w", err)
	}
	return nil
}

// open makes a pool whose every connection has the pragmas: those of the driver come with the name, the
// checkpoint interval with each connection.
func open(path string, size int, pragmas ...string) *sqlx.DB {
	name := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on"
	for _, p := range pragmas {
		name += "&" + p
	}
	db := sql.OpenDB(&connector{name: name})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return sqlx.NewDb(db, "sqlite3")
}

type connector struct {
	name   string
	driver sqlite3.SQLiteDriver
}

func (c *connector) Driver() driver.Driver { return &c.driver }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	lite, ok := conn.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, errors.New("the driver's connection is not SQLite's")
	}
	if _, err := lite.Exec("PRAGMA wal_autocheckpoint=10000", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// migrate brings the schema up to date. It closes the database when it fails.
func migrate(ctx context.Context, db *sqlx.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return database.Migrate(ctx, db, files)
}
