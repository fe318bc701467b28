// Package book keeps the runs of schedules in a database: a SQLite file, or PostgreSQL.
//
// It holds names of studies, times, exit codes, counts and reasons: nothing of a patient.
package book
