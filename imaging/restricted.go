package imaging

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Levels of restricted originals.
const (
	LevelStudy     = "study"
	LevelSeries    = "series"
	LevelInstance  = "instance"
	LevelFrame     = "frame-of-reference"
	LevelPatient   = "patient"
	LevelAccession = "accession"
)

// Restricted holds the originals of one link. It prints as dots whatever the verb and encoder; only WriteRestricted and
// WriteRecipes write its content.
type Restricted struct {
	subject   string
	shift     int // days by which the subject's dates are moved
	pairs     []pair
	instances []instance
}

type pair struct{ level, original, pseudonym string }

const dots = "•••"

func (r *Restricted) add(level, original, pseudonym string) {
	r.pairs = append(r.pairs, pair{level, original, pseudonym})
}

// String returns dots.
func (Restricted) String() string { return dots }

// GoString returns dots.
func (Restricted) GoString() string { return dots }

// Format prints dots for every verb.
func (Restricted) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, dots) }

// MarshalText writes dots, so that no encoder prints the originals.
func (Restricted) MarshalText() ([]byte, error) { return []byte(dots), nil }

// Len returns the number of originals.
func (r Restricted) Len() int { return len(r.pairs) }

// Names of the tables that WriteRestricted writes: of links, and of the cases that a person decides.
const (
	MapFile       = "uid_map.csv"
	ReviewMapFile = "review_map.csv"
)

// Written says what WriteRestricted wrote.
type Written struct {
	Rows   int
	Shared int // study UIDs that belong to more than one subject: a patient may be enrolled twice
}

// WriteRestricted writes the table that a PACS-side anonymiser needs (subject, level, original, pseudonym) to
// a file in dir, mode 0600. The folder is made with mode 0700 and holds nothing else; one that others may enter,
// or that is no folder of its own (a link), is refused. The table is replaced as a whole or stays as it was. Equal input
// gives equal bytes. Values are written as they are: a program reads the file, not a spreadsheet.
func WriteRestricted(dir, name string, all []Restricted) (Written, error) {
	if err := ownFolder(dir); err != nil {
		return Written{}, err
	}
	rows, shared := restrictedRows(all)
	err := replaceFile(filepath.Join(dir, name), func(w io.Writer) error {
		out := csv.NewWriter(w)
		_ = out.Write([]string{"subject", "level", "original", "pseudonym"}) // Error returns the first failure
		_ = out.WriteAll(rows)
		return out.Error()
	})
	if err != nil {
		return Written{}, fmt.Errorf("write the table of originals: %w", err)
	}
	return Written{Rows: len(rows), Shared: shared}, nil
}

func restrictedRows(all []Restricted) (rows [][]string, shared int) {
	subjects := map[string]string{}
	twice := map[string]bool{}
	for _, r := range all {
		for _, p := range r.pairs {
			rows = append(rows, []string{r.subject, p.level, p.original, p.pseudonym})
			if p.level != LevelStudy {
				continue
			}
			if other, ok := subjects[p.original]; ok && other != r.subject {
				twice[p.original] = true
			}
			subjects[p.original] = r.subject
		}
	}
	slices.SortFunc(rows, func(a, b []string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), -cmp.Compare(a[1], b[1]), cmp.Compare(a[2], b[2]))
	})
	return slices.CompactFunc(rows, slices.Equal), len(twice)
}

// ownFolder makes the folder, or checks the one that is there.
func ownFolder(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("folder for originals: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err == nil {
		return nil
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("folder for originals: %w", err)
	case !info.IsDir():
		return fmt.Errorf("folder for originals: %s is no folder; name one that is used for nothing else", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("folder for originals: %s has mode %04o, only its owner may enter it; run: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// replaceFile writes a file of mode 0600 beside its place and renames it.
func replaceFile(path string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
