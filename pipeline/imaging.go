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

	"github.com/crflink/crflink/audit"
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
	links, err := replace(filepath.Join(folder, sessionsFile), func(w io.Writer) error { return imaging.WriteSessions(w, linksOf(r.sessions(ctx, given))) })
	rest, err2 := replace(filepath.Join(folder, unlinkedFile), func(w io.Writer) error {
		return imaging.WriteUnlinked(w, unlinkedOf(r.sessions(ctx, r.handover())))
	})
	failed := errors.Join(err, err2)
	if err := r.handedOverFiles(ctx, "imaging", given, []audit.File{links, rest}, failed); err != nil || failed != nil {
		return errors.Join(failed, err)
	}
	report := ecrf.DeliveryReport{}
	for _, f := range []audit.File{links, rest} {
		report.Files = append(report.Files, ecrf.DeliveredFile{Path: filepath.Join(folder, f.Name), SHA256: f.SHA256, Size: f.Size})
	}
	return r.leave(ctx, imagingOutput, left{Made: made, Report: report})
}

// sessions yields the imaging linkage of each permitted subject, in the order of study numbers.
func (r *runner) sessions(ctx context.Context, given *handover) iter.Seq2[sessions, error] {
	return func(yield func(sessions, error) bool) {
		for facts, err := range r.Ledger.AllFacts(ctx) {
			var s sessions
			if err == nil {
				if r.known[facts.Subject].outcome != outcomePermitted && !r.kept(&facts, authorisation.ImagingOutput) {
					continue
				}
				given.take(&facts)
				s, err = readSessions(facts.Links)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func linksOf(all iter.Seq2[sessions, error]) iter.Seq2[[]imaging.Link, error] {
	return func(yield func([]imaging.Link, error) bool) {
		all(func(s sessions, err error) bool { return yield(s.Links, err) })
	}
}

func unlinkedOf(all iter.Seq2[sessions, error]) iter.Seq2[[]imaging.Unlinked, error] {
	return func(yield func([]imaging.Unlinked, error) bool) {
		all(func(s sessions, err error) bool { return yield(s.Unlinked, err) })
	}
}

// noteSessions writes the run's notices beside the sessions, or takes away those of an earlier run.
func (r *runner) noteSessions(folder string) error {
	path := filepath.Join(folder, noticeFile)
	if len(r.notices()) > 0 {
		_, err := replace(path, func(w io.Writer) error {
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

func replace(path string, write func(io.Writer) error) (audit.File, error) {
	c, err := atomicfile.Replace(path, write)
	return audit.File{Name: filepath.Base(path), SHA256: c.SHA256, Size: c.Size}, err
}
