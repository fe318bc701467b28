package main

import (
	"os"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// TestAVaultThatIsMovedGivesTheSame moves a study's vault into PostgreSQL between two nights: numbers and pseudonyms stay, and the
// audit's chain is whole.
func TestAVaultThatIsMovedGivesTheSame(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	j := newJob(t, "files: ["+hospital(t, 4, 10)+"]")
	if s := j.run(t, "vault", "move", "study.yaml"); s.code != exitUsage || !strings.Contains(s.err, "nothing to move") {
		t.Errorf("before there is a vault: %d %s", s.code, s.err)
	}
	j.sync(t)
	before := j.delivered(t)
	j.write(t, "study.yaml", strings.Replace(j.read(t, "study.yaml"), "\nstate:", "\nvault: {postgres: \""+cluster.Database(t, "moved")+"\", password-env: VAULT_PASSWORD}\nstate:", 1))
	j.env = append(j.env, "VAULT_PASSWORD="+cluster.Password)
	if s := j.run(t, j.syncArgs()...); s.code != exitUsage || !strings.Contains(s.err, "its vault is empty") {
		t.Errorf("before the move: %d %s", s.code, s.err)
	}
	right := j.env
	j.env = append(j.env, "CRFLINK_VAULT_KEY=another"+testVaultKey)
	if s := j.run(t, "vault", "move", "study.yaml"); s.code != exitUsage || !strings.Contains(s.err, "does not open this vault") {
		t.Errorf("another key: %d %s", s.code, s.err)
	}
	j.env = right
	if s := j.run(t, "vault", "move", "study.yaml"); s.code != exitDone || !strings.Contains(s.out, "subjects and") || !strings.Contains(s.out, "checksum") {
		t.Fatalf("%d %s", s.code, s.err)
	}
	if _, err := os.Stat(j.path("out/state/vault.db")); err == nil {
		t.Error("the file is still there")
	}
	j.sync(t, "--full")
	same(t, before, j.delivered(t))
	if s := j.run(t, "audit", "verify", "study.yaml"); s.code != exitDone {
		t.Errorf("the audit: %d %s%s", s.code, s.out, s.err)
	}
	if s := j.run(t, "audit", "show", "study.yaml", "--kind", "vault-changed"); !strings.Contains(s.out, "moved") {
		t.Errorf("the audit does not tell: %s", s.out)
	}
}
