package ndjson

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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
func inputsOf(operands []string) (all []*input, unfinished []string, err error) {
	var problems []error
	for _, operand := range operands {
		some, open, err := inputsOfOne(operand)
		if err != nil {
			problems = append(problems, err)
		}
		all, unfinished = append(all, some...), append(unfinished, open...)
	}
	if n := len(slices.DeleteFunc(slices.Clone(operands), func(o string) bool { return o != Stdin })); n > 1 {
		problems = append(problems, errors.New("standard input (-) can be read only once"))
	}
	return all, unfinished, errors.Join(problems...)
}

func inputsOfOne(operand string) (all []*input, unfinished []string, err error) {
	if operand == Stdin {
		return []*input{{path: Stdin, label: "stdin"}}, nil, nil
	}
	info, err := os.Stat(operand)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("open input: %w", err)
	case !info.IsDir():
		return []*input{{path: operand, label: operand}}, nil, nil
	}
	return inputsOfFolder(operand)
}

// inputsOfFolder lists the files to be read. Of those that are still being written, the folder is named once for each.
func inputsOfFolder(folder string) (found []*input, unfinished []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir() && isUnfinished(d.Name()):
			unfinished = append(unfinished, filepath.Clean(folder))
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
		return nil, nil, fmt.Errorf("read folder: %w", err)
	}
	return found, unfinished, nil
}

// Names of files that are still being written: one of these behind the name, or what rsync makes of it.
var (
	unfinishedEndings = []string{".part", ".partial", ".filepart", ".tmp", ".temp", ".incomplete", ".crdownload"}
	rsyncName         = regexp.MustCompile(`^\.(.+)\.[A-Za-z0-9]{6}$`)
)

func isUnfinished(name string) bool {
	if m := rsyncName.FindStringSubmatch(name); m != nil && isJSONName(m[1]) {
		return true
	}
	for _, end := range unfinishedEndings {
		if whole, ok := strings.CutSuffix(strings.ToLower(name), end); ok && isJSONName(whole) {
			return true
		}
	}
	return false
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

// settled reports whether the file is still what it was when it was opened first.
func (in *input) settled(file *os.File) error {
	info, err := file.Stat()
	if err == nil && (info.Size() != in.info.Size() || !info.ModTime().Equal(in.info.ModTime())) {
		err = errGrew
	}
	return err
}

// errGrew is returned for a file that was written while it was read.
var errGrew = errors.New("the file is still being written: let it be written under another name, such as one that ends in .part, and renamed when it is whole; then run again")

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
