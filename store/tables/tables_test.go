package tables_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/store/postgres"
	"github.com/crflink/crflink/store/tables"
)

func sqliteIn(t testing.TB, dir string) ecrf.Target {
	target, err := tables.NewSQLite("tables", filepath.Join(dir, "study.db"))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func deliver(t testing.TB, target ecrf.Target, d *ecrf.Dictionary, books ...*ecrf.StoredCasebook) ecrf.DeliveryReport {
	t.Helper()
	report, err := target.Deliver(t.Context(), targettest.Delivery(d, books))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// dumped is the content of every table, a row a line.
func dumped(t testing.TB, names []string, rows func(table string) (*sqlx.Rows, error)) map[string]string {
	t.Helper()
	parts := map[string]string{}
	for _, name := range names {
		found, err := rows(name)
		if err != nil {
			t.Fatal(err)
		}
		parts[name] = lines(t, found)
	}
	return parts
}

func lines(t testing.TB, found *sqlx.Rows) string {
	t.Helper()
	defer found.Close()
	text := ""
	for found.Next() {
		values, err := found.SliceScan()
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("%v\n", values)
	}
	return text
}

func sqliteContent(t testing.TB, dir string) map[string]string {
	t.Helper()
	file := filepath.Join(dir, "study.db")
	if _, err := os.Stat(file); err != nil {
		return map[string]string{}
	}
	db := sqlx.MustOpen("sqlite3", file)
	defer func() { _ = db.Close() }()
	var names []string
	if err := db.Select(&names, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"); err != nil {
		t.Fatal(err)
	}
	return dumped(t, names, func(table string) (*sqlx.Rows, error) {
		return db.Queryx(`SELECT * FROM "` + table + `" ORDER BY 1, 2`)
	})
}

func TestTablesInSQLitePassTheTargetExam(t *testing.T) {
	targettest.Run(t, targettest.Candidate{Kind: "sqlite", Open: sqliteIn, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored(), Content: sqliteContent})
}

// server is a database of PostgreSQL; every folder of the exam is a schema of its own.
type server struct {
	address postgres.Address
	conn    *pgx.Conn
}

func serve(t *testing.T) *server {
	cluster := shared.Postgres(t)
	s := &server{address: postgres.Address{URL: cluster.Database(t, "warehouse"), Password: cluster.Password}}
	config, err := s.address.Config("test")
	if err != nil {
		t.Fatal(err)
	}
	if s.conn, err = pgx.ConnectConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close(context.WithoutCancel(t.Context())) })
	return s
}

func schemaOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "s" + hex.EncodeToString(sum[:8])
}

