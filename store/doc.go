// Package store keeps ledgers in SQLite and in PostgreSQL. With the packages below it alone knows sqlx, go-sqlite3 and pgx.
//
//   - A Ledger is the database of one study: a file, or a schema. Dictionary keys are integers in narrow tables, and a view named cells shows
//     them as text (subject, event, form, repeat, item, value, …) for people who look with other tools.
//   - A dialect is what differs between the databases. Each has migrations of its own; tables and columns are the same.
//   - The writer commits without waiting for the disk (synchronous=NORMAL; synchronous_commit=off): after a power failure the newest batches may be
//     missing, never half a batch. What others rely on (checkpoints, what a target took, what was forgotten) goes through other connections
//     (FULL; on) and is on disk when the call returns.
//   - Readers have connections of their own and see the state at which their transaction began.
//   - One process changes a file. A schema may be changed by several, see Postgres.
//
// A file has mode 0600. SQLite gives its -wal and -shm files the same mode.
package store
