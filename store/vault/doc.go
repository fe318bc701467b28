// Package vault keeps the pseudonym vault in a database of its own: a SQLite file, or PostgreSQL with an address and a role
// of its own.
//
// A Store is one database. It holds ciphertext and keyed hashes; what they mean only package pseudonym knows. One
// transaction writes at a time, in both databases, so that a number or a patient is never stored twice. A deleted row is
// overwritten (secure_delete in SQLite, tables written anew in PostgreSQL), because deleting a subject's row is how its link to
// the person ends. Copies are not reached: retention of backups has to end with the row.
package vault
