package tables

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Tables beside those of package tabular.
var (
	about    = &tabular.Table{Name: "about", Columns: []tabular.Column{{Name: "name", Type: ecrf.Text}, {Name: "value", Type: ecrf.Text}}, Keys: 1}
	subjects = &tabular.Table{Name: "subjects", Columns: []tabular.Column{{Name: "subject", Type: ecrf.Text}, {Name: "digest", Type: ecrf.Text}}, Keys: 1}
)

// maxIdentifier is the longest name that PostgreSQL does not cut off.
const maxIdentifier = 63

// errForeign is what to do with a database that holds tables of others.
var errForeign = errors.New("the database holds other tables already; give the target a file, or a schema, of its own")

// prepare makes the tables, unless they are there as the dictionary wants them.
func (l *loader) prepare(ctx context.Context, d *ecrf.Dictionary) error {
	there, err := l.s.tables(ctx)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		before, err := l.described(ctx, there)
		if err != nil || before["version"] == l.version {
			return err
		}
	}
	l.changed = true
	for _, t := range there {
		if err := l.s.exec(ctx, "DROP TABLE "+l.s.name(t)); err != nil {
			return fmt.Errorf("the dictionary has changed, and a table cannot be made anew; does something of others depend on it? %w", err)
		}
	}
	for _, t := range append([]*tabular.Table{about, subjects, l.tables.Items, l.tables.Codes}, l.tables.Data()...) {
		if err := l.create(ctx, t); err != nil {
			return err
		}
	}
	return l.describe(ctx, d)
}

// described returns what the tables say about themselves. Tables of another study, or of somebody else, are not touched.
func (l *loader) described(ctx context.Context, there []string) (map[string]string, error) {
	ours := 0
	for _, t := range there {
		if t == about.Name || t == subjects.Name {
			ours++
		}
	}
	if ours < 2 {
		return nil, errForeign
	}
	before, err := l.s.pairs(ctx, "SELECT name, value FROM "+l.s.name(about.Name))
	if err == nil && before["study"] != l.study {
		err = errors.New("the tables are of another study; give the target a file, or a schema, of its own")
	}
	return before, err
}

func (l *loader) create(ctx context.Context, t *tabular.Table) error {
	var columns, keys []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if len(c.Name) > maxIdentifier || len(t.Name) > maxIdentifier {
			return fmt.Errorf("the name of %s.%s is too long for a database: it may have %d characters", t.Name, c.Name, maxIdentifier)
		}
		column := quote(c.Name) + " " + l.s.columnType(c)
		if i < t.Keys {
			column += " NOT NULL"
			if c.Name != "site" { // which belongs to the subject
				keys = append(keys, quote(c.Name))
			}
		}
		columns = append(columns, column)
	}
	if len(keys) > 0 {
		columns = append(columns, "PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	}
	return l.s.exec(ctx, "CREATE TABLE "+l.s.name(t.Name)+" ("+strings.Join(columns, ", ")+")")
}

// describe fills the tables that describe the others.
func (l *loader) describe(ctx context.Context, d *ecrf.Dictionary) error {
	rows := []string{"study", d.Study, "dictionary", d.Version, "version", l.version}
	for i, notice := range l.notices {
		rows = append(rows, "notice "+strconv.Itoa(i+1), notice)
	}
	if err := l.s.load(ctx, about, rows); err != nil {
		return err
	}
	return l.tables.Describe(func(row tabular.Row) error { return l.s.load(ctx, row.Table, row.Values) })
}

// quote makes a name that may be a word of SQL safe. Names hold a-z, 0-9 and _ only.
func quote(name string) string { return `"` + name + `"` }
