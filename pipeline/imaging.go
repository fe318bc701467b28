package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/internal/atomicfile"
)

// Names of the imaging files.
const (
	sessionsFile = "sessions.csv"
	unlinkedFile = "sessions_unlinked.csv"
	noticeFile   = "NOTICE.txt"
)

// deliverSessions writes the imaging sessions of the permitted subjects, pseudonymous, into the study's imaging folder.
func (r *runner) deliverSessions(ctx context.Context) error {
	folder := r.Study.Imaging.Folder
	if folder == "" {
		return nil
	}
	var all sessions
	facts, err := r.Ledger.AllFacts(ctx)
	if err != nil {
		return err
	}
	for _, f := range facts {
		if r.known[f.Subject].outcome != outcomePermitted {
			continue
		}
		s, err := readSessions(f.Links)
		if err != nil {
			return err
		}
		all.Links = append(all.Links, s.Links...)
		all.Unlinked = append(all.Unlinked, s.Unlinked...)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("imaging sessions: %w", err)
	}
	if err := r.noteSessions(folder); err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(folder, sessionsFile), func(w io.Writer) error { return imaging.WriteSessions(w, all.Links) }),
		replace(filepath.Join(folder, unlinkedFile), func(w io.Writer) error { return imaging.WriteUnlinked(w, all.Unlinked) }),
	)
}

// noteSessions writes the run's notices beside the sessions, or takes away those of an earlier run.
func (r *runner) noteSessions(folder string) error {
	path := filepath.Join(folder, noticeFile)
	if len(r.notices()) > 0 {
		return replace(path, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(r.notices(), "\n")+"\n")
			return err
		})
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("imaging sessions: %w", err)
	}
	return nil
}

func replace(path string, write func(io.Writer) error) error {
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := write(f); err != nil {
		return err
	}
	_, err = f.Commit()
	return err
}
