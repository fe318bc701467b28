package pipeline

import (
	"regexp"
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
)

// VaultSpec names a vault in PostgreSQL. Without one the vault is a file in the state folder.
type VaultSpec struct {
	Postgres string // postgres://role@host:port/database
	Password SecretSpec
	CA       string // PEM file of the authority of the server's certificate
}

func (l *loader) vault(v yamldoc.Value) *VaultSpec {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("postgres", "password-env", "password-file", "ca")
	return &VaultSpec{Postgres: l.required(v, f, "postgres"), Password: l.secret(v, f, "password"), CA: l.path(f["ca"].Text())}
}

// LedgerSpec names a ledger in PostgreSQL. Without one the ledger is a file in the state folder.
type LedgerSpec struct {
	Postgres string // postgres://role@host:port/database
	Schema   string // of the study alone
	Password SecretSpec
	CA       string // PEM file of the authority of the server's certificate
}

func (l *loader) ledger(v yamldoc.Value) *LedgerSpec {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("postgres", "schema", "password-env", "password-file", "ca")
	s := &LedgerSpec{Postgres: l.required(v, f, "postgres"), Schema: f["schema"].Text(), Password: l.secret(v, f, "password"), CA: l.path(f["ca"].Text())}
	if s.Schema == "" {
		s.Schema = l.study.LedgerSchema()
	}
	return s
}

var notOfSchemas = regexp.MustCompile("[^a-z0-9_]")

// LedgerSchema is the schema in which the study's ledger lies unless the study file names another.
func (s *Study) LedgerSchema() string {
	name := "ledger_" + notOfSchemas.ReplaceAllString(strings.ToLower(s.ID), "_")
	return name[:min(len(name), 63)]
}
