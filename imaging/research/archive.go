package research

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// archive writes files as a tar archive that depends on their content only.
func archive(to io.Writer, dir string, files []File, asOf string) error {
	at, err := time.Parse(time.RFC3339, asOf)
	if err != nil {
		return errors.New("the as-of of the run is no instant")
	}
	out := tar.NewWriter(to)
	for _, f := range files {
		if err := out.WriteHeader(&tar.Header{Name: f.Name, Mode: 0o600, Size: f.Size, ModTime: at.UTC(), Format: tar.FormatPAX}); err != nil {
			return err
		}
		if err := copyFile(out, filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil {
			return err
		}
	}
	return out.Close()
}

func copyFile(to io.Writer, path string) error {
	from, err := os.Open(path) // #nosec G304 -- a file of the package
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // read only
	_, err = io.Copy(to, from)
	return err
}

func sealedText(p *Package) string {
	return fmt.Sprintf(`%s
is an encrypted research package of the study %s: a tar archive in the age format (age-encryption.org/v1).
It was encrypted to: %s.

Open it with your identity file:
  age --decrypt --identity key.txt %s | tar -x
and start with README.md.
`, SealedFile, p.Study.title(), strings.Join(p.Recipients, "; "), SealedFile)
}
