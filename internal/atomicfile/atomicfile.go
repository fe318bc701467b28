// Package atomicfile replaces files as a whole: whoever opens one sees the old content or the new, after a crash too.
package atomicfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// File is new content under way. It lies beside its destination as .NAME.partial; what a killed process left there
// is overwritten by the next.
type File struct {
	f             *os.File
	path, partial string
	sum           hash.Hash
	size          int64
	done          bool
}

// Content says what a file holds after Commit.
type Content struct {
	SHA256  string // hex
	Size    int64  // bytes
	Changed bool   // false when the file held the same bytes before; it is then left untouched
}

// Create starts new content of the file, with mode perm. The folder must exist.
func Create(path string, perm os.FileMode) (*File, error) {
	partial := partialOf(path)
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm) // #nosec G304 -- the caller names the file to replace
	if err != nil {
		return nil, fmt.Errorf("write a new %s: %w", path, err)
	}
	return &File{f: f, path: path, partial: partial, sum: sha256.New()}, nil
}

func partialOf(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")
}

// Replace writes new content of a file of mode 0600. When write fails, or the content cannot be put in place, the old one stays.
func Replace(path string, write func(io.Writer) error) (Content, error) {
	f, err := Create(path, 0o600)
	if err != nil {
		return Content{}, err
	}
	defer f.Abort()
	if err := write(f); err != nil {
		return Content{}, err
	}
	return f.Commit()
}

// ContentOf says what a file holds that was written in another way.
func ContentOf(path string) (Content, error) {
	f, err := os.Open(path) // #nosec G304 -- the caller names the file
	if err != nil {
		return Content{}, err
	}
	defer func() { _ = f.Close() }() // read only
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return Content{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}, err
}

// Stands reports whether a file holds what Commit said it did, and no new content lies beside it that was never finished.
func Stands(path, sha256 string, size int64) bool {
	if _, err := os.Lstat(partialOf(path)); !errors.Is(err, os.ErrNotExist) {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return false
	}
	c, err := ContentOf(path)
	return err == nil && c.SHA256 == sha256
}

// Write adds content.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	f.sum.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// Commit puts the content on disk and in place of the old.
func (f *File) Commit() (Content, error) {
	if f.done {
		return Content{}, errors.New("the file was committed or aborted already")
	}
	c := Content{SHA256: hex.EncodeToString(f.sum.Sum(nil)), Size: f.size}
	same, err := f.same()
	if err != nil {
		f.Abort()
		return Content{}, fmt.Errorf("compare with the old %s: %w", f.path, err)
	}
	if same {
		f.Abort()
		return c, nil
	}
	f.done = true
	err = errors.Join(f.f.Sync(), f.f.Close())
	if err == nil {
		err = os.Rename(f.partial, f.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(f.path))
	}
	if err != nil {
		return Content{}, errors.Join(fmt.Errorf("replace %s: %w", f.path, err), ignoreMissing(os.Remove(f.partial)))
	}
	c.Changed = true
	return c, nil
}

// Abort drops the content; after Commit it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	_ = f.f.Close()          // nothing of it is kept
	_ = os.Remove(f.partial) // a leftover is overwritten next time
}

func (f *File) same() (bool, error) {
	old, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = old.Close() }() // read only
	info, err := old.Stat()
	if err != nil || info.Size() != f.size || !info.Mode().IsRegular() {
		return false, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, old); err != nil {
		return false, err
	}
	return bytes.Equal(sum.Sum(nil), f.sum.Sum(nil)), nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the folder of the file that the caller names
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
