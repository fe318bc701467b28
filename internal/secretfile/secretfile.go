// Package secretfile reads files that hold a secret, and refuses those that others may read too.
//
//   - A secret file belongs to its owner alone: mode 0600 or 0400.
//   - A credential is a file that systemd hands to a service (systemd.exec, LoadCredential=). It lies in a folder of its own,
//     and systemd may let the service read it through an ACL, which shows as the group's right to read.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// limit bounds what is read: no secret is longer.
const limit = 1 << 16

// Read reads a file that only its owner may use.
func Read(path string) ([]byte, error) { return read(path, 0o077) }

// ReadCredential reads a credential of the folder that CREDENTIALS_DIRECTORY names; the caller knows the environment.
func ReadCredential(folder, name string) ([]byte, error) {
	switch {
	case folder == "":
		return nil, errors.New("CREDENTIALS_DIRECTORY is not set: a credential exists in a service that systemd started with LoadCredential= or LoadCredentialEncrypted=")
	case name == "" || name != filepath.Base(name) || name == "." || name == "..":
		return nil, fmt.Errorf("%q is not the name of a credential", name)
	}
	return read(filepath.Join(folder, name), 0o037)
}

func read(path string, forbidden os.FileMode) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the path is configuration
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&forbidden != 0 {
		return nil, fmt.Errorf("%s has mode %04o, only its owner may read it; run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes: it is no secret", path, limit)
	}
	return text, nil
}
