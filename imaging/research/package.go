package research

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/imaging"
)

// Package is what goes into a research package, and what is said about it.
type Package struct {
	Study      Study
	Program    string // version of crflink
	Run        int64  // of which the data are
	AsOf       string // of the run, RFC 3339
	Inputs     map[string]string
	Approvals  []string
	Recipients []string
	Notices    []string
	Anonymity  *Anonymity // nil when the study names no quasi-identifiers

	Delivery ecrf.Delivery // dictionary and casebooks of those who may be in the package
	// Links are the imaging studies of a subject.
	Links func(ecrf.Facts) ([]imaging.Link, error)
	// Encrypt encrypts to everybody who receives the package; nil leaves it readable.
	Encrypt func(io.Writer) (io.WriteCloser, error)
}

// Study names the study.
type Study struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Version    string   `json:"version"`
	Dates      string   `json:"dates"`                 // none, shift or relative
	IndexEvent string   `json:"index_event,omitempty"` // from which imaging sessions count their days
	Provider   Provider `json:"provider,omitzero"`
}

// Provider is who hands the package out and answers questions about it; zero where the study does not say.
type Provider struct {
	Name    string `json:"name"`
	Contact string `json:"contact,omitempty"` // such as a mail address
	URL     string `json:"url,omitempty"`     // an https address that identifies the organisation, such as its ROR id
}

func (p Provider) String() string {
	if p.Contact == "" {
		return p.Name
	}
	return p.Name + ", " + p.Contact
}

func (s *Study) title() string {
	if s.Title == "" {
		return s.ID
	}
	return s.Title
}

// Written is what a package came to.
type Written struct {
	Files    []File
	Subjects int
	Sessions int
	Series   int
	Ready    map[string]int // PET and SPECT series by status
	Cells    int
	Unfit    map[string]int // cells by form.item that are no value of the item, and therefore not in the table of the form
	Unknown  int            // cells of forms and items that the dictionary does not have any more
	Risk     RiskReport
}

// writer is a package under way.
type writer struct {
	*Package
	*folder
	tables   []*Table
	sheets   []*sheet
	clinical clinical
	rarity   *rarity
	uids     []string
	out      Written

	participants, sessions, series, suv *sheet
}

// Write writes the package into a folder that is not there, or empty. On an error nothing is there. admit is called when
// everything is written and before it is in its place; its error keeps the package from being there.
func (p *Package) Write(ctx context.Context, path string, admit func(*Written) error) (*Written, error) {
	f, err := beginFolder(path)
	if err != nil {
		return nil, err
	}
	defer f.abort()
	w := &writer{Package: p, folder: f, rarity: newRarity()}
	w.out.Ready = map[string]int{}
	for _, step := range []func(context.Context) error{w.begin, w.subjects, w.end, w.describe, w.sealed} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	w.out.Files = slices.Clone(w.files)
	if err := admit(&w.out); err != nil {
		return nil, err
	}
	return &w.out, f.finish()
}

