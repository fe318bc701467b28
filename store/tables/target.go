package tables

import (
	"context"
	"errors"
	"fmt"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Target is an ecrf.Target that writes the tables of a database.
type Target struct {
	name string
	at   database
}

var _ ecrf.Eraser = (*Target)(nil)

// database is where the tables are.
type database interface {
	kind() string
	// there reports whether anything was delivered yet.
	there(ctx context.Context) (bool, error)
	// begin begins the only transaction that writes; it makes the file or the schema if need be.
	begin(ctx context.Context) (session, error)
	// scrub overwrites what a transaction deleted, as far as the database can.
	scrub(ctx context.Context) error
	// file is the delivered file; "" for a server.
	file() string
}

// session is a transaction under way. Texts in statements have their places marked $1, $2…
type session interface {
	// name is a table's name as statements have it, and columnType a column's type.
	name(table string) string
	columnType(c *tabular.Column) string
	tables(ctx context.Context) ([]string, error)
	exec(ctx context.Context, statement string, args ...any) error
	// pairs returns the columns name and value of a query.
	pairs(ctx context.Context, statement string, args ...any) (map[string]string, error)
	// load adds rows of canonical texts, one behind the other; "" is null, but in the first keys columns.
	load(ctx context.Context, t *tabular.Table, rows []string) error
	commit(ctx context.Context) error
	rollback()
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns sqlite or postgres.
func (t *Target) Kind() string { return t.at.kind() }

// Server is a target whose tables are on a server.
type Server struct{ *Target }

// Reach reports whether the server can be reached and lets us in.
func (s Server) Reach(ctx context.Context) error {
	_, err := s.at.there(ctx)
	return wrap(s.name, err)
}

// Deliver brings the tables to what the delivery has. Written and Unchanged count subjects, or for a file the file.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (report ecrf.DeliveryReport, err error) {
	s, err := t.at.begin(ctx)
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	defer s.rollback()
	l := newLoader(s, d)
	if err := l.deliver(ctx, d); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	if l.changed {
		if err := s.commit(ctx); err != nil {
			return report, fmt.Errorf("target %s: %w", t.name, err)
		}
	}
	report = ecrf.DeliveryReport{Cells: l.cells, Written: l.written, Unchanged: l.unchanged, Problems: l.problems()}
	if t.at.file() == "" {
		return report, nil
	}
	s.rollback()
	report.Written, report.Unchanged = 0, 0
	placed, err := digest(t.at.file())
	placed.Changed = l.changed
	tabular.Report(&report, placed)
	return report, err
}

// Erase deletes the rows of the subjects.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	if there, err := t.at.there(ctx); err != nil || !there {
		return 0, wrap(t.name, err)
	}
	s, err := t.at.begin(ctx)
	if err != nil {
		return 0, wrap(t.name, err)
	}
	defer s.rollback()
	if cells, err = erase(ctx, s, e.Subjects); err != nil || cells == 0 {
		return 0, wrap(t.name, err)
	}
	if err := s.commit(ctx); err != nil {
		return 0, wrap(t.name, err)
	}
	s.rollback()
	return cells, wrap(t.name, t.at.scrub(ctx))
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("target %s: %w", name, err)
}

func erase(ctx context.Context, s session, subjects []string) (cells int, err error) {
	tables, err := s.tables(ctx)
	if err != nil {
		return 0, err
	}
	for _, subject := range subjects {
		known, err := s.pairs(ctx, "SELECT 'cells' AS name, CAST(count(*) AS text) AS value FROM "+s.name("cells")+" WHERE subject = $1", subject)
		if err != nil {
			return 0, err
		}
		n := 0
		if _, err := fmt.Sscan(known["cells"], &n); err != nil {
			return 0, errors.New("the database did not count the cells")
		}
		cells += n
		for _, table := range tables {
			if table == "about" || table == "dictionary" || table == "codelists" {
				continue
			}
			if err := s.exec(ctx, "DELETE FROM "+s.name(table)+" WHERE subject = $1", subject); err != nil {
				return 0, err
			}
		}
	}
	return cells, nil
}
