package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/pseudonym"
)

// filesKnown is the file in a study's state folder with what its source learnt of files.
const filesKnown = "files.sealed"

// rememberFiles gives a source of files its memory. With anew, the files are read in any case.
func (o *opened) rememberFiles(anew bool) {
	if source, ok := fhir.Behind[*ndjson.Source](o.Source); ok {
		source.Remember(fileMemory{filepath.Join(o.Study.State, filesKnown), o.Vault.MemorySeal()}, version(), anew)
	}
}

// fileMemory is a file sealed under a key of the vault.
type fileMemory struct {
	path string
	seal pseudonym.Seal
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
	text, err := m.seal.Open(sealed, filesKnown)
	if err != nil {
		return nil, nil //nolint:nilerr // the files are read then
	}
	return text, nil
}

// Keep replaces the file.
func (m fileMemory) Keep(text []byte) error {
	_, err := atomicfile.Replace(m.path, func(w io.Writer) error {
		_, err := w.Write(m.seal.Seal(text, filesKnown))
		return err
	})
	return err
}
