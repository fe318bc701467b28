// Package agefile encrypts to recipients in the age format (age-encryption.org/v1). With pseudonym/agekey, which decrypts, it
// alone knows age.
package agefile

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// Check reports what is wrong with a recipient's public key. The text of the error does not repeat it.
func Check(key string) error {
	_, err := parse(key)
	return err
}

// Encrypt returns a writer whose content only the recipients can read. Close ends it.
func Encrypt(to io.Writer, keys ...string) (io.WriteCloser, error) {
	recipients := make([]age.Recipient, 0, len(keys))
	for _, key := range keys {
		r, err := parse(key)
		if err != nil {
			return nil, err
		}
		recipients = append(recipients, r)
	}
	if len(recipients) == 0 {
		return nil, errors.New("nobody is there to encrypt to")
	}
	out, err := age.Encrypt(to, recipients...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return out, nil
}

func parse(key string) (age.Recipient, error) {
	if r, err := age.ParseX25519Recipient(key); err == nil {
		return r, nil
	}
	if r, err := age.ParseHybridRecipient(key); err == nil {
		return r, nil
	}
	return nil, errors.New("it is no public key of age: one begins with age1, as age-keygen prints it")
}
