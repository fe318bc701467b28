package pipeline

import (
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
)

// ODMSpec says which document a target of kind odm writes.
type ODMSpec struct {
	Version       string // of ODM, one of ODMVersions
	Transactional bool
}

// ODMVersions are the versions of ODM that a study file may name, the usual one first.
func ODMVersions() []string { return []string{"1.3.2", "2.0"} }

// ODMTypes are the types of documents that a study file may name, the usual one first.
func ODMTypes() []string { return []string{"snapshot", "transactional"} }

func (l *loader) odm(f map[string]yamldoc.Value, t *TargetSpec) {
	t.ODM.Version = f["version"].OneOf(ODMVersions()...)
	t.ODM.Transactional = f["type"].OneOf(ODMTypes()...) == "transactional"
}

// PostgresSpec says how a target of kind postgres is entered; its address is the target's Path.
type PostgresSpec struct {
	Schema   string
	Password SecretSpec
	CA       string // PEM file of the authority of the server's certificate
}

func (l *loader) postgres(f map[string]yamldoc.Value, t *TargetSpec) {
	t.Postgres = PostgresSpec{Schema: f["schema"].Text(), Password: l.secret(f["kind"], f, "password"), CA: l.path(f["ca"].Text())}
	if t.Postgres.Schema == "" {
		t.Postgres.Schema = "crflink_" + strings.ReplaceAll(l.study.ID, "-", "_")
	}
}

// DatasetFormats are the formats of Dataset-JSON that a study file may name, the usual one first.
func DatasetFormats() []string { return []string{"json", "ndjson"} }

func (l *loader) datasetJSON(f map[string]yamldoc.Value, t *TargetSpec) {
	t.Lines = f["format"].OneOf(DatasetFormats()...) == "ndjson"
}

func (l *loader) libreClinica(f map[string]yamldoc.Value, t *TargetSpec) {
	t.Export = l.path(l.required(f["kind"], f, "export"))
	l.freezes(f["freeze"], t)
}
