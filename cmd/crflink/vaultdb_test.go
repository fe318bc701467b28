package main

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// TestAStudyKeepsItsVaultInPostgreSQL: the same run with the vault in a file and in PostgreSQL gives the same tables, a lost
// vault is refused, and rotation works.
func TestAStudyKeepsItsVaultInPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	address := cluster.Database(t, "study_vault")
	source := "files: [" + hospital(t, 4, 10) + "]"
	file := newJob(t, source)
	file.sync(t)
	j := newJob(t, source, "state: ../../out/demo/state", "vault: {postgres: \""+address+"\", password-env: VAULT_PASSWORD}\nstate: out/state")
	j.env = append(j.env, "VAULT_PASSWORD="+cluster.Password)
	j.sync(t)
	cells := func(j *job) string { return j.read(t, "out/tables/cells.csv") }
	columns := func(text string) string { // the values, without keyed ids and the sources, which have some
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		must(t, err)
		at := slices.Index(rows[0], "value")
		if at < 0 {
			t.Fatalf("no column value: %v", rows[0])
		}
		var b strings.Builder
		for _, row := range rows {
			if !strings.HasPrefix(row[at], "2.25.") { // a keyed UID
				b.WriteString(strings.Join(row[:at+1], ",") + "\n")
			}
		}
		return b.String()
	}
	before := cells(j)
	if columns(before) != columns(cells(file)) || strings.Count(before, "\n") < 100 {
		t.Error("the vault in PostgreSQL gives other cells than the one in a file")
	}
	if _, err := os.Stat(j.path("out/state/vault.db")); err == nil {
		t.Error("there is a vault in the state folder")
	}

	j.write(t, "new.key", "a second vault key for tests only, 9876543210")
	j.write(t, "study.yaml", strings.Replace(j.read(t, "study.yaml"), "key: {file: ", "key: {next: {file: new.key}, file: ", 1))
	if s := j.run(t, "vault", "rotate", "study.yaml"); s.code != exitDone || !strings.Contains(s.out, "subjects are sealed under the new key") {
		t.Fatalf("rotate: %d %s", s.code, s.err)
	}
	j.sync(t, "--full")
	if cells(j) != before {
		t.Error("after the rotation the cells are others")
	}

	for _, c := range []struct {
		name, password, statement, says string
	}{
		{"no password", "", "", "VAULT_PASSWORD is not set"},
		{"a wrong password", "wrong-canary", "", "password authentication failed"},
		{"a vault that was lost", cluster.Password, "TRUNCATE meta, subject CASCADE", "restore the vault from its backup"},
	} {
		if c.statement != "" {
			cluster.SQL(t, "study_vault", c.statement)
		}
		j.env = append(j.env, "VAULT_PASSWORD="+c.password)
		s := j.run(t, j.syncArgs()...)
		if s.code != exitUsage || !strings.Contains(s.err, c.says) || strings.Contains(s.err, "canary") || strings.Contains(s.err, cluster.Password) {
			t.Errorf("%s: %d %s", c.name, s.code, s.err)
		}
	}
}
