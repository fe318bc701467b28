package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Study is what a scaffold is made of.
type Study struct {
	Dictionary *ecrf.Dictionary
	Comments   ecrf.Comments
	Report     ecrf.Report
	Title      string   // of the study; may be empty
	Source     string   // what the dictionary was imported from, for a comment
	Request    *Request // what a CRTDL asks for; may be nil
}

// File is one file of a scaffold. Name is relative to its folder, with slashes.
type File struct {
	Name string
	Text []byte
}

// Files returns the files of the scaffold. The same study gives the same bytes.
func Files(s Study) ([]File, error) {
	var dictionary, report bytes.Buffer
	s.Comments.Head = []string{
		"The forms of the study, imported from " + s.Source + ". Nothing here says where a value comes from.",
		"What was not taken over as it was stands in import.txt. A comment \"source:\" keeps the name that a part had there.",
	}
	if err := ecrf.WriteDictionary(&dictionary, s.Dictionary, s.Comments); err != nil {
		return nil, err
	}
	fmt.Fprintf(&report, "What %s has and dictionary.yaml does not have, or has in another way\n\n", oneLine(s.Source))
	if err := s.Report.Write(&report); err != nil {
		return nil, err
	}
	rules, err := mappingFile(s.Dictionary, s.Request)
	if err != nil {
		return nil, err
	}
	return []File{
		{"study.yaml", studyFile(s)}, {"dictionary.yaml", dictionary.Bytes()}, {"mapping.yaml", rules},
		{"consent.yaml", consentFile(s.Dictionary)}, {"tests/first.yaml", testFile(s.Dictionary)}, {"import.txt", report.Bytes()},
	}, nil
}

// ErrExists means that a file of the scaffold is there already. Nothing was written.
var ErrExists = errors.New("the file exists and is never overwritten")

// Write writes the files into the folder, which is made if need be. When one of them exists, none is written.
func Write(dir string, files []File) error {
	var errs []error
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		switch _, err := os.Lstat(path); {
		case err == nil:
			errs = append(errs, fmt.Errorf("%s: %w", path, ErrExists))
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, f := range files {
		if err := create(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Text); err != nil {
			return err
		}
	}
	return nil
}

// create writes a new file. Study files hold no secrets; they are for the user and the group.
func create(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640) // #nosec G302 G304 -- a new file in the folder that the user named
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("write a file of the study: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// oneLine makes a text fit for a comment or a quoted scalar.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))), " ")
}

// quoted writes a text as a double-quoted YAML scalar.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(s)) + `"`
}
