// Package vault keeps the pseudonym vault in a SQLite database of its own.
//
// A Store is one database file. It holds ciphertext and keyed hashes; what they mean only package pseudonym knows. A
// deleted row is overwritten in the file (secure_delete), because deleting a subject's row is how its link to the
// person ends. Copies of the file are not: retention of backups has to end with the row.
package vault