// begin opens all tables.
func (w *writer) begin(context.Context) (err error) {
	d := w.Delivery.Dictionary
	w.clinical = clinical{dictionary: d, wide: map[string]*sheet{}, unfit: map[string]int{}}
	for _, t := range []struct {
		table *Table
		to    **sheet
	}{{participantsTable(), &w.participants}, {sessionsTable(), &w.sessions}, {seriesTable(), &w.series}, {suvTable(), &w.suv}, {longTable(d), &w.clinical.long}} {
		if *t.to, err = w.open(t.table); err != nil {
			return err
		}
	}
	for i := range d.Forms {
		if w.clinical.wide[d.Forms[i].Name], err = w.open(wideTable(d, &d.Forms[i])); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) open(t *Table) (*sheet, error) {
	s, err := w.sheet(t)
	if err != nil {
		return nil, err
	}
	w.tables, w.sheets = append(w.tables, t), append(w.sheets, s)
	return s, nil
}

// fill writes a table that is known as a whole.
func (w *writer) fill(t *Table, rows [][]string) error {
	s, err := w.open(t)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.write(row...); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) subjects(ctx context.Context) error {
	for book, err := range w.Delivery.Casebooks(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.subject(book)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) subject(book *ecrf.StoredCasebook) error {
	links, err := w.Links(book.Facts)
	if err != nil {
		return err
	}
	w.out.Subjects++
	w.out.Cells += len(book.Cells)
	w.rarity.casebook(w.clinical.dictionary, book, links)
	if err := w.participants.write(book.Facts.Subject, book.Facts.Site, whole(len(links))); err != nil {
		return err
	}
	slices.SortFunc(links, func(a, b imaging.Link) int { return a.Session - b.Session })
	for i := range links {
		if err := w.session(&links[i], book.Facts.Site); err != nil {
			return err
		}
	}
	return w.clinical.casebook(book)
}

func (w *writer) session(l *imaging.Link, site string) error {
	w.out.Sessions++
	if err := w.sessions.write(sessionRow(l)...); err != nil {
		return err
	}
	for i := range l.Contents {
		s := &l.Contents[i]
		w.out.Series++
		if err := w.series.write(seriesRow(l, i+1, s)...); err != nil {
			return err
		}
		if s.UID != "" {
			w.uids = append(w.uids, s.UID)
		}
		if s.PET == nil {
			continue
		}
		w.out.Ready[string(s.PET.Status)]++
		if err := w.suv.write(suvRow(l, i+1, s, site)...); err != nil {
			return err
		}
	}
	return nil
}

// end writes the tables that describe the others, and closes all.
func (w *writer) end(context.Context) error {
	described := append(slices.Clone(w.tables), reasonsTable(), codeListTable(), dictionaryTable())
	for _, t := range []struct {
		table *Table
		rows  [][]string
	}{{reasonsTable(), reasonRows()}, {codeListTable(), codeListRows(w.clinical.dictionary)}, {dictionaryTable(), dictionaryRows(described)}} {
		if err := w.fill(t.table, t.rows); err != nil {
			return err
		}
	}
	for _, s := range w.sheets {
		if err := s.close(w.folder); err != nil {
			return err
		}
	}
	w.out.Unfit, w.out.Unknown = w.clinical.unfit, w.clinical.unknown
	w.out.Risk = w.rarity.report(w.Anonymity)
	return nil
}

// describe writes the files that are no tables. Each may tell of those before it.
func (w *writer) describe(context.Context) error {
	slices.Sort(w.uids)
	for _, f := range []struct {
		name, title, format string
		text                func() ([]byte, error)
	}{
		{"series_uids.txt", "Pseudonymous series UIDs, one a line", "text/plain", func() ([]byte, error) { return lines(slices.Compact(w.uids)), nil }},
		{"datapackage.json", "Frictionless data package", "application/json", func() ([]byte, error) { return dataPackageOf(w.Package, w.tables, w.files) }},
		{"provenance.json", "Where the package comes from", "application/json", func() ([]byte, error) { return indented(w.provenance()) }},
		{"disclosure.json", "Small cells and k-anonymity", "application/json", func() ([]byte, error) { return indented(w.out.Risk) }},
		{"README.md", "How to read the package", "text/markdown", w.readme},
		{"ro-crate-metadata.json", "RO-Crate", "application/ld+json", func() ([]byte, error) { return crateOf(w.Package, w.files) }},
		{"SHA256SUMS", "Checksums of all files", "text/plain", func() ([]byte, error) { return w.sums(), nil }},
	} {
		text, err := f.text()
		if err != nil {
			return err
		}
		if err := w.put(f.name, f.title, f.format, text); err != nil {
			return err
		}
	}
	return nil
}

func lines(all []string) []byte {
	if len(all) == 0 {
		return nil
	}
	return []byte(strings.Join(all, "\n") + "\n")
}

// sealed encrypts the package where it has to be.
func (w *writer) sealed(context.Context) error {
	if w.Encrypt == nil {
		return nil
	}
	if err := w.seal(w.Encrypt, func(to io.Writer, dir string, files []File) error { return archive(to, dir, files, w.AsOf) }); err != nil {
		return fmt.Errorf("encrypt the package: %w", err)
	}
	return w.put("README.txt", "What this is", "text/plain", []byte(sealedText(w.Package)))
}

// Provenance is provenance.json.
type Provenance struct {
	Format     string            `json:"format"`
	Study      Study             `json:"study"`
	Program    string            `json:"crflink"`
	Run        int64             `json:"run"`
	AsOf       string            `json:"as_of"`
	Inputs     map[string]string `json:"inputs"` // SHA-256 of mapping, dictionary, policy, profile and of the study's settings
	Approvals  []string          `json:"approvals"`
	Recipients []string          `json:"recipients"`
	Notices    []string          `json:"notices"`
	Subjects   int               `json:"subjects"`
	Sessions   int               `json:"sessions"`
	Cells      int               `json:"cells"`
}

func (w *writer) provenance() Provenance {
	return Provenance{
		"crflink.package/1", w.Study, w.Program, w.Run, w.AsOf, w.Inputs, orNone(w.Approvals), orNone(w.Recipients), orNone(w.Notices), w.out.Subjects, w.out.Sessions, w.out.Cells,
	}
}

func orNone(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}
