package retire

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Certificate says what became of a study's data. It names no subject.
type Certificate struct {
	Format    int        `json:"format"`
	Study     string     `json:"study"`
	Title     string     `json:"title,omitempty"`
	Version   string     `json:"version"`
	Approvals []string   `json:"approvals,omitempty"`
	By        string     `json:"by"`
	Reason    string     `json:"reason"`
	Began     time.Time  `json:"began"`
	Finished  *time.Time `json:"finished,omitempty"`
	Before    []File     `json:"filesBefore"` // of the state folder
	Erased    Erased     `json:"erased"`
	AuditHead string     `json:"auditHead,omitempty"`
	Open      []Task     `json:"openTasks"`
}

// Erased counts what was erased.
type Erased struct {
	Subjects  int      `json:"subjects"`      // of the ledger
	Cells     int      `json:"cells"`         // of the ledger
	VaultRows int      `json:"vaultSubjects"` // numbers and secrets
	Files     []string `json:"files,omitempty"`
}

// File is a file as it was before.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Task is what a person has still to do.
type Task struct {
	What    string `json:"what"`
	Where   string `json:"where"`
	Who     string `json:"who,omitempty"`
	Contact string `json:"contact,omitempty"`
	Due     string `json:"due,omitempty"` // YYYY-MM-DD
}

func (c *Certificate) task(t Task) {
	if !slices.Contains(c.Open, t) {
		c.Open = append(c.Open, t)
	}
}

// write stores the certificate in both forms.
func (c *Certificate) write(state string) error {
	if err := c.store(filepath.Join(state, CertificateJSON)); err != nil {
		return err
	}
	return replace(filepath.Join(state, CertificateText), []byte(c.String()))
}

// String is the certificate for people.
func (c *Certificate) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Retirement of the study %s %s\n", c.Study, c.Version)
	if c.Title != "" {
		fmt.Fprintf(&b, "%s\n", c.Title)
	}
	fmt.Fprintf(&b, "\nby         %s\nreason     %s\nbegan      %s\n", c.By, c.Reason, c.Began.Format(time.RFC3339))
	if c.Finished != nil {
		fmt.Fprintf(&b, "finished   %s\n", c.Finished.Format(time.RFC3339))
	} else {
		b.WriteString("finished   no\n")
	}
	for _, a := range c.Approvals {
		fmt.Fprintf(&b, "approval   %s\n", a)
	}
	if c.AuditHead != "" {
		fmt.Fprintf(&b, "audit      ends with entry %s\n", c.AuditHead)
	}
	verb := "Erased"
	if c.Finished == nil {
		verb = "To be erased"
	}
	fmt.Fprintf(&b, "\n%s\n  %d subjects with %d cells of the ledger\n", verb, c.Erased.Subjects, c.Erased.Cells)
	fmt.Fprintf(&b, "  %d subjects of the vault: numbers, secrets and what leads to them\n", c.Erased.VaultRows)
	for _, name := range c.Erased.Files {
		fmt.Fprintf(&b, "  %s\n", name)
	}
	b.WriteString("\nFiles before (SHA-256, bytes)\n")
	for _, f := range c.Before {
		fmt.Fprintf(&b, "  %s %10d %s\n", f.SHA256, f.Size, f.Name)
	}
	b.WriteString("\nStays\n  the audit, whose entries about subjects cannot be read any more, and the vault's file with the keys of its chain\n  the counts and input hashes of runs\n")
	b.WriteString("\nStill to be done\n")
	for _, t := range c.Open {
		fmt.Fprintf(&b, "  [ ] %s: %s\n", t.Where, t.What)
		if t.Who != "" {
			fmt.Fprintf(&b, "      %s %s\n", t.Who, t.Contact)
		}
		if t.Due != "" {
			fmt.Fprintf(&b, "      by %s\n", t.Due)
		}
	}
	return b.String()
}
