package odm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
)

// Options of a snapshot.
type Options struct {
	// Provenance adds an AuditRecord with SourceID to each ItemData. It makes the document several times larger.
	Provenance bool
}

// Target is an ecrf.Target that writes a snapshot into a file.
type Target struct {
	name, file string
	options    Options
}

var _ ecrf.Target = (*Target)(nil)

// New returns a target. The file's folder is made with mode 0700 when it is delivered to and not there.
func New(name, file string, o Options) (*Target, error) {
	if name == "" || file == "" {
		return nil, errors.New("an ODM target needs a name and a file")
	}
	return &Target{name, file, o}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns odm.
func (t *Target) Kind() string { return "odm" }

// Deliver replaces the file by a snapshot of the study, unless it has the same bytes already.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (report ecrf.DeliveryReport, err error) {
	if err := os.MkdirAll(filepath.Dir(t.file), 0o700); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	f, err := atomicfile.Create(t.file, 0o600)
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	defer f.Abort()
	if report.Cells, err = WriteSnapshot(ctx, f, d, t.options); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	c, err := f.Commit()
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	if c.Changed {
		report.Written = 1
	} else {
		report.Unchanged = 1
	}
	report.Files = []ecrf.DeliveredFile{{Path: t.file, SHA256: c.SHA256, Size: c.Size, Changed: c.Changed}}
	return report, nil
}

// snapshot is a document under way.
type snapshot struct {
	x     *xmlWriter
	d     ecrf.Delivery
	o     Options
	sites []string
	asOf  string
	cells int
}

// WriteSnapshot writes the study as one ODM document and returns the number of cells in it. It reads the casebooks
// twice, because the document names the sites before the subjects, and holds one subject in memory. Cells of items
// that the dictionary no longer has are left out.
func WriteSnapshot(ctx context.Context, w io.Writer, d ecrf.Delivery, o Options) (cells int, err error) {
	s := &snapshot{x: newXMLWriter(w), d: d, o: o, asOf: d.AsOf.Format(time.RFC3339)}
	if s.sites, err = sitesOf(ctx, d); err != nil {
		return 0, err
	}
	study := d.Dictionary.Study
	s.x.open("ODM", "xmlns", "http://www.cdisc.org/ns/odm/v1.3", "ODMVersion", "1.3.2", "FileType", "Snapshot", "Granularity", "All",
		"FileOID", "crflink."+study+"."+s.asOf, "CreationDateTime", s.asOf, "SourceSystem", "crflink")
	s.study()
	s.adminData()
	s.x.open("ClinicalData", "StudyOID", studyOID+study, "MetaDataVersionOID", versionOID+d.Dictionary.Version)
	for book, err := range d.Casebooks(ctx) {
		if err == nil {
			err = errors.Join(ctx.Err(), s.x.err)
		}
		if err == nil {
			err = s.subject(book)
		}
		if err != nil {
			return s.cells, err
		}
	}
	s.x.close("ClinicalData")
	s.x.close("ODM")
	return s.cells, s.x.flush()
}

func sitesOf(ctx context.Context, d ecrf.Delivery) ([]string, error) {
	seen := map[string]bool{}
	for book, err := range d.Casebooks(ctx) {
		if err != nil {
			return nil, err
		}
		seen[book.Facts.Site] = true
	}
	var sites []string
	for site := range seen {
		sites = append(sites, site)
	}
	slices.Sort(sites)
	return sites, nil
}

// location returns the OID of a site. A study with one site only may leave it unnamed; its OID ends in a dot.
func location(site string) string { return siteOID + site }

const serviceUser = userOID + "crflink"

func (s *snapshot) adminData() {
	s.x.open("AdminData", "StudyOID", studyOID+s.d.Dictionary.Study)
	s.x.open("User", "OID", serviceUser, "UserType", "Other")
	s.x.text("LoginName", "crflink")
	s.x.text("DisplayName", "Automated transfer from routine care")
	s.x.close("User")
	for _, site := range s.sites {
		name := site
		if name == "" {
			name = "Site"
		}
		s.x.open("Location", "OID", location(site), "Name", name, "LocationType", "Site")
		s.x.empty("MetaDataVersionRef", "StudyOID", studyOID+s.d.Dictionary.Study, "MetaDataVersionOID", versionOID+s.d.Dictionary.Version,
			"EffectiveDate", s.d.AsOf.Format(time.DateOnly))
		s.x.close("Location")
	}
	s.x.close("AdminData")
}

