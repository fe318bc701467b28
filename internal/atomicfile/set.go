package atomicfile

import (
	"os"
)

// Set is new content of several files that are replaced together, and none of them when one cannot be written.
type Set struct{ files []*File }

// Placed says what became of a file of a Set.
type Placed struct {
	Path string
	Content
}

// Create starts new content of a file, as Create does.
func (s *Set) Create(path string, perm os.FileMode) (*File, error) {
	f, err := Create(path, perm)
	if err == nil {
		s.files = append(s.files, f)
	}
	return f, err
}

// Abort drops the content of all; after Commit it does nothing.
func (s *Set) Abort() {
	for _, f := range s.files {
		f.Abort()
	}
}

// Commit puts all in place of the old. The caller has written all content without an error.
func (s *Set) Commit() ([]Placed, error) {
	var placed []Placed
	for _, f := range s.files {
		c, err := f.Commit()
		if err != nil {
			return placed, err
		}
		placed = append(placed, Placed{f.path, c})
	}
	return placed, nil
}
