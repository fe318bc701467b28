package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/store/tables"
)

// warehouse is what the targets that are databases are measured with: subjects of the example study, every item of every form
// filled, repeating forms several times.
type warehouse struct {
	home     string
	delivery ecrf.Delivery
	rows     int // of the tables of data
}

const repeats = 5

func newWarehouse(home string, subjects int) (*warehouse, error) {
	file := filepath.Join(example, "dictionary.yaml")
	text, err := os.ReadFile(file) // #nosec G304 -- the example study
	if err != nil {
		return nil, err
	}
	d, _, err := ecrf.ParseDictionary(file, text)
	if err != nil {
		return nil, err
	}
	w := &warehouse{home: home, delivery: ecrf.Delivery{Dictionary: d, AsOf: time.Date(2026, 1, 15, 2, 0, 0, 0, time.UTC)}}
	var books []*ecrf.StoredCasebook
	for n := range subjects {
		books = append(books, casebook(d, n))
	}
	w.delivery.Casebooks = func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for _, b := range books {
				if !yield(b, nil) {
					return
				}
			}
		}
	}
	_, err = w.each(func(tabular.Row) error {
		w.rows++
		return nil
	})
	return w, err
}

func (w *warehouse) each(put func(tabular.Row) error) (cells int, err error) {
	t := tabular.Of(w.delivery.Dictionary)
	return tabular.Each(context.Background(), w.delivery, func(b *ecrf.StoredCasebook) error { return t.Book(b, put) })
}

func casebook(d *ecrf.Dictionary, n int) *ecrf.StoredCasebook {
	b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: fmt.Sprintf("S%07d", n), Site: "site-" + strconv.Itoa(n%7)}}
	for _, e := range d.Events {
		for _, name := range e.Forms {
			f := d.Form(name)
			first, last := 0, 0
			if f.Repeating {
				first, last = 1, repeats
			}
			for repeat := first; repeat <= last; repeat++ {
				b.Cells = append(b.Cells, filled(d, e.Name, f, repeat, n)...)
			}
		}
	}
	return b
}

func filled(d *ecrf.Dictionary, event string, f *ecrf.Form, repeat, n int) []ecrf.StoredCell {
	var cells []ecrf.StoredCell
	for i := range f.Items {
		it := &f.Items[i]
		text := sampleText(d, it, n+repeat)
		cells = append(cells, ecrf.StoredCell{
			CellKey: ecrf.CellKey{Event: event, Form: f.Name, Repeat: repeat, Item: it.Name}, Value: text, State: ecrf.New,
			Provenance: ecrf.Provenance{
				Source: "hospital", Resource: fmt.Sprintf("Observation/k%030d", n*1000+repeat*50+i), Version: "3", Path: "Observation.value.ofType(Quantity)", OriginalValue: text,
				OriginalUnit: it.Unit, Rule: f.Name + "." + it.Name, Effective: "2024-05-06",
			},
		})
	}
	return cells
}

// sampleText is a canonical text of an item.
func sampleText(d *ecrf.Dictionary, it *ecrf.Item, n int) string {
	switch it.Type {
	case ecrf.Integer:
		return strconv.Itoa(40 + n%50)
	case ecrf.Decimal:
		return strconv.FormatFloat(20+float64(n%700)/10, 'f', it.Decimals, 64)
	case ecrf.Date, ecrf.PartialDate:
		return fmt.Sprintf("2024-%02d-%02d", 1+n%12, 1+n%28)
	case ecrf.DateTime:
		return fmt.Sprintf("2024-%02d-%02dT07:30:00", 1+n%12, 1+n%28)
	case ecrf.Boolean:
		return strconv.FormatBool(n%2 == 0)
	case ecrf.Choice:
		codes := d.CodeList(it.CodeList).Codes
		return codes[n%len(codes)].Value
	}
	return "text " + strconv.Itoa(n%1000)
}

func intoSQLite(home string, subjects, rounds int) ([]Figure, error) {
	w, err := newWarehouse(home, subjects)
	if err != nil {
		return nil, err
	}
	return w.intoSQLite(rounds)
}

