// Package database opens databases, and brings their schemas up to date.
//
// A SQLite file belongs to its owner alone (0600). PostgreSQL over a network is entered only through an encrypted connection
// whose server's certificate is checked. Each kind of database has a folder of migrations of its own: sqlite, postgres.
package database
