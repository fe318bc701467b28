// Package agekey reads a vault key that lies encrypted in a file of the age format (age-encryption.org/v1), binary or
// armored.
//
//   - An Unlock opens the file: identities, as age-keygen writes them, or a passphrase.
//
// The key exists in memory only. Who holds the file without its Unlock holds nothing.
package agekey
