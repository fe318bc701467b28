package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/ecrf"
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
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("imaging sessions: %w", err)
	}
	if err := r.noteSessions(folder); err != nil {
		return err
	}
	made, err := r.madeSessions(ctx, folder)
	if err != nil {
		return err
	}
	before, err := r.leftAsIs(ctx, imagingOutput, made)
	if err != nil {
		return err
	}
	if before != nil {
		r.account.untouched = append(r.account.untouched, imagingOutput)
		return nil
	}
	return r.writeSessions(ctx, folder, made)
}

func (r *runner) writeSessions(ctx context.Context, folder, made string) error {
	if err := r.received(ctx, authorisation.ImagingOutput); err != nil {
		return err
	}
	given := r.handover()
	files, failed := r.replaceSessions(ctx, folder, given)
	if err := r.handedOverFiles(ctx, "imaging", given, audited(files), failed); err != nil || failed != nil {
		return errors.Join(failed, err)
	}
	return r.leave(ctx, imagingOutput, left{Made: made, Report: ecrf.DeliveryReport{Files: files}})
}

// replaceSessions writes both files in one reading of the ledger, and puts them in place together.
func (r *runner) replaceSessions(ctx context.Context, folder string, given *handover) (files []ecrf.DeliveredFile, err error) {
	var set atomicfile.Set
	defer set.Abort()
	sessions, err := set.Create(filepath.Join(folder, sessionsFile), 0o600)
	if err != nil {
		return nil, err
	}
	unlinked, err := set.Create(filepath.Join(folder, unlinkedFile), 0o600)
	if err != nil {
		return nil, err
	}
	if err := imaging.WriteSessions(sessions, unlinked, r.sessions(ctx, given)); err != nil {
		return nil, err
	}
	placed, err := set.Commit()
	for _, f := range placed {
		files = append(files, ecrf.DeliveredFile{Path: f.Path, SHA256: f.SHA256, Size: f.Size})
	}
	return files, err
}

// sessions yields the imaging linkage of each permitted subject, in the order of study numbers.
func (r *runner) sessions(ctx context.Context, given *handover) iter.Seq2[imaging.Found, error] {
	return func(yield func(imaging.Found, error) bool) {
		for facts, err := range r.Ledger.AllFacts(ctx) {
			var s sessions
			if err == nil {
				if r.known[facts.Subject].outcome != outcomePermitted && !r.kept(&facts, authorisation.ImagingOutput) {
					continue
				}
				given.take(&facts)
				s, err = readSessions(facts.Links)
			}
			if !yield(imaging.Found{Links: s.Links, Unlinked: s.Unlinked}, err) {
				return
			}
		}
	}
}

// noteSessions writes the run's notices beside the sessions, or takes away those of an earlier run.
func (r *runner) noteSessions(folder string) error {
	path := filepath.Join(folder, noticeFile)
	if len(r.notices()) > 0 {
		_, err := atomicfile.Replace(path, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(r.notices(), "\n")+"\n")
			return err
		})
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("imaging sessions: %w", err)
	}
	return nil
}
