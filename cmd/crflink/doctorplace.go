package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pipeline/retire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/store/database"
	vaultstore "github.com/crflink/crflink/store/vault"
)

// vault looks at the key, and whether it opens the vault where there is one.
func (e *examination) vault(ctx context.Context) {
	r := e.about("vault")
	key, err := vaultKey(e.study)
	if err != nil {
		r.Bad("key", err, "docs/operations.md, The vault's key")
		return
	}
	if !e.vaultIsThere(ctx, r) {
		r.Good("key", "can be read; the first run makes the vault")
		return
	}
	rows, err := openRows(ctx, e.study)
	if err != nil {
		r.Bad("vault", err, "")
		return
	}
	_, err = openVault(ctx, rows, key, e.study)
	switch err = errors.Join(err, rows.Close()); {
	case errors.Is(err, pseudonym.ErrEmptyVault):
		r.Good("key", "can be read; the first run makes the vault")
	case err != nil:
		r.Bad("key", err, "")
	default:
		r.Good("key", "opens the vault")
	}
}

func (e *examination) vaultIsThere(ctx context.Context, r *checkup.Report) bool {
	if e.study.Vault == nil {
		_, err := os.Stat(filepath.Join(e.study.State, vaultFile))
		return err == nil
	}
	address, err := vaultAddress(e.study.Vault)
	if err != nil {
		r.Bad("credentials", err, "")
		return false
	}
	look, err := vaultstore.LookAt(ctx, address)
	if err != nil {
		r.Bad("reached", err, advice(err))
		return false
	}
	e.looked(r, "vault", look)
	return look.Made
}

// looked says what a database of PostgreSQL shows.
func (e *examination) looked(r *checkup.Report, what string, look database.Look) {
	r.Good("reached", "PostgreSQL "+look.Version)
	r.Clock(look.Clock, e.now())
	switch {
	case look.Superuser:
		r.Add("role", checkup.Doubtful, "it is a superuser", "give the "+what+" a role of its own, which owns its tables and nothing else")
	case !look.Made && !look.MayCreate:
		r.Add("role", checkup.Bad, "it may not make the "+what+"'s tables", "CREATE DATABASE … OWNER …, as docs/operations.md says")
	default:
		r.Good("role", "has the rights that it needs")
	}
}

// ledger looks at a ledger in PostgreSQL, and whether there is only one.
func (e *examination) ledger(ctx context.Context) {
	r := e.about("ledger")
	if err := rightLedger(e.study); err != nil {
		r.Bad("place", err, "docs/operations.md, A ledger in PostgreSQL")
		return
	}
	if e.study.Ledger == nil {
		return
	}
	place, err := ledgerPlace(e.study.Ledger)
	if err != nil {
		r.Bad("credentials", err, "")
		return
	}
	look, err := place.Look(ctx)
	if err != nil {
		r.Bad("reached", err, advice(err))
		return
	}
	e.looked(r, "ledger", look)
}

func vaultAddress(spec *pipeline.VaultSpec) (vaultstore.Address, error) {
	address, err := databaseAddress(spec.Postgres, spec.CA, spec.Password)
	if err != nil {
		err = fmt.Errorf("the vault's password: %w", err)
	}
	return address, err
}

// Space below which a run may not come to its end.
const littleSpace = 1 << 30

func (e *examination) state(context.Context) {
	r := e.about("state")
	e.folder(r, "folder", e.study.State)
	if err := retire.Check(e.study.State); err != nil {
		r.Bad("study", err, "")
	}
	e.folder(r, "temporary files", os.TempDir())
}

// folder looks whether a folder, or the nearest one above it that is there, can be written and has space.
func (e *examination) folder(r *checkup.Report, check, path string) {
	there := path
	for {
		if info, err := os.Stat(there); err == nil {
			if !info.IsDir() {
				r.Add(check, checkup.Bad, there+" is no folder", "")
				return
			}
			break
		}
		above := filepath.Dir(there)
		if above == there {
			break
		}
		there = above
	}
	const mayWrite = 2 // W_OK of access(2)
	if err := syscall.Access(there, mayWrite); err != nil {
		r.Add(check, checkup.Bad, there+" cannot be written", "let the account of crflink write there")
		return
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(there, &disk); err != nil {
		r.Bad(check, err, "")
		return
	}
	free := disk.Bavail * uint64(disk.Bsize) // #nosec G115 -- a block size is positive
	said := fmt.Sprintf("%s, %.1f GB free", path, float64(free)/1e9)
	if free < littleSpace {
		r.Add(check, checkup.Doubtful, said, "make room: a run that finds no space stops")
		return
	}
	r.Good(check, said)
}

// reachable is a target that delivers into a system.
type reachable interface {
	Reach(ctx context.Context) error
}

func (e *examination) targets(ctx context.Context) {
	for _, t := range e.study.Targets {
		r := e.about("target " + t.Name)
		target, err := newTarget(e.study, t)
		if err != nil {
			r.Bad("settings", err, "")
			continue
		}
		if live, ok := target.(*redcap.Target); ok {
			e.project(ctx, r, live)
			continue
		}
		system, remote := target.(reachable)
		if !remote {
			e.folder(r, "folder", filepath.Dir(t.Path))
			continue
		}
		if err := system.Reach(ctx); err != nil {
			r.Bad("connection", err, "")
			continue
		}
		r.Good("connection", "there, and lets crflink in")
	}
}
