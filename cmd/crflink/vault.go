package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	vaultstore "github.com/crflink/crflink/store/vault"
)

// vaultFile is the vault's name in a study's state folder.
const vaultFile = "vault.db"

func vaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Care for the vault of a study",
		Long:  "The vault holds the study's numbers and the secrets behind all pseudonyms.\n" + exitHelp,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "rotate STUDY.yaml",
		Short: "Seal the vault under another key",
		Long: `Seals every value of the vault under the key that key: {next: …} of the study file names. Subject numbers and all pseudonyms
stay as they are. It happens as a whole or not at all; when it was interrupted, run it again. While next stands in the
study file, every command opens the vault by either key.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return rotate(cmd, args[0]) },
	}, joinCommand(), partCommand(), moveCommand())
	return cmd
}

func rotate(cmd *cobra.Command, file string) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	next, err := nextKey(study)
	if err != nil {
		return err
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	defer func() { err = errors.Join(err, o.Close()) }()
	rows, err := o.vaultToChange(cmd.Context())
	if err != nil {
		return err
	}
	if err := errors.Join(o.ledger(cmd.Context()), o.audit(cmd.Context())); err != nil {
		return err
	}
	subjects, err := o.Vault.Rotate(cmd.Context(), next)
	if err != nil {
		return err
	}
	if _, err := pseudonym.OpenVault(cmd.Context(), rows, next, study.ID); err != nil {
		return fmt.Errorf("after the rotation: %w", err)
	}
	if err := o.changed(cmd.Context(), audit.VaultChange{What: "key-rotated"}, ""); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `The vault's %d subjects are sealed under the new key; their numbers are as they were.
Now put what stands under key: next: in %s in the place of the old key, and keep the old key as long as there are backups from before.
`, subjects, file)
	return err
}

// vaultToChange opens the study's vault, which must be there, and keeps runs away meanwhile.
func (o *opened) vaultToChange(ctx context.Context) (*vaultstore.Store, error) {
	if err := o.lock(ctx); err != nil {
		return nil, err
	}
	key, err := vaultKey(o.Study)
	if err != nil {
		return nil, err
	}
	rows, err := o.vaultRows(ctx)
	if err != nil {
		return nil, err
	}
	o.Vault, err = openVault(ctx, rows, key, o.Study)
	return rows, err
}

// changed records what was done to the vault; number is "" where it is about no single subject.
func (o *opened) changed(ctx context.Context, what audit.VaultChange, number string) error {
	event := audit.Event{Kind: audit.VaultChanged, Detail: what}
	if number != "" {
		var err error
		if event.Subject, err = o.Vault.SubjectOf(ctx, number); err != nil {
			return err
		}
	}
	return o.Audit.Record(ctx, event)
}

// vault opens the study's vault, and makes it for a study that has none.
func (o *opened) vault(ctx context.Context) error {
	rows, key, err := o.knownVault(ctx)
	if errors.Is(err, pseudonym.ErrEmptyVault) {
		o.Vault, err = o.newVault(ctx, rows, key)
	}
	return err
}

// knownVault opens a vault that is there; pseudonym.ErrEmptyVault where there is none.
func (o *opened) knownVault(ctx context.Context) (rows *vaultstore.Store, key pseudonym.Key, err error) {
	if key, err = vaultKey(o.Study); err != nil {
		return nil, key, err
	}
	if rows, err = o.vaultRows(ctx); err != nil {
		return nil, key, err
	}
	o.Vault, err = openVault(ctx, rows, key, o.Study)
	return rows, key, err
}

// vaultRows opens where the vault's rows lie.
func (o *opened) vaultRows(ctx context.Context) (*vaultstore.Store, error) {
	if err := os.MkdirAll(o.Study.State, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for the study's state: %w", err)
	}
	rows, err := openRows(ctx, o.Study)
	if err != nil {
		return nil, err
	}
	o.closers = append(o.closers, rows)
	return rows, nil
}

func openRows(ctx context.Context, study *pipeline.Study) (*vaultstore.Store, error) {
	spec := study.Vault
	if spec == nil {
		return vaultstore.Open(ctx, filepath.Join(study.State, vaultFile))
	}
	address, err := vaultAddress(spec)
	if err != nil {
		return nil, err
	}
	return vaultstore.OpenPostgres(ctx, address)
}

// openVault opens the vault by its key, or by the one to which it is being rotated.
func openVault(ctx context.Context, rows pseudonym.VaultStore, key pseudonym.Key, study *pipeline.Study) (*pseudonym.Vault, error) {
	vault, err := pseudonym.OpenVault(ctx, rows, key, study.ID)
	if !errors.Is(err, pseudonym.ErrWrongKey) || study.Key == nil || study.Key.Next == nil {
		return vault, err
	}
	next, nextErr := nextKey(study)
	if nextErr != nil {
		return nil, errors.Join(err, nextErr)
	}
	return pseudonym.OpenVault(ctx, rows, next, study.ID)
}

// newVault creates the vault of a study that has no ledger yet. A ledger without its vault means that the vault was
// lost: numbers issued anew would give known patients a second identity.
func (o *opened) newVault(ctx context.Context, rows *vaultstore.Store, key pseudonym.Key) (*pseudonym.Vault, error) {
	has, err := hasLedger(ctx, o.Study)
	if err != nil {
		return nil, err
	}
	if has {
		return nil, fmt.Errorf("%w: study %s has a ledger but its vault is empty; restore the vault from its backup", pseudonym.ErrEmptyVault, o.Study.ID)
	}
	return pseudonym.CreateVault(ctx, rows, key, o.Study.ID)
}
