// Package postgres says how databases of PostgreSQL are reached: an Address without secrets, encryption with a checked
// certificate wherever a network lies between, and limits, so that a server that has gone silent ends the run.
package postgres