func (s *snapshot) subject(book *ecrf.StoredCasebook) error {
	if !slices.Contains(s.sites, book.Facts.Site) {
		return errors.New("a subject's site changed while the snapshot was written")
	}
	cells := s.known(book.Cells)
	if len(cells) == 0 {
		s.x.open("SubjectData", "SubjectKey", book.Facts.Subject)
		s.x.empty("SiteRef", "LocationOID", location(book.Facts.Site))
		s.x.close("SubjectData")
		return s.x.err
	}
	s.x.open("SubjectData", "SubjectKey", book.Facts.Subject)
	s.x.empty("SiteRef", "LocationOID", location(book.Facts.Site))
	for len(cells) > 0 {
		n := prefix(cells, func(c *ecrf.StoredCell) bool { return c.Event == cells[0].Event })
		s.x.open("StudyEventData", "StudyEventOID", eventOID+cells[0].Event)
		s.event(book.Facts.Site, cells[:n])
		s.x.close("StudyEventData")
		cells = cells[n:]
	}
	s.x.close("SubjectData")
	return s.x.err
}

// known returns the cells that the dictionary still has.
func (s *snapshot) known(cells []ecrf.StoredCell) []ecrf.StoredCell {
	d := s.d.Dictionary
	if !slices.ContainsFunc(cells, func(c ecrf.StoredCell) bool { return !has(d, &c) }) {
		return cells
	}
	return slices.DeleteFunc(slices.Clone(cells), func(c ecrf.StoredCell) bool { return !has(d, &c) })
}

func has(d *ecrf.Dictionary, c *ecrf.StoredCell) bool {
	return d.Has(c.Event, c.Form) && d.Form(c.Form).Item(c.Item) != nil
}

func prefix(cells []ecrf.StoredCell, belongs func(*ecrf.StoredCell) bool) int {
	n := 0
	for n < len(cells) && belongs(&cells[n]) {
		n++
	}
	return n
}

func (s *snapshot) event(site string, cells []ecrf.StoredCell) {
	for len(cells) > 0 {
		first := &cells[0]
		n := prefix(cells, func(c *ecrf.StoredCell) bool { return c.Form == first.Form && c.Repeat == first.Repeat })
		repeat := ""
		if first.Repeat > 0 {
			repeat = strconv.Itoa(first.Repeat)
		}
		s.x.open("FormData", "FormOID", formOID+first.Form, "FormRepeatKey", repeat)
		s.x.open("ItemGroupData", "ItemGroupOID", groupOID+first.Form)
		for i := range cells[:n] {
			s.cell(site, &cells[i])
		}
		s.x.close("ItemGroupData")
		s.x.close("FormData")
		cells = cells[n:]
	}
}

func (s *snapshot) cell(site string, c *ecrf.StoredCell) {
	s.cells++
	attributes := []string{"ItemOID", itemOID + c.Item, "Value", c.Value}
	if c.Value == "" {
		attributes = []string{"ItemOID", itemOID + c.Item, "IsNull", "Yes"}
	}
	unit := ""
	if it := s.d.Dictionary.Item(c.Item); it != nil && c.Value != "" {
		unit = it.Unit
	}
	noted := c.Missing != "" || c.State == ecrf.Query || c.State == ecrf.Outdated
	if unit == "" && !noted && !s.o.Provenance {
		s.x.empty("ItemData", attributes...)
		return
	}
	s.x.open("ItemData", attributes...)
	if s.o.Provenance {
		s.audit(site, c)
	}
	if unit != "" {
		s.x.empty("MeasurementUnitRef", "MeasurementUnitOID", unitOID+unit)
	}
	if noted {
		s.annotation(c)
	}
	s.x.close("ItemData")
}

func (s *snapshot) audit(site string, c *ecrf.StoredCell) {
	p := &c.Provenance
	version := ""
	if p.Version != "" {
		version = "/_history/" + p.Version
	}
	s.x.open("AuditRecord", "EditPoint", "DBAudit")
	s.x.empty("UserRef", "UserOID", serviceUser)
	s.x.empty("LocationRef", "LocationOID", location(site))
	s.x.text("DateTimeStamp", s.asOf)
	s.x.text("ReasonForChange", "Automated transfer from routine care")
	s.x.text("SourceID", joinNonEmpty("; ", named("source", p.Source), p.Resource+version, named("path", p.Path), named("rule", p.Rule)))
	s.x.close("AuditRecord")
}

func named(name, value string) string {
	if value == "" {
		return ""
	}
	return name + "=" + value
}

// annotation writes the missing reason and a state that a reader must know of as flags.
func (s *snapshot) annotation(c *ecrf.StoredCell) {
	s.x.open("Annotation", "SeqNum", "1")
	if c.Value != "" && c.Missing != "" {
		s.x.text("Comment", "The source no longer supports this value.", "SponsorOrSite", "Site")
	}
	if c.Missing != "" {
		s.flag(missingList, string(c.Missing))
	}
	if c.State == ecrf.Query || c.State == ecrf.Outdated || c.State == ecrf.Withdrawn {
		s.flag(stateList, string(c.State))
	}
	s.x.close("Annotation")
}

func (s *snapshot) flag(list, value string) {
	s.x.open("Flag")
	s.x.text("FlagValue", value, "CodeListOID", list)
	s.x.close("Flag")
}
