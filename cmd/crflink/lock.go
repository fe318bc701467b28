package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFile lies in a study's state folder. Whoever holds its lock writes; it names the study.
const lockFile = "study.lock"

// errUnderWay is returned while another run of the study goes on.
var errUnderWay = errors.New("another run of this study is under way")

// lock takes the study's state folder for this run, makes it when it is missing, and refuses one of another study. The
// system gives the lock back when the program ends, however it ends.
func (o *opened) lock(context.Context) error {
	if err := os.MkdirAll(o.Study.State, 0o700); err != nil {
		return fmt.Errorf("the folder for the study's state: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(o.Study.State, lockFile), os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the folder is the study's configuration
	if err != nil {
		return fmt.Errorf("the folder for the study's state: %w", err)
	}
	o.closers = append(o.closers, file)
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // #nosec G115 -- a file descriptor
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return coded{exitServer, fmt.Errorf("%w in %s; wait for its end", errUnderWay, o.Study.State)}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", o.Study.State, err)
	}
	o.locked = true
	return claim(file, o.Study.ID, o.Study.State)
}

// claim writes the study's name into an empty lock file, and compares it with that in any other.
func claim(file io.ReadWriter, study, folder string) error {
	text, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("lock %s: %w", folder, err)
	}
	switch owner := strings.TrimSpace(string(text)); owner {
	case study:
		return nil
	case "":
		_, err := fmt.Fprintln(file, study)
		return err
	default:
		return fmt.Errorf("the state in %s belongs to study %q, not %q: give each study a state folder of its own, and keep a study's id", folder, owner, study)
	}
}
