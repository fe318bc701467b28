package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/crflink/crflink/withdrawal"
)

// FileName is the journal's usual name beside ledger and vault.
const FileName = "withdrawals.journal"

// Log is a withdrawal.Log in a file. One process writes it.
type Log struct {
	file *os.File // nil when there is none to read
	size int64    // of the whole lines
	read bool     // only
}

var _ withdrawal.Log = (*Log)(nil)

// Open opens the file, makes it with mode 0600 when it is missing, and cuts off a line that was never finished.
func Open(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the path is configuration
	if err != nil {
		return nil, fmt.Errorf("open the journal of withdrawals: %w", err)
	}
	l := &Log{file: file}
	if err := errors.Join(file.Chmod(0o600), l.mend(), syncFolder(filepath.Dir(path))); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal of withdrawals: %w", err), file.Close())
	}
	return l, nil
}

// OpenToRead opens the file while another process may write it. A missing one has no lines.
func OpenToRead(path string) (*Log, error) {
	file, err := os.Open(path) // #nosec G304 -- the path is configuration
	if errors.Is(err, os.ErrNotExist) {
		return &Log{read: true}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal of withdrawals: %w", err)
	}
	l := &Log{file: file, read: true}
	text, err := l.text()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal of withdrawals: %w", err), file.Close())
	}
	l.size = int64(bytes.LastIndexByte(text, '\n') + 1)
	return l, nil
}

func (l *Log) mend() error {
	text, err := l.text()
	if err != nil {
		return err
	}
	l.size = int64(bytes.LastIndexByte(text, '\n') + 1)
	if l.size == int64(len(text)) {
		return nil
	}
	return l.cut()
}

func (l *Log) text() ([]byte, error) {
	if l.file == nil {
		return nil, nil
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(l.file)
}

// cut takes off what stands behind the whole lines.
func (l *Log) cut() error { return errors.Join(l.file.Truncate(l.size), l.file.Sync()) }

// Lines returns the lines without their ends.
func (l *Log) Lines() ([][]byte, error) {
	text, err := l.text()
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(text[:min(int64(len(text)), l.size)], []byte{'\n'})
	return lines[:len(lines)-1], nil
}

// Append adds a line and puts it on disk. When that fails nothing of it stays.
func (l *Log) Append(line []byte) error {
	if l.read {
		return errors.New("the journal was opened to be read")
	}
	if bytes.IndexByte(line, '\n') >= 0 {
		return errors.New("a line of the journal has an end in it")
	}
	_, err := l.file.WriteAt(append(bytes.Clone(line), '\n'), l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(err, l.cut())
	}
	l.size += int64(len(line)) + 1
	return nil
}

// Close closes the file.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func syncFolder(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the folder of the configured path
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
