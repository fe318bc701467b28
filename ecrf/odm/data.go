package odm

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// document is one under way.
type document struct {
	x     *xmlWriter
	d     ecrf.Delivery
	o     Options
	sites []string
	asOf  string
	about string // the subject under way
	cells int
}

// Write writes the study as one document and returns the number of cells in it. It reads the casebooks
// twice, because the document names the sites before the subjects, and holds one subject in memory. Cells of items
// that the dictionary no longer has are left out, and so are subjects without cells.
func Write(ctx context.Context, w io.Writer, d ecrf.Delivery, o Options) (cells int, err error) {
	s := &document{x: newXMLWriter(w), d: d, o: o, asOf: d.AsOf.Format(time.RFC3339)}
	if s.sites, err = sitesOf(ctx, d); err != nil {
		return 0, err
	}
	study := d.Dictionary.Study
	s.root()
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
		if len(book.Cells) > 0 {
			seen[book.Facts.Site] = true
		}
	}
	var sites []string
	for site := range seen {
		sites = append(sites, site)
	}
	slices.Sort(sites)
	return sites, nil
}

// root opens the document and writes the study's metadata.
func (s *document) root() {
	namespace, version, fileType := namespace1+"3", V1, "Snapshot"
	if s.o.two() {
		namespace, version = namespace2+"0", V2
	}
	if s.o.Transactional {
		fileType = "Transactional"
	}
	s.x.open("ODM", "xmlns", namespace, "ODMVersion", string(version), "FileType", fileType, "Granularity", "All",
		"FileOID", "crflink."+s.d.Dictionary.Study+"."+s.asOf, "CreationDateTime", s.asOf, "SourceSystem", "crflink")
	if s.o.two() {
		s.study2()
		return
	}
	s.study()
}

// location returns the OID of a site. A study with one site only may leave it unnamed; its OID ends in a dot.
func location(site string) string { return siteOID + site }

const (
	serviceUser = userOID + "crflink"
	transfer    = "Automated transfer from routine care"
)

func (s *document) adminData() {
	s.x.open("AdminData", "StudyOID", studyOID+s.d.Dictionary.Study)
	s.x.open("User", "OID", serviceUser, "UserType", "Other")
	if s.o.two() {
		s.x.text("UserName", "crflink")
		s.x.text("FullName", transfer)
	} else {
		s.x.text("LoginName", "crflink")
		s.x.text("DisplayName", transfer)
	}
	s.x.close("User")
	for _, site := range s.sites {
		name := site
		if name == "" {
			name = "Site"
		}
		kind := "LocationType"
		if s.o.two() {
			kind = "Role"
		}
		s.x.open("Location", "OID", location(site), "Name", name, kind, "Site")
		s.x.empty("MetaDataVersionRef", "StudyOID", studyOID+s.d.Dictionary.Study, "MetaDataVersionOID", versionOID+s.d.Dictionary.Version,
			"EffectiveDate", s.d.AsOf.Format(time.DateOnly))
		s.x.close("Location")
	}
	s.x.close("AdminData")
}

func (s *document) subject(book *ecrf.StoredCasebook) error {
	cells := s.known(book.Cells)
	if len(cells) == 0 { // known to the ledger, and not in the study's data: excluded, or held
		return nil
	}
	if !slices.Contains(s.sites, book.Facts.Site) {
		return errors.New("a subject's site changed while the snapshot was written")
	}
	transaction := "" // of a snapshot: there is nothing but what is inserted
	if s.o.Transactional {
		transaction = "Upsert"
	}
	s.about = book.Facts.Subject
	s.x.open("SubjectData", "SubjectKey", book.Facts.Subject, "TransactionType", transaction)
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
func (s *document) known(cells []ecrf.StoredCell) []ecrf.StoredCell {
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

func (s *document) event(site string, cells []ecrf.StoredCell) {
	for len(cells) > 0 {
		first := &cells[0]
		n := prefix(cells, func(c *ecrf.StoredCell) bool { return c.Form == first.Form && c.Repeat == first.Repeat })
		repeat := ""
		if first.Repeat > 0 {
			repeat = strconv.Itoa(first.Repeat)
		}
		if s.o.two() {
			s.x.open("ItemGroupData", "ItemGroupOID", formOID+first.Form, "ItemGroupRepeatKey", repeat)
			for i := range cells[:n] {
				s.cell2(site, &cells[i])
			}
			s.x.close("ItemGroupData")
			cells = cells[n:]
			continue
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

func (s *document) cell(site string, c *ecrf.StoredCell) {
	s.cells++
	attributes := []string{"ItemOID", itemOID + c.Item, "Value", c.Value}
	if c.Value == "" {
		attributes = []string{"ItemOID", itemOID + c.Item, "IsNull", "Yes"}
	}
	unit := ""
	if it := s.d.Dictionary.Item(c.Item); it != nil && c.Value != "" {
		unit = it.Unit
	}
	if unit == "" && !noted(c) && !s.o.audited() {
		s.x.empty("ItemData", attributes...)
		return
	}
	s.x.open("ItemData", attributes...)
	if s.o.audited() {
		s.audit(site, c)
	}
	if unit != "" {
		s.x.empty("MeasurementUnitRef", "MeasurementUnitOID", unitOID+unit)
	}
	if noted(c) {
		s.annotation(c)
	}
	s.x.close("ItemData")
}

// noted reports whether the cell has an annotation.
func noted(c *ecrf.StoredCell) bool {
	return c.Missing != "" || c.State == ecrf.Query || c.State == ecrf.Outdated
}

// cell2 writes a cell as version 2.0 does: the value is an element, and comes before the audit record.
func (s *document) cell2(site string, c *ecrf.StoredCell) {
	s.cells++
	null := ""
	if c.Value == "" {
		null = "Yes"
	}
	s.x.open("ItemData", "ItemOID", itemOID+c.Item, "IsNull", null)
	if c.Value != "" {
		s.x.text("Value", c.Value)
	}
	if s.o.audited() {
		s.audit(site, c)
	}
	if noted(c) {
		s.annotation(c)
	}
	s.queriesOf(s.about, c.CellKey)
	s.x.close("ItemData")
}

func (s *document) audit(site string, c *ecrf.StoredCell) {
	p := &c.Provenance
	version := ""
	if p.Version != "" {
		version = "/_history/" + p.Version
	}
	s.x.open("AuditRecord", "EditPoint", "DBAudit")
	s.x.empty("UserRef", "UserOID", serviceUser)
	s.x.empty("LocationRef", "LocationOID", location(site))
	s.x.text("DateTimeStamp", s.asOf)
	s.x.text("ReasonForChange", transfer)
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
func (s *document) annotation(c *ecrf.StoredCell) {
	s.x.open("Annotation", "SeqNum", "1")
	if c.Value != "" && c.Missing != "" {
		s.comment("The source no longer supports this value.")
	}
	if c.Missing != "" {
		s.flag(missingList, string(c.Missing))
	}
	if c.State == ecrf.Query || c.State == ecrf.Outdated || c.State == ecrf.Withdrawn {
		s.flag(stateList, string(c.State))
	}
	s.x.close("Annotation")
}

func (s *document) comment(text string) {
	if !s.o.two() {
		s.x.text("Comment", text, "SponsorOrSite", "Site")
		return
	}
	s.x.open("Comment", "SponsorOrSite", "Site")
	s.x.text("TranslatedText", text, "Type", "text/plain")
	s.x.close("Comment")
}

func (s *document) flag(list, value string) {
	s.x.open("Flag")
	s.x.text("FlagValue", value, "CodeListOID", list)
	s.x.close("Flag")
}
