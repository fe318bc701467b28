package pseudonym

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/crflink/crflink/internal/secretfile"
)

// KeyBytes is the least length of a vault key in bytes.
const KeyBytes = 32

// distinctBytes is how many different bytes a key has at least: a hexadecimal text has up to 16.
const distinctBytes = 8

// dots is how every secret prints.
const dots = "•••"

// Key is the secret that opens the vault. It prints as dots, whatever the verb; the zero Key opens nothing.
type Key struct{ material *box }

// NewKey takes a secret of at least KeyBytes bytes, as it is given; space around it is cut off. The error never
// repeats any of it.
func NewKey(secret []byte) (Key, error) {
	secret = bytes.TrimSpace(secret)
	switch {
	case len(secret) == 0:
		return Key{}, errors.New("vault key: empty; make one with: openssl rand -base64 48")
	case len(secret) < KeyBytes:
		return Key{}, fmt.Errorf("vault key: %d bytes, at least %d are required; make one with: openssl rand -base64 48", len(secret), KeyBytes)
	case distinct(secret) < distinctBytes:
		return Key{}, errors.New("vault key: it repeats a few characters and is no random secret; make one with: openssl rand -base64 48")
	}
	return Key{boxed(bytes.Clone(secret))}, nil
}

// ReadKeyFile reads a key from a file that only its owner may read (mode 0600 or 0400).
func ReadKeyFile(path string) (Key, error) {
	secret, err := secretfile.Read(path)
	if err != nil {
		return Key{}, fmt.Errorf("vault key: %w", err)
	}
	return NewKey(secret)
}

// IsZero reports whether the key was never set.
func (k Key) IsZero() bool { return k.material == nil }

// Format prints dots for every verb.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, dots) }

// MarshalText writes dots, so that no encoder prints the key.
func (Key) MarshalText() ([]byte, error) { return []byte(dots), nil }

// derive returns 32 bytes for one purpose (HKDF-SHA256, RFC 5869).
func (k Key) derive(purpose string) ([]byte, error) {
	if k.IsZero() {
		return nil, errors.New("vault key: not set; give it in the environment or as a file")
	}
	b, err := hkdf.Key(sha256.New, k.material.open(), []byte("crflink-vault-v1"), purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the %s key: %w", purpose, err)
	}
	return b, nil
}

func distinct(b []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}
