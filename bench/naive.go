package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the same engine as ours
	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// The naive pipeline is what a careful programmer writes in a day with the usual packages: every line is decoded by
// encoding/json into its samply struct and, because the structs lose the extensions of primitives and read presence that is
// not there, into a map, from which it takes what they lose; the structs are kept by patient; a patient is permitted by an active Consent with a
// permit and without a later refusal; ids become an HMAC; the forms of the example study are filled by loops over the
// structs, about as many cells as ours has (see naivefill.go); each cell is one named upsert, a transaction per patient; at the end the table is written
// as one CSV file.
//
// It is spared much of what ours does: no windows of consent, no allow-list walk, no units, no plausibility, no versions,
// no reports, no numbers from a vault, no second look at what is stored. Its type sniffing looks at the first bytes only.

const naiveSchema = `
CREATE TABLE IF NOT EXISTS cell (
  study TEXT, subject TEXT, event TEXT, form TEXT, item TEXT, repeat INTEGER, value TEXT, missing TEXT, source TEXT, resource TEXT,
  path TEXT, effective TEXT, PRIMARY KEY (study, subject, event, form, item, repeat)
) WITHOUT ROWID`

const naiveUpsert = `
INSERT INTO cell (study, subject, event, form, item, repeat, value, missing, source, resource, path, effective)
VALUES (:study, :subject, :event, :form, :item, :repeat, :value, :missing, :source, :resource, :path, :effective)
ON CONFLICT (study, subject, event, form, item, repeat) DO UPDATE SET value = excluded.value, missing = excluded.missing,
  source = excluded.source, resource = excluded.resource, path = excluded.path, effective = excluded.effective`

// naiveCell is a row.
type naiveCell struct {
	Study, Subject, Event, Form, Item, Value, Missing, Source, Resource, Path, Effective string
	Repeat                                                                               int
}

// chart is what the naive pipeline knows of a patient.
type chart struct {
	patient      *fhir.Patient
	consents     []*fhir.Consent
	encounters   []*fhir.Encounter
	conditions   []*fhir.Condition
	observations []*fhir.Observation
	procedures   []*fhir.Procedure
	studies      []*fhir.ImagingStudy
	medications  []any
	others       []any
}

// naive runs the naive pipeline from the corpus to a database and returns the number of cells. prepared is variant B:
// one statement prepared with PrepareNamed per transaction instead of NamedExec.
func naive(c corpus, database string, prepared bool) (cells int, err error) {
	charts, err := readCharts(c)
	if err != nil {
		return 0, err
	}
	db, err := sqlx.Open("sqlite3", "file:"+database+"?_journal_mode=WAL&_synchronous=NORMAL&_cache_size=-16000")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(naiveSchema); err != nil {
		return 0, err
	}
	for id, chart := range charts {
		if !chart.permitted() {
			continue
		}
		rows := chart.fill(naivePseudonym("Patient/" + id))
		if err := naiveStore(db, rows, prepared); err != nil {
			return cells, err
		}
		cells += len(rows)
	}
	return cells, naiveExport(db, database+".csv")
}

// naiveExport writes the table as CSV, which ours does, too.
func naiveExport(db *sqlx.DB, path string) (err error) {
	f, err := os.Create(path) // #nosec G304 -- in bench's own folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := db.Queryx("SELECT * FROM cell ORDER BY study, subject, event, form, item, repeat")
	if err != nil {
		return err
	}
	defer rows.Close()
	out := csv.NewWriter(f)
	for rows.Next() {
		var c naiveCell
		if err := rows.StructScan(&c); err != nil {
			return err
		}
		err := out.Write([]string{c.Study, c.Subject, c.Event, c.Form, c.Item, strconv.Itoa(c.Repeat), c.Value, c.Missing, c.Source, c.Resource, c.Path, c.Effective})
		if err != nil {
			return err
		}
	}
	out.Flush()
	return errors.Join(rows.Err(), out.Error())
}

func naiveStore(db *sqlx.DB, rows []naiveCell, prepared bool) error {
	tx, err := db.Beginx()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it was committed
	exec := func(row naiveCell) error {
		_, err := tx.NamedExec(naiveUpsert, row)
		return err
	}
	if prepared {
		s, err := tx.PrepareNamed(naiveUpsert)
		if err != nil {
			return err
		}
		defer s.Close()
		exec = func(row naiveCell) error {
			_, err := s.Exec(row)
			return err
		}
	}
	for _, row := range rows {
		if err := exec(row); err != nil {
			return fmt.Errorf("write a cell: %w", err)
		}
	}
	return tx.Commit()
}

func naivePseudonym(key string) string {
	mac := hmac.New(sha256.New, []byte(benchKey))
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

func readCharts(c corpus) (map[string]*chart, error) {
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	charts := map[string]*chart{}
	for _, file := range files {
		if err := readChartFile(charts, file); err != nil {
			return nil, err
		}
	}
	return charts, nil
}

// asMap decodes a resource with all that it has; numbers stay as they are written.
func asMap(line string) (whole map[string]any, err error) {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	return whole, d.Decode(&whole)
}

func readChartFile(charts map[string]*chart, file string) error {
	f, err := os.Open(file) // #nosec G304 -- bench wrote it
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<16), 1<<24)
	for lines.Scan() {
		v, err := samply(lines.Text())
		if err != nil {
			return err
		}
		whole, err := asMap(lines.Text())
		if err != nil {
			return err
		}
		if status, _ := whole["status"].(string); status == "entered-in-error" {
			continue
		}
		file, id := chartOf(v)
		if id == "" {
			continue
		}
		if charts[id] == nil {
			charts[id] = &chart{}
		}
		file(charts[id])
	}
	return lines.Err()
}

// chartOf says whose a resource is and how it is filed.
func chartOf(v any) (file func(*chart), patient string) {
	switch r := v.(type) {
	case *fhir.Patient:
		return func(c *chart) { c.patient = r }, text(r.Id)
	case *fhir.Consent:
		return func(c *chart) { c.consents = append(c.consents, r) }, patientID(r.Patient)
	case *fhir.Encounter:
		return func(c *chart) { c.encounters = append(c.encounters, r) }, patientID(r.Subject)
	case *fhir.Condition:
		return func(c *chart) { c.conditions = append(c.conditions, r) }, patientID(&r.Subject)
	case *fhir.Observation:
		return func(c *chart) { c.observations = append(c.observations, r) }, patientID(r.Subject)
	case *fhir.Procedure:
		return func(c *chart) { c.procedures = append(c.procedures, r) }, patientID(&r.Subject)
	case *fhir.ImagingStudy:
		return func(c *chart) { c.studies = append(c.studies, r) }, patientID(&r.Subject)
	case *fhir.MedicationStatement:
		return func(c *chart) { c.medications = append(c.medications, r) }, patientID(&r.Subject)
	case *fhir.MedicationRequest:
		return func(c *chart) { c.medications = append(c.medications, r) }, patientID(&r.Subject)
	case *fhir.MedicationAdministration:
		return func(c *chart) { c.medications = append(c.medications, r) }, patientID(&r.Subject)
	case *fhir.ServiceRequest:
		return func(c *chart) { c.others = append(c.others, r) }, patientID(&r.Subject)
	case *fhir.DiagnosticReport:
		return func(c *chart) { c.others = append(c.others, r) }, patientID(r.Subject)
	case *fhir.ResearchSubject:
		return func(c *chart) { c.others = append(c.others, r) }, patientID(&r.Individual)
	}
	return nil, ""
}