func (s *server) open(t testing.TB, dir string) ecrf.Target {
	target, err := tables.NewPostgres("tables", s.address, schemaOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func (s *server) texts(t testing.TB, statement string, args ...any) []string {
	t.Helper()
	rows, err := s.conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *server) content(t testing.TB, dir string) map[string]string {
	t.Helper()
	parts := map[string]string{}
	for _, name := range s.texts(t, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schemaOf(dir)) {
		table := schemaOf(dir) + `."` + name + `"`
		parts[name] = strings.Join(s.texts(t, "SELECT CAST("+`"`+name+`"`+" AS text) FROM "+table+" ORDER BY 1"), "\n")
	}
	return parts
}

func TestTablesInPostgreSQL(t *testing.T) {
	s := serve(t)
	t.Run("PassTheTargetExam", func(t *testing.T) {
		targettest.Run(t, targettest.Candidate{Kind: "postgres", Open: s.open, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored(), Content: s.content, NoFiles: true})
	})
	t.Run("HoldTypedValuesThatOthersRead", s.typed)
	t.Run("AreNotMadeWhereOthersHaveTheirs", s.foreign)
	t.Run("AreUnchangedWhereADeliveryIsRefused", s.refused)
}

func (s *server) typed(t *testing.T) {
	d, book := everyType(t)
	deliver(t, s.open(t, "typed"), d, book)
	got := s.texts(t, "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = $1 AND table_name = 'order' ORDER BY ordinal_position", schemaOf("typed"))
	const want = "subject text,site text,event text,repeat bigint,select text,b_integer bigint,c_decimal numeric,d_date date,e_partial text,f_datetime timestamp without time zone,g_boolean boolean,h_choice text,i_large bigint"
	if strings.Join(got, ",") != want {
		t.Errorf("the columns are %v", got)
	}
	row := s.texts(t, `SELECT CAST("order" AS text) FROM `+schemaOf("typed")+`."order"`)
	if want := "(S1,\"\",e,0,\"=1+1\\\\\t\"\"äöü€\"\"\n\",-12,-0.50,1969-12-31,2024-02,\"2024-02-29 23:59:58\",t,<=,)"; len(row) != 1 || row[0] != want {
		t.Errorf("the row is %q", row)
	}
}

func (s *server) foreign(t *testing.T) {
	for _, statement := range []string{"CREATE SCHEMA " + schemaOf("foreign"), "CREATE TABLE " + schemaOf("foreign") + ".cells (mine text)"} {
		if _, err := s.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.open(t, "foreign").Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())); err == nil || !strings.Contains(err.Error(), "holds other tables") {
		t.Errorf("error %v", err)
	}
}

// A view of somebody else on a table keeps the table from being made anew: nothing is changed, and the error says why.
func (s *server) refused(t *testing.T) {
	target := s.open(t, "view")
	deliver(t, target, ledgertest.Dictionary(t), ledgertest.Stored()...)
	if _, err := s.conn.Exec(t.Context(), "CREATE VIEW "+schemaOf("view")+".mine AS SELECT subject FROM "+schemaOf("view")+".cells"); err != nil {
		t.Fatal(err)
	}
	before := s.content(t, "view")
	other, _, err := ecrf.ParseDictionary("d.yaml", []byte(strings.Replace(oneItem, "study: types", "study: ledger-test", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Deliver(t.Context(), targettest.Delivery(other, nil)); err == nil || !strings.Contains(err.Error(), "does something of others depend on it") {
		t.Errorf("error %v", err)
	}
	after := s.content(t, "view")
	if len(after) != len(before) || after["cells"] != before["cells"] {
		t.Error("the tables have changed")
	}
	deliver(t, target, ledgertest.Dictionary(t), ledgertest.Stored()...)
}

const oneItem = `study: types
version: "1"
events: [{name: e, forms: [f]}]
forms: [{name: f, items: [{name: a, type: text}]}]
`

func everyType(t *testing.T) (*ecrf.Dictionary, *ecrf.StoredCasebook) {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte(`study: types
version: "1"
events: [{name: e, forms: [order]}]
codelists: {c: {"1": one, "<=": at most}}
forms:
  - name: order
    items:
      - {name: select, type: text}
      - {name: b_integer, type: integer}
      - {name: c_decimal, type: decimal, decimals: 2}
      - {name: d_date, type: date}
      - {name: e_partial, type: partial-date}
      - {name: f_datetime, type: datetime}
      - {name: g_boolean, type: boolean}
      - {name: h_choice, type: choice, codelist: c}
      - {name: i_large, type: integer}
`))
	if err != nil {
		t.Fatal(err)
	}
	book := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S1"}}
	for i, value := range []string{"=1+1\\\t\"äöü€\"\n", "-12", "-0.50", "1969-12-31", "2024-02", "2024-02-29T23:59:58", "true", "<=", "9223372036854775808"} {
		item := d.Forms[0].Items[i].Name
		if err := d.Check(item, value); err != nil {
			t.Fatal(err)
		}
		book.Cells = append(book.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "e", Form: "order", Item: item}, Value: value, State: ecrf.New})
	}
	return d, book
}

// What another program reads: the sqlite3 of Debian.
func TestSQLitesOwnProgramReadsTypedValues(t *testing.T) {
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		shared.Absent(t, "sqlite3 is not on the PATH; make setup installs it")
	}
	d, book := everyType(t)
	dir := t.TempDir()
	report := deliver(t, sqliteIn(t, dir), d, book)
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "item i_large: 1 values are too large") {
		t.Errorf("%v", report.Problems)
	}
	for statement, want := range map[string]string{
		`SELECT typeof("select"), typeof(b_integer), typeof(c_decimal), typeof(d_date), typeof(g_boolean), typeof(i_large) FROM "order"`: "text|integer|real|text|integer|null",
		`SELECT b_integer + 1, c_decimal * 2, d_date, f_datetime, g_boolean, h_choice, repeat FROM "order"`:                              "-11|-1.0|1969-12-31|2024-02-29T23:59:58|1|<=|0",
		`SELECT value FROM cells WHERE item = 'i_large'`:                                                                                 "9223372036854775808",
		`SELECT quote("select") FROM "order"`:                                                                                            "'=1+1\\\t\"äöü€\"\n'",
		`SELECT group_concat(item || ' ' || type) FROM dictionary WHERE codelist = 'c'`:                                                  "h_choice choice",
		`SELECT value FROM about WHERE name = 'study'`:                                                                                   "types",
		`PRAGMA integrity_check`: "ok",
	} {
		out, err := exec.CommandContext(t.Context(), program, "-readonly", filepath.Join(dir, "study.db"), statement).CombinedOutput()
		if got := strings.TrimSuffix(string(out), "\n"); err != nil || got != want {
			t.Errorf("%s: %q, want %q, %v", statement, got, want, err)
		}
	}
}

