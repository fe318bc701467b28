package research

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/atomicfile"
)

// File is a file of a package.
type File struct {
	Name, Title, Format string // Format is a media type
	SHA256              string
	Size                int64
	Rows                int // of a table; -1 of another file
}

// folder is a package under way, beside its place.
type folder struct {
	path  string // where it will be
	dir   string // where it is written
	files []File
	open  []*atomicfile.File
}

// ErrThere is returned for a folder that has content already.
var ErrThere = errors.New("the folder has content already; name a new one")

// beginFolder makes the folder beside its place. What an interrupted export left there is removed.
func beginFolder(path string) (*folder, error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("the package's folder: %w", err)
	case len(entries) > 0:
		return nil, fmt.Errorf("%s: %w", path, ErrThere)
	}
	f := &folder{path: path, dir: filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")}
	for _, err := range []error{os.RemoveAll(f.dir), os.RemoveAll(f.dir + sealedSuffix), os.MkdirAll(f.dir, 0o700)} {
		if err != nil {
			return nil, fmt.Errorf("the package's folder: %w", err)
		}
	}
	return f, nil
}

// create begins a file; its name has / between folders.
func (f *folder) create(name string) (*atomicfile.File, error) {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the package's folder: %w", err)
	}
	file, err := atomicfile.Create(path, 0o600)
	if err == nil {
		f.open = append(f.open, file)
	}
	return file, err
}

// commit ends a file and takes it into the list.
func (f *folder) commit(file *atomicfile.File, about File) error {
	c, err := file.Commit()
	if err != nil {
		return err
	}
	about.SHA256, about.Size = c.SHA256, c.Size
	f.files = append(f.files, about)
	slices.SortFunc(f.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// put writes a file that is no table.
func (f *folder) put(name, title, format string, text []byte) error {
	file, err := f.create(name)
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	return f.commit(file, File{Name: name, Title: title, Format: format, Rows: -1})
}

// sums lists the files as sha256sum does.
func (f *folder) sums() []byte {
	var b strings.Builder
	for _, one := range f.files {
		fmt.Fprintf(&b, "%s  %s\n", one.SHA256, one.Name)
	}
	return []byte(b.String())
}

// finish moves the folder to its place. Before, there is nothing; behind, everything.
func (f *folder) finish() error {
	if err := syncDirs(f.dir); err != nil {
		return err
	}
	if err := os.Rename(f.dir, f.path); err != nil {
		return fmt.Errorf("the package's folder: %w", err)
	}
	return syncDir(filepath.Dir(f.path))
}

// abort removes what was written. Behind finish there is nothing to remove.
func (f *folder) abort() {
	for _, file := range f.open {
		file.Abort()
	}
	_ = os.RemoveAll(f.dir) // what stays is removed by the next export to the place
}

func syncDirs(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(path string) error {
	d, err := os.Open(path) // #nosec G304 -- a folder of the package
	if err != nil {
		return fmt.Errorf("the package's folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// seal puts all files of the folder into one encrypted archive, in the place of them.
func (f *folder) seal(encrypt func(io.Writer) (io.WriteCloser, error), archive func(io.Writer, string, []File) error) error {
	sealed := &folder{dir: f.dir + sealedSuffix}
	for _, err := range []error{os.RemoveAll(sealed.dir), os.MkdirAll(sealed.dir, 0o700)} {
		if err != nil {
			return fmt.Errorf("the package's folder: %w", err)
		}
	}
	defer func() { _ = os.RemoveAll(sealed.dir) }() // moved, or of no use
	file, err := sealed.create(SealedFile)
	if err != nil {
		return err
	}
	defer file.Abort()
	to, err := encrypt(file)
	if err != nil {
		return err
	}
	if err := errors.Join(archive(to, f.dir, f.files), to.Close()); err != nil {
		return err
	}
	if err := sealed.commit(file, File{Name: SealedFile, Title: "the package, encrypted", Format: "application/octet-stream", Rows: -1}); err != nil {
		return err
	}
	if err := os.RemoveAll(f.dir); err != nil {
		return fmt.Errorf("the package's folder: %w", err)
	}
	if err := os.Rename(sealed.dir, f.dir); err != nil {
		return fmt.Errorf("the package's folder: %w", err)
	}
	f.files = sealed.files
	return nil
}

// sealedSuffix ends the folder in which an encrypted package is made.
const sealedSuffix = ".sealed"

// SealedFile is the name of an encrypted package: a tar archive in the age format.
const SealedFile = "package.tar.age"