// intoSQLite compares the target with a plain loop in C over the same rows, on the same engine.
func (w *warehouse) intoSQLite(rounds int) ([]Figure, error) {
	loop, err := compiledLoop()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(w.home, "target.db")
	deliver := func() error { return w.deliverSQLite(file) }
	if err := deliver(); err != nil {
		return nil, err
	}
	schema, rows, err := w.forLoop(file)
	if err != nil {
		return nil, err
	}
	plain := filepath.Join(w.home, "plain.db")
	us := inProcess(deliver)
	them := func() (time.Duration, error) {
		if err := os.RemoveAll(plain); err != nil {
			return 0, err
		}
		u, err := run(exec.Command(loop, plain, schema, rows)) // #nosec G204 -- our own program
		return u.cpu, err
	}
	t, err := medians(rounds, us, them)
	if err != nil {
		return nil, err
	}
	if err := sameRows(file, plain); err != nil {
		return nil, err
	}
	per := func(seconds float64) float64 { return float64(w.rows) / seconds / 1000 }
	against := fmt.Sprintf("a loop in C over the same %d rows and tables, %.0f k rows/CPU-s", w.rows, per(t[1]))
	return []Figure{
		{Name: "rows into SQLite tables", Value: per(t[0]), Unit: "k rows/CPU-s", Against: against, Better: higher},
		Figure{Name: "rows into SQLite tables / loop in C", Value: t[1] / t[0], Unit: "x", Against: against, Better: higher}.within(0.55, 0.7),
	}, nil
}

func (w *warehouse) deliverSQLite(file string) error {
	if err := os.RemoveAll(file); err != nil {
		return err
	}
	target, err := tables.NewSQLite("bench", file)
	if err != nil {
		return err
	}
	_, err = target.Deliver(context.Background(), w.delivery)
	return err
}

// compiledLoop compiles the loop with the engine that we use, and keeps it: the engine takes its time.
func compiledLoop() (string, error) {
	source := filepath.Join("bench", "c", "loop.c")
	text, err := os.ReadFile(source) // #nosec G304 -- our own program
	if err != nil {
		return "", err
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/mattn/go-sqlite3").Output()
	if err != nil {
		return "", fmt.Errorf("find SQLite: %w", err)
	}
	engine := strings.TrimSpace(string(module))
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(text, engine...))
	program := filepath.Join(cache, "crflink", "bench-loop-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(program); err == nil { // #nosec G703 -- a name of our own in the cache
		return program, nil
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil { // #nosec G703 -- a folder of our own in the cache
		return "", err
	}
	out, err := exec.Command("gcc", "-O2", "-DSQLITE_DEFAULT_MEMSTATUS=0", "-DSQLITE_THREADSAFE=1", "-I"+engine, "-o", program, source, // #nosec G204 -- our own program
		filepath.Join(engine, "sqlite3-binding.c"), "-lm", "-lpthread").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compile the loop: %w\n%s", err, out)
	}
	return program, nil
}

// forLoop writes the schema of a database that was delivered, and its rows, as the loop reads them.
func (w *warehouse) forLoop(file string) (schema, rows string, err error) {
	db, err := sqlx.Open("sqlite3", file)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var all []struct{ Name, SQL string }
	if err := db.Select(&all, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"); err != nil {
		return "", "", err
	}
	number := map[string]int{}
	var text strings.Builder
	for i, t := range all {
		number[t.Name] = i
		var columns []string
		if err := db.Select(&columns, "SELECT '?' FROM pragma_table_info(?)", t.Name); err != nil {
			return "", "", err
		}
		fmt.Fprintf(&text, "%s\tINSERT INTO %q VALUES (%s)\n", t.SQL, t.Name, strings.Join(columns, ","))
	}
	schema, rows = filepath.Join(w.home, "schema"), filepath.Join(w.home, "rows")
	if err := os.WriteFile(schema, []byte(text.String()), 0o600); err != nil {
		return "", "", err
	}
	return schema, rows, w.writeRows(rows, number)
}

func (w *warehouse) writeRows(path string, number map[string]int) error {
	f, err := os.Create(path) // #nosec G304 -- in bench's own folder
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	last := ""
	_, err = w.each(func(row tabular.Row) error {
		if subject := row.Values[tabular.Subject]; subject != last {
			last = subject
			_, _ = fmt.Fprintf(out, "%d\x1f%s\x1f%032d\n", number["subjects"], subject, 0)
		}
		_, _ = out.WriteString(strconv.Itoa(number[row.Table.Name]))
		for i, text := range row.Values {
			switch {
			case text == "" && row.Table.Columns[i].Name == "repeat":
				text = "0"
			case text == "":
				text = "!"
			}
			_, _ = out.WriteString("\x1f" + text)
		}
		return out.WriteByte('\n')
	})
	return errors.Join(err, out.Flush(), f.Close())
}

// sameRows compares how many rows two databases have.
func sameRows(ours, theirs string) error {
	var counts []int
	for _, file := range []string{ours, theirs} {
		db, err := sqlx.Open("sqlite3", file)
		if err != nil {
			return err
		}
		var n int
		err = errors.Join(db.Get(&n, "SELECT (SELECT count(*) FROM cells) + (SELECT count(*) FROM demographics) + (SELECT count(*) FROM subjects)"), db.Close())
		if err != nil {
			return err
		}
		counts = append(counts, n)
	}
	if counts[0] != counts[1] || counts[0] == 0 {
		return fmt.Errorf("crflink wrote %d rows and the loop %d", counts[0], counts[1])
	}
	return nil
}
