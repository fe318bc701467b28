package tabular

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
)

// Folder is the new files of one delivery into a folder.
type Folder struct {
	path string
	set  atomicfile.Set
}

// open makes the folder, and those within it that are named, with mode 0700 where they are not there.
func open(path string, within []string) (*Folder, error) {
	for _, sub := range append([]string{""}, within...) {
		if err := os.MkdirAll(filepath.Join(path, sub), 0o700); err != nil {
			return nil, err
		}
	}
	return &Folder{path: path}, nil
}

// Deliver replaces the files of a target's folder by those that write creates: all of them, or none when it fails.
func Deliver(target, path string, write func(*Folder) (cells int, problems []string, err error), within ...string) (report ecrf.DeliveryReport, err error) {
	f, err := open(path, within)
	if err != nil {
		return report, fmt.Errorf("target %s: %w", target, err)
	}
	defer f.set.Abort()
	if report.Cells, report.Problems, err = write(f); err == nil {
		err = f.commit(&report)
	}
	if err != nil {
		return report, fmt.Errorf("target %s: %w", target, err)
	}
	return report, nil
}

// Create starts a file of the folder.
func (f *Folder) Create(name string) (*atomicfile.File, error) {
	return f.set.Create(filepath.Join(f.path, name), 0o600)
}

// Notice writes what every output must carry.
func (f *Folder) Notice(notices []string) error {
	if len(notices) == 0 {
		return nil
	}
	out, err := f.Create("NOTICE.txt")
	if err != nil {
		return err
	}
	_, err = out.Write([]byte(strings.Join(notices, "\n") + "\n"))
	return err
}

// commit replaces the files, and says so in the report.
func (f *Folder) commit(report *ecrf.DeliveryReport) error {
	placed, err := f.set.Commit()
	for _, p := range placed {
		Report(report, p)
	}
	return err
}

// Report counts a file of a delivery.
func Report(report *ecrf.DeliveryReport, p atomicfile.Placed) {
	if p.Changed {
		report.Written++
	} else {
		report.Unchanged++
	}
	report.Files = append(report.Files, ecrf.DeliveredFile{Path: p.Path, SHA256: p.SHA256, Size: p.Size, Changed: p.Changed})
}

// Each calls take for every casebook of a delivery, and returns how many cells they have.
func Each(ctx context.Context, d ecrf.Delivery, take func(*ecrf.StoredCasebook) error) (cells int, err error) {
	for book, err := range d.Casebooks(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = take(book)
		}
		if err != nil {
			return cells, fmt.Errorf("deliver: %w", err)
		}
		cells += len(book.Cells)
	}
	return cells, nil
}

// Left lists the files of a folder with an extension, and removes new content of such that was never finished. A folder that is not
// there has none.
func Left(folder, extension string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(folder, e.Name())
		switch {
		case strings.HasPrefix(name, ".") && strings.HasSuffix(name, extension+".partial"):
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, extension) && e.Type().IsRegular():
			paths = append(paths, path)
		}
	}
	return paths, nil
}
