package retire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
)

// Names of the files that a retirement leaves in the state folder.
const (
	MarkFile        = "retirement.json"
	CertificateJSON = "retirement-certificate.json"
	CertificateText = "retirement-certificate.txt"
)

// ErrRetired is wrapped where a study that was retired, or whose retirement has begun, is to be used.
var ErrRetired = errors.New("the study is retired")

// Order says who ends a study and why.
type Order struct{ By, Reason string }

// Parts are what a retirement works with. The caller has opened them and closes them.
type Parts struct {
	Study  *pipeline.Study
	Ledger ecrf.Ledger
	Vault  *pseudonym.Vault
	Audit  *audit.Recorder
	Clock  func() time.Time
}

// Check returns an error when the study of the state folder is retired or being retired.
func Check(state string) error {
	mark, err := readMark(state)
	if err != nil || mark == nil {
		return err
	}
	if mark.Finished == nil {
		return fmt.Errorf("%w: its retirement began on %s and was not finished; run crflink retire again", ErrRetired, mark.Began.Format(time.DateOnly))
	}
	return fmt.Errorf("%w since %s; its certificate lies in %s", ErrRetired, mark.Finished.Format(time.DateOnly), filepath.Join(state, CertificateText))
}

// Survey returns the certificate as it would begin: what is there to be erased. It changes nothing.
func Survey(ctx context.Context, p Parts, order Order) (*Certificate, error) {
	if mark, err := readMark(p.Study.State); err != nil || mark != nil {
		return mark, err
	}
	c := &Certificate{
		Format: 1, Study: p.Study.ID, Title: p.Study.Title, Version: p.Study.Version, By: order.By, Reason: order.Reason, Began: p.Clock().UTC().Truncate(time.Second),
		Approvals: p.Study.Authorisation.Numbers(),
	}
	for book, err := range p.Ledger.Casebooks(ctx) {
		if err != nil {
			return nil, err
		}
		c.Erased.Subjects++
		c.Erased.Cells += len(book.Cells)
	}
	for _, err := range p.Vault.Subjects(ctx) {
		if err != nil {
			return nil, err
		}
		c.Erased.VaultRows++
	}
	var err error
	if c.Before, err = files(p.Study.State); err != nil {
		return nil, err
	}
	c.Open = tasks(p.Study)
	return c, nil
}

// Retire erases the study and returns the certificate. Doing it again finishes what was interrupted, and changes nothing of a
// certificate that is complete.
func Retire(ctx context.Context, p Parts, order Order) (*Certificate, error) {
	c, err := Survey(ctx, p, order)
	if err != nil {
		return nil, err
	}
	if c.Finished != nil {
		return c, c.write(p.Study.State)
	}
	if err := c.mark(p.Study.State); err != nil {
		return nil, err
	}
	if err := p.forget(ctx); err != nil {
		return nil, err
	}
	if _, err := p.Vault.Retire(ctx); err != nil {
		return nil, fmt.Errorf("erase the vault's rows: %w", err)
	}
	if err := c.clear(p.Study.State); err != nil {
		return nil, err
	}
	if err := p.record(ctx, c); err != nil {
		return nil, err
	}
	finished := p.Clock().UTC().Truncate(time.Second)
	c.Finished = &finished
	if err := c.write(p.Study.State); err != nil {
		return nil, err
	}
	return c, c.mark(p.Study.State)
}

// forget removes every subject from the ledger.
func (p *Parts) forget(ctx context.Context) error {
	var subjects []string
	for known, err := range p.Ledger.Standings(ctx) {
		if err != nil {
			return err
		}
		subjects = append(subjects, known.Subject)
	}
	if _, err := p.Ledger.Forget(ctx, subjects...); err != nil {
		return fmt.Errorf("erase the ledger: %w", err)
	}
	names, err := p.Ledger.WithdrawnNames(ctx)
	if err != nil {
		return err
	}
	for withdrawal := range names { // who withdrew, and about whom a task is open
		if err := p.Ledger.UnnameWithdrawn(ctx, withdrawal); err != nil {
			return fmt.Errorf("erase the ledger: %w", err)
		}
	}
	return nil
}

