package ndjson

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Stdin is the operand that means standard input.
const Stdin = "-"

// input is one file.
type input struct {
	path  string
	label string      // for origins
	info  fs.FileInfo // when it was first opened
	stays bool        // it is held open once it was opened again

	mu   sync.Mutex
	held *os.File
}

// inputsOf lists the files of all operands.
func inputsOf(operands []string) ([]*input, error) {
	var all []*input
	var problems []error
	for _, operand := range operands {
		some, err := inputsOfOne(operand)
		if err != nil {
			problems = append(problems, err)
		}
		all = append(all, some...)
	}
	if n := len(slices.DeleteFunc(slices.Clone(operands), func(o string) bool { return o != Stdin })); n > 1 {
		problems = append(problems, errors.New("standard input (-) can be read only once"))
	}
	return all, errors.Join(problems...)
}

func inputsOfOne(operand string) ([]*input, error) {
	if operand == Stdin {
		return []*input{{path: Stdin, label: "stdin"}}, nil
	}
	info, err := os.Stat(operand)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open input: %w", err)
	case !info.IsDir():
		return []*input{{path: operand, label: operand}}, nil
	}
	return inputsOfFolder(operand)
}

func inputsOfFolder(folder string) ([]*input, error) {
	var found []*input
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != folder && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && isJSONName(d.Name()) && d.Name() != synthTruth:
			found = append(found, &input{path: path, label: fmt.Sprintf("%s#%d", filepath.Clean(folder), len(found)+1)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	return found, nil
}

// synthTruth is what crflink synth writes beside its resources: what must come of them. It is no input.
const synthTruth = "truth.ndjson"

// isJSONName reports whether a file in a folder is to be read: folders also hold other things. Whether it is compressed
// is told by its content.
func isJSONName(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".gzip")
	switch filepath.Ext(name) {
	case ".json", ".ndjson", ".jsonl", ".jsonlines":
		return true
	}
	return false
}

// errChanged is returned when a file is not what it was when it was read first.
var errChanged = errors.New("the file was changed while it was in use: run again")

// open opens the input for the first time and remembers what it looked like.
func (in *input) open() (*os.File, error) {
	file, err := os.Open(in.path)
	if err != nil {
		return nil, pathless(err)
	}
	if in.info, err = file.Stat(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// reopen returns the input for reading again, if it is what it was. The caller closes the file when owned says so.
func (in *input) reopen() (file *os.File, owned bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if file = in.held; file == nil {
		if file, err = os.Open(in.path); err != nil {
			return nil, false, pathless(err)
		}
	}
	info, err := file.Stat()
	if err == nil && (info.Size() != in.info.Size() || !info.ModTime().Equal(in.info.ModTime())) {
		err = errChanged
	}
	if err != nil {
		if in.held == nil {
			_ = file.Close()
		}
		return nil, false, err
	}
	if in.stays {
		in.held = file
	}
	return file, !in.stays, nil
}

// release closes the file that reopen holds open.
func (in *input) release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.held != nil {
		_ = in.held.Close()
		in.held = nil
	}
}

// pathless cuts the file's name, which may identify a patient, out of an error of the system.
func pathless(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}
