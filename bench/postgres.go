package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/store/postgres"
	"github.com/crflink/crflink/store/tables"
)

// rig stands in for a test where a test server is started for a measurement.
type rig struct {
	testing.TB
	ends []func()
}

// stopped is how a rig ends what cannot go on.
type stopped struct{ why string }

func (*rig) Helper()                      {}
func (*rig) Context() context.Context     { return context.Background() }
func (r *rig) Cleanup(end func())         { r.ends = append(r.ends, end) }
func (*rig) Fatal(args ...any)            { panic(stopped{fmt.Sprint(args...)}) }
func (*rig) Fatalf(form string, a ...any) { panic(stopped{fmt.Sprintf(form, a...)}) }
func (*rig) Skipf(form string, a ...any)  { panic(stopped{fmt.Sprintf(form, a...)}) }
func (r *rig) end() {
	for i := len(r.ends) - 1; i >= 0; i-- {
		r.ends[i]()
	}
}

// rigged measures with servers that end with it.
func rigged(do func(*rig) ([]Figure, error)) (figures []Figure, err error) {
	r := &rig{}
	defer r.end()
	defer func() {
		if x := recover(); x != nil {
			s, ok := x.(stopped)
			if !ok {
				panic(x)
			}
			err = errors.New(s.why)
		}
	}()
	return do(r)
}

// intoPostgres compares the target with a COPY of the same rows into the same tables, by PostgreSQL's own psql.
func intoPostgres(home string, subjects, rounds int) ([]Figure, error) {
	w, err := newWarehouse(home, subjects)
	if err != nil {
		return nil, err
	}
	return rigged(func(r *rig) ([]Figure, error) {
		cluster := shared.Postgres(r)
		p := &copied{warehouse: w, address: cluster.Database(r, "bench"), password: cluster.Password}
		return p.compare(rounds)
	})
}

// copied is a server with the tables that the target makes, and empty ones like them.
type copied struct {
	*warehouse
	address, password string
	script            string
}

func (p *copied) psql(args ...string) error {
	cmd := exec.Command("psql", append([]string{"-X", "-q", "-v", "ON_ERROR_STOP=1", p.address}, args...)...) // #nosec G204 -- a server of our own
	cmd.Env = append(os.Environ(), "PGPASSWORD="+p.password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

func (p *copied) deliver() error {
	target, err := tables.NewPostgres("bench", postgres.Address{URL: p.address, Password: p.password}, "ours")
	if err != nil {
		return err
	}
	_, err = target.Deliver(context.Background(), p.delivery)
	return err
}

// compare measures on the clock: most of the work is done in the server.
func (p *copied) compare(rounds int) ([]Figure, error) {
	if err := p.deliver(); err != nil {
		return nil, err
	}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	clocked := func(before string, do func() error) side {
		return func() (time.Duration, error) {
			if err := p.psql("-c", before); err != nil {
				return 0, err
			}
			begin := time.Now()
			err := do()
			return time.Since(begin), err
		}
	}
	us := clocked("DROP SCHEMA ours CASCADE", p.deliver)
	them := clocked("TRUNCATE "+strings.Join(p.names("theirs"), ", "), func() error { return p.psql("-1", "-f", p.script) })
	t, err := medians(rounds, us, them)
	if err != nil {
		return nil, err
	}
	if err := p.psql("-c", "DO $$ BEGIN ASSERT (SELECT count(*) FROM ours.cells) = (SELECT count(*) FROM theirs.cells) AND (SELECT count(*) FROM ours.cells) > 0; END $$"); err != nil {
		return nil, fmt.Errorf("crflink and COPY did not load the same rows: %w", err)
	}
	per := func(seconds float64) float64 { return float64(p.rows) / seconds / 1000 }
	against := fmt.Sprintf("psql's COPY of the same %d rows into the same tables, %.0f k rows/s", p.rows, per(t[1]))
	return []Figure{
		{Name: "rows into PostgreSQL tables", Value: per(t[0]), Unit: "k rows/s", Against: against, Better: higher},
		Figure{Name: "rows into PostgreSQL tables / COPY", Value: t[1] / t[0], Unit: "x", Against: against, Better: higher}.within(0.4, 0.5),
	}, nil
}

func (p *copied) names(schema string) []string {
	var names []string
	for _, t := range tabular.Of(p.delivery.Dictionary).Data() {
		names = append(names, fmt.Sprintf("%s.%q", schema, t.Name))
	}
	return names
}

// prepare makes empty tables like ours, and the script that copies the rows into them.
func (p *copied) prepare() error {
	p.script = filepath.Join(p.home, "copy.sql")
	create, script := "CREATE SCHEMA theirs;", ""
	ours := p.names("ours")
	for i, name := range p.names("theirs") {
		file := filepath.Join(p.home, fmt.Sprintf("%d.copy", i))
		create += fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL);", name, ours[i])
		script += fmt.Sprintf("\\copy %s FROM '%s'\n", name, file)
		if err := p.psql("-c", fmt.Sprintf("\\copy %s TO '%s'", ours[i], file)); err != nil {
			return err
		}
	}
	if err := os.WriteFile(p.script, []byte(script), 0o600); err != nil {
		return err
	}
	return p.psql("-c", create)
}