// record writes the end of the study into its audit, once, and notes where that stands.
func (p *Parts) record(ctx context.Context, c *Certificate) error {
	if p.Audit == nil {
		return nil
	}
	if c.AuditHead == "" {
		if err := p.Audit.Record(ctx, audit.Event{Kind: audit.Retired, Detail: c}); err != nil {
			return fmt.Errorf("record the retirement: %w", err)
		}
	}
	head, err := p.Audit.Head(ctx)
	if err != nil {
		return fmt.Errorf("the audit's head: %w", err)
	}
	c.AuditHead = head.String()
	return c.mark(p.Study.State)
}

// clear removes the files beside the databases that hold something about subjects. What the program does not know it leaves,
// as a task: the folder may be used for other things, too.
func (c *Certificate) clear(state string) error {
	entries, err := os.ReadDir(state)
	if err != nil {
		return fmt.Errorf("the state folder: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case slices.Contains(kept, name):
		case known(name):
			if err := os.RemoveAll(filepath.Join(state, name)); err != nil {
				return fmt.Errorf("erase %s: %w", name, err)
			}
			if !slices.Contains(c.Erased.Files, name) {
				c.Erased.Files = append(c.Erased.Files, name)
			}
		default:
			c.task(Task{What: "look at what lies in the state folder and is not of crflink, and erase it if it is about subjects", Where: name})
		}
	}
	return nil
}

// kept are the files that stay: the databases without their content, the lock, and what a retirement leaves.
var kept = []string{"vault.db", "vault.db-wal", "vault.db-shm", "ledger.db", "ledger.db-wal", "ledger.db-shm", "study.lock", MarkFile, CertificateJSON, CertificateText}

// known reports whether a file of the state folder is one that crflink makes about subjects.
func known(name string) bool {
	for _, pattern := range []string{"crflink-spool-*", ".*.partial", "withdrawal*", "imaging*", "uid-map*", "restricted*", "*.journal", "*.jsonl", "*.sealed", "parted-*", "*.moved"} {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// tasks are what crflink cannot erase: what was delivered, where it lies and with whoever received it.
func tasks(study *pipeline.Study) []Task {
	var all []Task
	due := ""
	if study.Authorisation != nil {
		due = study.Authorisation.EraseBy.String()
	}
	add := func(output, where string) {
		all = append(all, Task{What: "erase what was delivered, and its backups", Where: output + ": " + where, Due: due})
		for _, r := range study.Authorisation.RecipientsOf(output) {
			all = append(all, Task{What: "have the recipient erase what they received, and confirm it", Where: output, Who: r.Name, Contact: r.Contact, Due: due})
		}
	}
	for _, t := range study.Targets {
		add(t.Name, t.Path)
	}
	if study.Imaging.Folder != "" {
		add(authorisation.ImagingOutput, study.Imaging.Folder)
	}
	if len(study.Authorisation.RecipientsOf(authorisation.ExportOutput)) > 0 {
		add(authorisation.ExportOutput, "every research package that was written")
	}
	return append(all,
		Task{What: "let the backups of the state folder and of the vault's key expire", Where: "backups", Due: due},
		Task{What: "destroy the vault's key when the audit need not be checked any more", Where: "the vault's key"})
}

// files lists what lies in the folder, with sizes and hashes.
func files(folder string) ([]File, error) {
	var all []File
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		c, err := atomicfile.ContentOf(path)
		name, _ := filepath.Rel(folder, path)
		all = append(all, File{filepath.ToSlash(name), c.SHA256, c.Size})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the state folder: %w", err)
	}
	return all, nil
}

func readMark(state string) (*Certificate, error) {
	text, err := os.ReadFile(filepath.Join(state, MarkFile)) // #nosec G304 -- the study's own state folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the mark of the retirement: %w", err)
	}
	c := &Certificate{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("the mark of the retirement in %s cannot be read: %w", state, err)
	}
	return c, nil
}

// mark stores how far the retirement is.
func (c *Certificate) mark(state string) error { return c.store(filepath.Join(state, MarkFile)) }

func (c *Certificate) store(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write the certificate: %w", err)
	}
	return replace(path, append(text, '\n'))
}

func replace(path string, text []byte) error {
	_, err := atomicfile.Replace(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	return err
}
