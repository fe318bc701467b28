package agekey

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/crflink/crflink/pseudonym"
)

// Unlock is what opens an encrypted key file: exactly one of its members.
type Unlock struct {
	Identities []byte // text of an identity file
	Passphrase []byte // space around it is cut off
}

// longest bounds the decrypted key.
const longest = 1 << 16

// Read decrypts a key file. The error repeats neither the key nor what opens it.
func Read(path string, u Unlock) (pseudonym.Key, error) {
	identities, err := u.identities()
	if err != nil {
		return pseudonym.Key{}, fmt.Errorf("vault key: %w", err)
	}
	file, err := os.Open(path) // #nosec G304 -- the path is configuration
	if err != nil {
		return pseudonym.Key{}, fmt.Errorf("vault key: %w", err)
	}
	defer file.Close()
	secret, err := decrypt(file, identities)
	if err != nil {
		return pseudonym.Key{}, fmt.Errorf("vault key: %s: %w", path, err)
	}
	return pseudonym.NewKey(secret)
}

func (u Unlock) identities() ([]age.Identity, error) {
	passphrase := bytes.TrimSpace(u.Passphrase)
	switch {
	case len(passphrase) > 0 && len(u.Identities) > 0:
		return nil, errors.New("an encrypted key file is opened by identities or by a passphrase, not by both")
	case len(passphrase) > 0:
		id, err := age.NewScryptIdentity(string(passphrase))
		if err != nil {
			return nil, errors.New("the passphrase cannot be used")
		}
		return []age.Identity{id}, nil
	}
	ids, err := age.ParseIdentities(bytes.NewReader(u.Identities))
	if err != nil || len(ids) == 0 { // age's error may quote the line
		return nil, errors.New("the identity file has no usable identity: it needs a line that begins with AGE-SECRET-KEY-, as age-keygen writes it")
	}
	return ids, nil
}

func decrypt(file io.Reader, identities []age.Identity) ([]byte, error) {
	in := bufio.NewReader(file)
	var encrypted io.Reader = in
	if begin, _ := in.Peek(len(armor.Header)); string(begin) == armor.Header {
		encrypted = armor.NewReader(in)
	}
	plain, err := age.Decrypt(encrypted, identities...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, errors.New("it was not encrypted for this identity, or the passphrase is another one")
	case err != nil:
		return nil, errors.New("it is not an age file that could be opened: damaged, of another format, or encrypted for something else than the given kind of identity")
	}
	secret, err := io.ReadAll(io.LimitReader(plain, longest+1))
	if err != nil || len(secret) > longest {
		return nil, errors.New("it is damaged or holds no key")
	}
	return secret, nil
}
