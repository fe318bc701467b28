package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/database"
	"github.com/crflink/crflink/store/postgres"
)

// ledgerFile is the ledger's name in a study's state folder; movedSuffix is added when it has been moved to PostgreSQL.
const (
	ledgerFile  = "ledger.db"
	movedSuffix = ".moved"
)

func ledgerPath(study *pipeline.Study) string { return filepath.Join(study.State, ledgerFile) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rightLedger refuses to go on in one of two ledgers by accident: in a file that was moved to PostgreSQL, or in PostgreSQL beside a file that
// was not.
func rightLedger(study *pipeline.Study) error {
	path := ledgerPath(study)
	switch {
	case study.Ledger == nil && !exists(path) && exists(path+movedSuffix):
		return fmt.Errorf("the study's ledger was moved to PostgreSQL: write ledger: {postgres: …} into %s, as crflink migrate said", study.File)
	case study.Ledger != nil && exists(path):
		return fmt.Errorf("%s names a ledger in PostgreSQL, and there still is one in %s: move it there with crflink migrate", study.File, path)
	}
	return nil
}

// hasLedger reports whether the study was synchronised before.
func hasLedger(ctx context.Context, study *pipeline.Study) (bool, error) {
	if err := rightLedger(study); err != nil || study.Ledger == nil {
		return exists(ledgerPath(study)), err
	}
	place, err := ledgerPlace(study.Ledger)
	if err != nil {
		return false, err
	}
	look, err := place.Look(ctx)
	if err != nil {
		return false, coded{exitServer, err}
	}
	return look.Made, nil
}

// needsLedger refuses a study that was not synchronised before.
func needsLedger(ctx context.Context, study *pipeline.Study, refusal error) error {
	has, err := hasLedger(ctx, study)
	if err == nil && !has {
		return refusal
	}
	return err
}

// noLedger is the refusal of commands that read what a sync has stored.
func noLedger(study *pipeline.Study) error {
	return coded{exitNothing, fmt.Errorf("%s holds no ledger: run crflink sync first", study.State)}
}

func ledgerPlace(spec *pipeline.LedgerSpec) (store.Place, error) {
	address, err := databaseAddress(spec.Postgres, spec.CA, spec.Password)
	if err != nil {
		return store.Place{}, fmt.Errorf("the ledger's password: %w", err)
	}
	place := store.Place{Address: address, Schema: spec.Schema}
	return place, place.Check()
}

// databaseAddress is a database of PostgreSQL with the password by which it is entered.
func databaseAddress(url, ca string, password pipeline.SecretSpec) (postgres.Address, error) {
	secret, err := secretOf(password)
	return postgres.Address{URL: url, CA: ca, Password: secret.Reveal()}, err
}

func (o *opened) ledger(ctx context.Context) error {
	if err := rightLedger(o.Study); err != nil {
		return err
	}
	if o.Study.Ledger != nil {
		return o.postgresLedger(ctx, o.Study.Ledger)
	}
	ledger, err := store.OpenLedger(ctx, ledgerPath(o.Study), o.Study.Dictionary)
	if err != nil {
		return err
	}
	o.Ledger, o.log = ledger, ledger.Audit()
	o.closers = append(o.closers, ledger)
	return nil
}

func (o *opened) postgresLedger(ctx context.Context, spec *pipeline.LedgerSpec) error {
	place, err := ledgerPlace(spec)
	if err != nil {
		return err
	}
	ledger, err := store.OpenPostgres(ctx, place, o.Study.Dictionary)
	if errors.Is(err, database.ErrNewer) || errors.Is(err, store.ErrOtherStudy) {
		return err
	}
	if err != nil {
		return coded{exitServer, err}
	}
	o.Ledger, o.log = ledger, ledger.Audit()
	o.closers = append(o.closers, ledger)
	if !o.locked {
		return nil
	}
	return holdRun(ctx, ledger)
}

// holdRun keeps runs on other machines away, which have another state folder to lock.
func holdRun(ctx context.Context, ledger *store.Postgres) error {
	err := ledger.HoldRun(ctx)
	if errors.Is(err, store.ErrRunUnderWay) {
		return coded{exitServer, fmt.Errorf("%w, on another machine: %w; wait for its end", errUnderWay, err)}
	}
	return withCode(exitServer, err)
}
