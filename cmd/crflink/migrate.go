package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
)

func migrateCommand() *cobra.Command {
	var to pipeline.LedgerSpec
	cmd := &cobra.Command{
		Use:   "migrate STUDY.yaml --to postgres://ROLE@HOST/DATABASE",
		Short: "Move the ledger from its file into PostgreSQL",
		Long: `Moves the ledger of a study, with its audit, runs, queries, approvals and all that stands there, from the file in the state folder
into a schema of PostgreSQL, and says what to write into the study file then. Everything is copied in one transaction, row by row, and compared by
a checksum over every row, by the dump of both ledgers, and by the audit's chain and the vault's anchor. The schema is made when it is
missing; one that holds something else is refused. An interrupted migration is done again. The file is kept as ledger.db.moved, which
still is a ledger: erase it when the backups of the database work.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return migrate(cmd, args[0], to) },
	}
	flags := cmd.Flags()
	flags.StringVar(&to.Postgres, "to", "", "the database, without a password")
	flags.StringVar(&to.Schema, "schema", "", "the study's own schema there; usually ledger_ and the study's id")
	flags.StringVar(&to.Password.Env, "password-env", "", "the environment variable with the password")
	flags.StringVar(&to.Password.File, "password-file", "", "the file with the password, of mode 0600")
	flags.StringVar(&to.CA, "ca", "", "PEM file of the authority of the server's certificate")
	cmd.MarkFlagsMutuallyExclusive("password-env", "password-file")
	return cmd
}

func migrate(cmd *cobra.Command, file string, to pipeline.LedgerSpec) (err error) {
	if to.Postgres == "" {
		return errors.New("say where the ledger is to be: --to postgres://ROLE@HOST/DATABASE")
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if to.Schema == "" {
		to.Schema = study.LedgerSchema()
	}
	if is := study.Ledger; is != nil && (is.Postgres != to.Postgres || is.Schema != to.Schema) {
		return fmt.Errorf("%s names another ledger than --to and --schema: schema %s of %s", file, is.Schema, is.Postgres)
	}
	path := ledgerPath(study)
	if !exists(path) && !exists(path+movedSuffix) {
		return fmt.Errorf("there is nothing to move: %s is not there", path)
	}
	for _, name := range []*string{&to.Password.File, &to.CA} { // the study file may lie elsewhere
		if *name == "" {
			continue
		}
		if *name, err = filepath.Abs(*name); err != nil {
			return err
		}
	}
	place, err := ledgerPlace(&to)
	if err != nil {
		return err
	}
	m := &migration{opened: opened{Parts: pipeline.Parts{Study: study}}, place: place, file: path}
	defer func() { err = errors.Join(err, m.Close()) }()
	done, err := m.do(cmd.Context())
	if err != nil {
		return err
	}
	return migrated(cmd.OutOrStdout(), m, done, to)
}

// migration is a ledger on its way into PostgreSQL.
type migration struct {
	opened
	place store.Place
	file  string
	sound bool // the audit, before and after
}

// do moves the ledger unless that was done before. The file is put aside when everything has been compared, and the audit tells of it then: in an
// entry that the file does not have.
func (m *migration) do(ctx context.Context) (done audit.LedgerMove, err error) {
	if err := errors.Join(m.lock(ctx), m.rightPlace(ctx)); err != nil {
		return done, err
	}
	if err := m.vault(ctx); err != nil {
		return done, err
	}
	if exists(m.file) {
		if done, err = m.copy(ctx); err != nil {
			return done, err
		}
	} else if err := m.openTarget(ctx); err != nil {
		return done, err
	}
	if err := m.audit(ctx); err != nil {
		return done, err
	}
	return done, m.tell(ctx, done)
}

// rightPlace refuses a place without the ledger that was moved before.
func (m *migration) rightPlace(ctx context.Context) error {
	look, err := m.place.Look(ctx)
	if err != nil {
		return coded{exitServer, err}
	}
	if !exists(m.file) && !look.Made {
		return fmt.Errorf("the ledger was moved before (%s%s), but not to schema %s there", m.file, movedSuffix, m.place.Schema)
	}
	return nil
}

// copy moves the ledger, compares both and puts the file aside.
func (m *migration) copy(ctx context.Context) (done audit.LedgerMove, err error) {
	from, err := store.OpenLedger(ctx, m.file, m.Study.Dictionary)
	if err != nil {
		return done, err
	}
	defer func() {
		if from != nil {
			err = errors.Join(err, from.Close())
		}
	}()
	before, err := audit.Verify(ctx, from.Audit(), m.Vault)
	if err != nil {
		return done, err
	}
	moved, err := store.Move(ctx, from, m.place)
	if errors.Is(err, store.ErrNotEmpty) {
		return done, err
	}
	if err != nil {
		return done, coded{exitServer, fmt.Errorf("nothing was moved: %w", err)}
	}
	if err := m.openTarget(ctx); err != nil {
		return done, err
	}
	if err := m.compare(ctx, from, before); err != nil {
		return done, coded{exitServer, fmt.Errorf("%w; the file is as it was, and still the study's ledger", err)}
	}
	err, from = from.Close(), nil
	if err == nil {
		err = m.putAside()
	}
	return audit.LedgerMove{Checksum: moved.Checksum, Rows: moved.Rows}, err
}

// openTarget opens the ledger in PostgreSQL, as the only run there.
func (m *migration) openTarget(ctx context.Context) error {
	ledger, err := store.OpenPostgres(ctx, m.place, m.Study.Dictionary)
	if err != nil {
		return err
	}
	m.closers = append(m.closers, ledger)
	m.Ledger, m.log = ledger, ledger.Audit()
	return holdRun(ctx, ledger)
}

// compare reads both ledgers as runs do, and the audit as its verification does.
func (m *migration) compare(ctx context.Context, from *store.Ledger, before *audit.Report) error {
	here, err := dumpSum(ctx, from)
	if err != nil {
		return err
	}
	there, err := dumpSum(ctx, m.Ledger)
	if err != nil {
		return err
	}
	if here != there {
		return errors.New("the ledger in PostgreSQL reads otherwise than the one in the file")
	}
	after, err := audit.Verify(ctx, m.log, m.Vault)
	if err != nil {
		return err
	}
	if m.sound = after.Sound(); m.sound != before.Sound() || after.Head != before.Head || after.Entries != before.Entries || after.Faults != before.Faults {
		return errors.New("the audit's chain is not the one that it was")
	}
	return nil
}

func dumpSum(ctx context.Context, l ecrf.Ledger) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	if err := ecrf.Dump(ctx, h, l); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// putAside renames the file, which is whole: a write-ahead log that is left would mean that somebody has it open.
func (m *migration) putAside() error {
	if exists(m.file + "-wal") {
		return coded{exitServer, fmt.Errorf("another program has %s open: end it and run this again", m.file)}
	}
	return os.Rename(m.file, m.file+movedSuffix)
}

// tell records the move, once.
func (m *migration) tell(ctx context.Context, done audit.LedgerMove) error {
	for e, err := range m.log.Entries(ctx, 0) {
		if err != nil {
			return err
		}
		if e.Kind == audit.LedgerMoved {
			return nil
		}
	}
	return m.Audit.Record(ctx, audit.Event{Kind: audit.LedgerMoved, Detail: done})
}

// migrated says what was done, and what is to be done now.
func migrated(w io.Writer, m *migration, done audit.LedgerMove, to pipeline.LedgerSpec) error {
	var b strings.Builder
	if done.Checksum == "" {
		fmt.Fprintf(&b, "The ledger was moved before.\n")
	} else {
		fmt.Fprintf(&b, "%d subjects, %d cells, %d runs and %d entries of the audit are in schema %s; both ledgers have the checksum %s and read the same.\n",
			done.Rows["subject"], done.Rows["cell"], done.Rows["run"], done.Rows["audit"], m.place.Schema, done.Checksum)
		if m.sound {
			b.WriteString("The audit is sound, and its end is the one that the vault knows.\n")
		} else {
			b.WriteString("The audit is as it was: not sound. crflink audit verify says why.\n")
		}
	}
	fmt.Fprintf(&b, "The file is now %s%s. It still is a ledger: erase it when the database's backups work.\n", m.file, movedSuffix)
	if m.Study.Ledger == nil {
		fmt.Fprintf(&b, "Now write into %s:\n\n%s", m.Study.File, ledgerLines(to))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ledgerLines are the lines of a study file that name the ledger.
func ledgerLines(to pipeline.LedgerSpec) string {
	var b strings.Builder
	b.WriteString("ledger:\n")
	for _, line := range [][2]string{{"postgres", to.Postgres}, {"schema", to.Schema}, {"password-env", to.Password.Env}, {"password-file", to.Password.File}, {"ca", to.CA}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "  %s: %s\n", line[0], strconv.Quote(line[1]))
		}
	}
	return b.String()
}
