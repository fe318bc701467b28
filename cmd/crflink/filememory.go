package main

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/atomicfile"
)

// filesKnown is the file in a study's state folder with what its source learnt of files.
const filesKnown = "files.sealed"

// rememberFiles gives a source of files its memory. With anew, the files are read in any case.
func (o *opened) rememberFiles(anew bool) error {
	source, ok := fhir.Behind[*ndjson.Source](o.Source)
	if !ok {
		return nil
	}
	block, err := aes.NewCipher(o.Vault.Authenticate("what a source learnt of files", nil))
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	source.Remember(fileMemory{filepath.Join(o.Study.State, filesKnown), gcm}, version(), anew)
	return nil
}

// fileMemory is a file sealed under a key of the vault.
type fileMemory struct {
	path string
	seal cipher.AEAD
}

// Recall opens the file. One that was not sealed under this key, or was changed, is as if it were not there.
func (m fileMemory) Recall() ([]byte, error) {
	sealed, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := m.seal.Open(nil, nil, sealed, []byte(filesKnown))
	if err != nil {
		return nil, nil //nolint:nilerr // the files are read then
	}
	return text, nil
}

// Keep replaces the file.
func (m fileMemory) Keep(text []byte) error {
	_, err := atomicfile.Replace(m.path, func(w io.Writer) error {
		_, err := w.Write(m.seal.Seal(nil, nil, text, []byte(filesKnown))) // #nosec G407 -- the cipher draws the nonce itself
		return err
	})
	return err
}
