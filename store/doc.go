// Package store keeps ledgers in SQLite. It alone knows sqlx and go-sqlite3.
//
//   - A Ledger is the database of one study: dictionary keys as integers in narrow tables, and a view named cells that shows
//     them as text (subject, event, form, repeat, item, value, …) for people who open the file with other tools.
//   - The writer is one connection with synchronous=NORMAL: after a power failure the newest batches may be missing, never half a
//     batch. What others rely on (checkpoints, what a target took, what was forgotten) goes through a second
//     connection with synchronous=FULL and is on disk when the call returns.
//   - Readers have connections of their own and see the state at which their transaction began.
//
// The file has mode 0600. SQLite gives its -wal and -shm files the same mode.
package store
