package pseudonym

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// place is where a sealed value belongs. A value that was moved to another table, column or row does not open.
type place struct{ table, column, row string }

func (p place) data() []byte {
	return []byte("crflink-vault-v1\x00" + p.table + "\x00" + p.column + "\x00" + p.row)
}

// sealer encrypts single values with XChaCha20-Poly1305 under a random nonce that precedes the ciphertext.
type sealer struct{ aead cipher.AEAD }

func newSealer(k Key) (sealer, error) {
	b, err := k.derive("seal")
	if err != nil {
		return sealer{}, err
	}
	aead, err := chacha20poly1305.NewX(b)
	if err != nil {
		return sealer{}, fmt.Errorf("vault cipher: %w", err)
	}
	return sealer{aead}, nil
}

func (s sealer) seal(p place, plain []byte) []byte {
	nonce := random(s.aead.NonceSize())
	return s.aead.Seal(nonce, nonce, plain, p.data())
}

var errSealed = errors.New("a sealed value does not open: the key is another one, or the vault was altered")

func (s sealer) open(p place, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("vault %s.%s: %w", p.table, p.column, errSealed)
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], p.data())
	if err != nil {
		return nil, fmt.Errorf("vault %s.%s: %w", p.table, p.column, errSealed)
	}
	return plain, nil
}

// random returns n random bytes of the operating system; its failure ends the program (crypto/rand).
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// lookup computes the keyed hashes by which rows are found. Each part is preceded by its length, so that no two
// lists of parts meet.
type lookup struct{ key *box }

func (l lookup) hash(kind string, parts ...string) []byte {
	mac := hmac.New(sha256.New, l.key.open())
	for _, p := range append([]string{kind}, parts...) {
		fmt.Fprintf(mac, "%d:%s", len(p), p)
	}
	return mac.Sum(nil)
}
