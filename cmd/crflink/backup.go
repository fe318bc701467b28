package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/journal"
)

// backupSums lists the files of a backup's folder with their SHA-256, as sha256sum --check reads it.
const backupSums = "SHA256SUMS"

func backupCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "backup STUDY.yaml --to FOLDER",
		Short: "Copy a study's state, consistently and checked",
		Long: `Copies what lies in the study's state folder into a new folder, between two runs: the databases as of one moment and looked
through, the journal of withdrawals, and all other files. They lie in three folders, because they belong into different hands:
ledger, vault and journal. Each has a list of checksums (sha256sum --check SHA256SUMS). The vault's key is not part of it, nor is
what lies in PostgreSQL.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return backup(cmd, args[0], to) },
	}
	cmd.Flags().StringVar(&to, "to", "", "a folder that does not exist yet")
	return cmd
}

func backup(cmd *cobra.Command, file, to string) (err error) {
	if to == "" {
		return errors.New("say where the copy belongs: --to FOLDER")
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if err := needsLedger(cmd.Context(), study, fmt.Errorf("there is no state of the study in %s: nothing to copy", study.State)); err != nil {
		return err
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := o.lock(cmd.Context()); err != nil {
		return err
	}
	c := &copying{from: study.State, to: to, secret: keyFiles(study.Key), out: cmd.OutOrStdout()}
	if err := c.all(cmd.Context()); err != nil {
		return coded{exitServer, fmt.Errorf("nothing was copied to %s: %w", to, err)}
	}
	return copiedElsewhere(cmd.ErrOrStderr(), study)
}

// copiedElsewhere says what of the study is not in its state folder.
func copiedElsewhere(w io.Writer, study *pipeline.Study) error {
	for _, part := range []struct {
		name  string
		there bool
	}{{"vault", study.Vault != nil}, {"ledger", study.Ledger != nil}} {
		if !part.there {
			continue
		}
		if _, err := fmt.Fprintf(w, "The %s lies in PostgreSQL and is not part of the copy: have it copied there.\n", part.name); err != nil {
			return err
		}
	}
	return nil
}

// copying is a backup under way. It grows beside its place and is moved there when it is whole.
type copying struct {
	from, to string
	part     string
	secret   []string            // files that are not copied
	sums     map[string][]string // lines of backupSums by folder
	out      io.Writer
}

func (c *copying) all(ctx context.Context) (err error) {
	if _, err := os.Stat(c.to); err == nil {
		return errors.New("it is there already; name a new folder")
	}
	c.part, c.sums = c.to+".partial", map[string][]string{}
	if err := errors.Join(os.RemoveAll(c.part), os.MkdirAll(c.part, 0o700)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.part)) }()
	entries, err := os.ReadDir(c.from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.entry(ctx, e); err != nil {
			return err
		}
	}
	if err := c.list(); err != nil {
		return err
	}
	return os.Rename(c.part, c.to)
}

// place says in which folder of the backup a file of the state folder belongs; none is "".
func place(e os.DirEntry) string {
	name := e.Name()
	switch {
	case !e.Type().IsRegular(), name == lockFile, strings.HasSuffix(name, "-wal"), strings.HasSuffix(name, "-shm"):
		return ""
	case name == journal.FileName:
		return "journal"
	case name == vaultFile:
		return "vault"
	}
	return "ledger"
}

func (c *copying) entry(ctx context.Context, e os.DirEntry) error {
	folder := place(e)
	if folder == "" || c.isSecret(e) {
		return nil
	}
	from, to := filepath.Join(c.from, e.Name()), filepath.Join(c.part, folder, e.Name())
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	content, err := c.copyTo(ctx, from, to)
	if err != nil {
		return err
	}
	c.sums[folder] = append(c.sums[folder], content.SHA256+"  "+e.Name()+"\n")
	_, err = fmt.Fprintf(c.out, "%s  %d bytes\n", filepath.Join(folder, e.Name()), content.Size)
	return err
}

// keyFiles are the files that the vault's key comes from.
func keyFiles(key *pipeline.KeySpec) []string {
	if key == nil {
		return nil
	}
	return append([]string{key.File, key.Age, key.Identity, key.PassphraseFile}, keyFiles(key.Next)...)
}

// isSecret reports whether an entry of the state folder is where the key comes from.
func (c *copying) isSecret(e os.DirEntry) bool {
	info, err := e.Info()
	return err == nil && slices.ContainsFunc(c.secret, func(path string) bool {
		other, err := os.Stat(path)
		return path != "" && err == nil && os.SameFile(info, other)
	})
}

// list writes each folder's checksums.
func (c *copying) list() error {
	for folder, lines := range c.sums {
		slices.Sort(lines)
		if err := os.WriteFile(filepath.Join(c.part, folder, backupSums), []byte(strings.Join(lines, "")), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copyTo copies a database as of one moment, any other file as it is.
func (*copying) copyTo(ctx context.Context, from, to string) (atomicfile.Content, error) {
	if strings.HasSuffix(from, ".db") {
		if err := store.Snapshot(ctx, from, to); err != nil {
			return atomicfile.Content{}, err
		}
		return atomicfile.ContentOf(to)
	}
	in, err := os.Open(from) // #nosec G304 -- a file of the study's state folder
	if err != nil {
		return atomicfile.Content{}, err
	}
	defer func() { _ = in.Close() }() // read only
	return atomicfile.Replace(to, func(out io.Writer) error {
		_, err := io.Copy(out, in)
		return err
	})
}