func TestOnlySubjectsThatChangedAreWritten(t *testing.T) {
	s := serve(t)
	d := ledgertest.Dictionary(t)
	target := s.open(t, "changed")
	if report := deliver(t, target, d, ledgertest.Stored()...); report.Written != 2 || report.Cells != 10 {
		t.Errorf("first: %+v", report)
	}
	books := ledgertest.Stored()
	books[1].Cells[2].Value = "another remark"
	if report := deliver(t, target, d, books...); report.Written != 1 || report.Unchanged != 1 {
		t.Errorf("one changed: %+v", report)
	}
	if got := s.content(t, "changed")["base"]; !strings.Contains(got, "another remark") || strings.Count(got, "\n(S000002") != 1 {
		t.Errorf("the form holds %s", got)
	}
	deliver(t, target, d, books[0])
	for name, part := range s.content(t, "changed") {
		if strings.Contains(part, "S000002") {
			t.Errorf("%s still holds a subject that is no longer delivered", name)
		}
	}
}

func TestAnotherDictionaryMakesTheTablesAnewAndAnotherStudyIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := ledgertest.Dictionary(t)
	target := sqliteIn(t, dir)
	deliver(t, target, d, ledgertest.Stored()...)
	one, _, err := ecrf.ParseDictionary("d.yaml", []byte(strings.Replace(oneItem, "study: types", "study: ledger-test", 1)))
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, target, one)
	content := sqliteContent(t, dir)
	if _, has := content["base"]; has || strings.Contains(content["subjects"], "S0") || !strings.Contains(content["dictionary"], "[f f 0 e a") {
		t.Errorf("the tables are %v", content)
	}
	types, _, err := ecrf.ParseDictionary("d.yaml", []byte(oneItem))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Deliver(t.Context(), targettest.Delivery(types, nil)); err == nil || !strings.Contains(err.Error(), "of another study") {
		t.Errorf("error %v", err)
	}
}

func TestNoticesStandInTheDatabase(t *testing.T) {
	dir := t.TempDir()
	delivery := targettest.Delivery(ledgertest.Dictionary(t), nil)
	delivery.Notices = []string{"No consent was checked."}
	if _, err := sqliteIn(t, dir).Deliver(t.Context(), delivery); err != nil {
		t.Fatal(err)
	}
	if got := sqliteContent(t, dir)["about"]; !strings.Contains(got, "[notice 1 No consent was checked.]") {
		t.Errorf("about holds %s", got)
	}
}

func TestWhatCannotBeATargetIsRefused(t *testing.T) {
	local := postgres.Address{URL: "postgres://role@127.0.0.1/db"}
	_, noName := tables.NewSQLite("", "f")
	_, noFile := tables.NewSQLite("n", "")
	_, schema := tables.NewPostgres("n", local, `x"; DROP`)
	_, address := tables.NewPostgres("n", postgres.Address{URL: "postgres://role:canary@127.0.0.1/db"}, "x")
	for _, err := range []error{noName, noFile, schema, address} {
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v", err)
		}
	}
	target, err := tables.NewPostgres("n", postgres.Address{URL: "postgres://role@127.0.0.1:1/db"}, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), nil)); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a server that is not there: %v", err)
	}
}
