package main

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// TestAStudyDeliversIntoPostgreSQL: the tables hold what the files hold, a second run writes nothing, and a withdrawal reaches
// them.
func TestAStudyDeliversIntoPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	address := cluster.Database(t, "warehouse")
	target := "targets:\n  - {name: warehouse, kind: postgres, database: \"" + address + "\", password-env: WAREHOUSE_PASSWORD}"
	j := newJob(t, "files: ["+hospital(t, 4, 10)+"]", "outputs: [tables, odm,", "outputs: [warehouse, tables, odm,", "targets:", target)
	j.env = append(j.env, "WAREHOUSE_PASSWORD="+cluster.Password)
	j.sync(t)
	ask := func(statement string) string {
		cmd := exec.CommandContext(t.Context(), "psql", "-X", "-A", "-t", address, "-c", statement)
		cmd.Env = append(cmd.Environ(), "PGPASSWORD="+cluster.Password)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	lines := strings.Count(j.read(t, "out/tables/demographics.csv"), "\n") - 1
	if got := ask("SELECT count(*) = " + strconv.Itoa(lines) + " FROM crflink_psma_registry.demographics"); got != "t" || lines < 5 {
		t.Errorf("the table has another number of rows than %d: %s", lines, got)
	}
	const state = "SELECT string_agg(xmin::text || subject, ' ' ORDER BY subject) FROM crflink_psma_registry.subjects"
	before := ask(state)
	j.sync(t)
	if after := ask(state); after != before {
		t.Errorf("a second run wrote: %s, before %s", after, before)
	}
	subject := ask("SELECT min(subject) FROM crflink_psma_registry.subjects")
	if s := j.run(t, "withdraw", "confirm", "study.yaml", "--subject", subject, "--by", "A. Person", "--reason", "a test"); s.code != exitDone && s.code != exitIncomplete {
		t.Fatalf("withdraw: %d %s", s.code, s.err)
	}
	if s := j.run(t, "withdraw", "run", "study.yaml"); s.code != exitDone && s.code != exitIncomplete {
		t.Fatalf("withdraw: %d %s", s.code, s.err)
	}
	if got := ask("SELECT count(*) FROM crflink_psma_registry.cells WHERE subject = '" + subject + "'"); got != "0" {
		t.Errorf("%s cells of a withdrawn subject are left", got)
	}
	if s := j.run(t, "doctor", "study.yaml"); !strings.Contains(s.out, "there, and lets crflink in") || strings.Contains(s.out+s.err, cluster.Password) {
		t.Errorf("doctor: %d %s %s", s.code, s.out, s.err)
	}
	j.env = append(j.env, "WAREHOUSE_PASSWORD=wrong-canary")
	if s := j.run(t, j.syncArgs()...); s.code != exitServer || !strings.Contains(s.err+s.out, "password authentication failed") || strings.Contains(s.err+s.out, "canary") {
		t.Errorf("a wrong password: %d %s", s.code, s.err)
	}
}
