package main

import (
	"fmt"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/datasetjson"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/parquet"
	"github.com/crflink/crflink/ecrf/questionnaire"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/ecrf/workbook"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store/tables"
)

// newTarget opens a target of any kind that a study file may name.
func newTarget(study *pipeline.Study, spec pipeline.TargetSpec) (ecrf.Target, error) {
	switch spec.Kind {
	case "odm":
		return odm.New(spec.Name, spec.Path, odm.Options{Version: odm.Version(spec.ODM.Version), Transactional: spec.ODM.Transactional})
	case "libreclinica":
		return odm.NewLibreClinica(spec.Name, spec.Path, spec.Export, spec.Freezes)
	case "xlsx":
		return workbook.New(spec.Name, spec.Path)
	case "dataset-json":
		return datasetjson.New(spec.Name, spec.Path, spec.Lines)
	case "questionnaire":
		return questionnaire.New(spec.Name, spec.Path)
	case "parquet":
		return parquet.New(spec.Name, spec.Path)
	case "sqlite":
		return tables.NewSQLite(spec.Name, spec.Path)
	case "postgres":
		return postgresTarget(spec)
	case "redcap":
		return newREDCap(study, spec)
	case "csv":
		return table.New(spec.Name, spec.Path)
	}
	return nil, fmt.Errorf("target %s: there is no kind %q", spec.Name, spec.Kind)
}

func postgresTarget(spec pipeline.TargetSpec) (ecrf.Target, error) {
	address, err := databaseAddress(spec.Path, spec.Postgres.CA, spec.Postgres.Password)
	if err != nil {
		return nil, fmt.Errorf("target %s: the password: %w", spec.Name, err)
	}
	return tables.NewPostgres(spec.Name, address, spec.Postgres.Schema)
}
