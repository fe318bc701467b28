package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pipeline"
	vaultstore "github.com/crflink/crflink/store/vault"
)

func moveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "move STUDY.yaml",
		Short: "Move the vault from its file into the PostgreSQL that the study file names",
		Long: `Say in the study file where the vault is to be (vault: {postgres: …}), then run this once. Everything is copied in one transaction
and compared by a checksum over every row; the key has to open both. The file is kept as vault.db.moved: it still is the
vault, so erase it when the backups of the database work. An interrupted move is done again.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return moveVault(cmd, args[0]) },
	}
}

func moveVault(cmd *cobra.Command, file string) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	old := filepath.Join(study.State, "vault.db")
	if _, err := os.Stat(old); err != nil || study.Vault == nil {
		return fmt.Errorf("there is nothing to move: it takes %s, and vault: {postgres: …} in the study file", old)
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := o.lock(cmd.Context()); err != nil {
		return err
	}
	moved, err := o.move(cmd, old)
	if err != nil {
		return err
	}
	if err := errors.Join(o.vault(cmd.Context()), o.ledger(cmd.Context()), o.audit(cmd.Context())); err != nil {
		return err
	}
	if err := o.changed(cmd.Context(), audit.VaultChange{What: "moved"}, ""); err != nil {
		return err
	}
	if err := os.Rename(old, old+".moved"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `%d subjects and %d identities are in PostgreSQL; both vaults have the checksum %s.
The file is now %s.moved. It still is a vault: erase it when the database's backups work.
`, moved.Subjects, moved.Identities, moved.Checksum, old)
	return err
}

// move copies the vault's rows. The key has to open what it moves.
func (o *opened) move(cmd *cobra.Command, old string) (moved vaultstore.Moved, err error) {
	ctx := cmd.Context()
	key, err := vaultKey(o.Study)
	if err != nil {
		return moved, err
	}
	from, err := vaultstore.Open(ctx, old)
	if err != nil {
		return moved, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if _, err := openVault(ctx, from, key, o.Study); err != nil {
		return moved, err
	}
	to, err := openRows(ctx, o.Study)
	if err != nil {
		return moved, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return vaultstore.Move(ctx, from, to)
}
