package odm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// LibreClinica is an ecrf.Target that writes a file which LibreClinica and OpenClinica 3 import. It is no Eraser: what was
// imported stays there until a person deletes it.
type LibreClinica struct {
	name, file, export string
	freezes            ecrf.Freezes
}

var _ ecrf.Target = (*LibreClinica)(nil)

// NewLibreClinica returns a target. export is a file that the system gave: it holds the study's metadata and all subjects, and
// says under which OIDs data are taken, and what is there already. Behind a freeze nothing goes into the file.
func NewLibreClinica(name, file, export string, freezes ecrf.Freezes) (*LibreClinica, error) {
	if name == "" || file == "" || export == "" {
		return nil, errors.New("a LibreClinica target needs a name, a file, and an export of the system")
	}
	return &LibreClinica{name, file, export, freezes}, nil
}

// Name returns the configured name.
func (t *LibreClinica) Name() string { return t.name }

// Kind returns libreclinica.
func (t *LibreClinica) Kind() string { return "libreclinica" }

// Deliver replaces the file, unless it has the same bytes already. What the system does not know is left out and reported.
func (t *LibreClinica) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	to, err := readLibre(t.export, d.Dictionary)
	if err != nil {
		return ecrf.DeliveryReport{}, fmt.Errorf("target %s: %w", t.name, err)
	}
	l := &libreFile{to: to, d: d, freezes: t.freezes, left: map[string]int{}}
	var report ecrf.DeliveryReport
	if d.DryRun {
		report.Cells, err = l.write(ctx, io.Discard)
	} else {
		report, err = replace(t.file, func(w io.Writer) (int, error) { return l.write(ctx, w) })
	}
	if err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	report.Problems = slices.Concat(to.problems, l.problems())
	return report, nil
}

// libreFile is a file under way.
type libreFile struct {
	to      *libreStudy
	d       ecrf.Delivery
	x       *xmlWriter
	cells   int
	unknown int // subjects
	freezes ecrf.Freezes
	closed  int            // cells in events that take nothing
	frozen  int            // cells
	theirs  int            // cells in which the system holds something else
	left    map[string]int // values that an item does not take, by item
}

const openClinica = "http://www.openclinica.org/ns/odm_ext_v130/v3.1"

func (l *libreFile) write(ctx context.Context, w io.Writer) (cells int, err error) {
	asOf := l.d.AsOf.Format(time.RFC3339)
	l.x = newXMLWriter(w)
	l.x.open("ODM", "xmlns", namespace1+"3", "xmlns:OpenClinica", openClinica, "ODMVersion", "1.3", "FileType", "Snapshot",
		"FileOID", "crflink."+l.d.Dictionary.Study+"."+asOf, "Description", joinNonEmpty(" ", l.d.Notices...), "CreationDateTime", asOf)
	l.x.open("ClinicalData", "StudyOID", l.to.study, "MetaDataVersionOID", l.to.version)
	// Forms that a person has completed are left alone.
	l.x.empty("UpsertOn", "NotStarted", "true", "DataEntryStarted", "true", "DataEntryComplete", "false")
	for book, err := range l.d.Casebooks(ctx) {
		if err == nil {
			err = errors.Join(ctx.Err(), l.x.err)
		}
		if err != nil {
			return l.cells, err
		}
		l.subject(book)
	}
	l.x.close("ClinicalData")
	l.x.close("ODM")
	return l.cells, l.x.flush()
}

// taken is a cell that the system takes.
type taken struct {
	slot  *libreForm
	item  libreItem
	key   string // repeat key of the group
	value string
}

func (l *libreFile) subject(book *ecrf.StoredCasebook) {
	if len(book.Cells) == 0 {
		return
	}
	subject := l.to.subjects[book.Facts.Subject]
	if subject == nil {
		l.unknown++
		return
	}
	cells := l.taken(subject, book)
	if len(cells) == 0 {
		return
	}
	l.x.open("SubjectData", "SubjectKey", subject.oid, "OpenClinica:StudySubjectID", book.Facts.Subject)
	for _, ofEvent := range parted(cells, func(c taken) string { return c.slot.event }) {
		key := ""
		if ofEvent[0].slot.repeating {
			key = "1"
		}
		l.x.open("StudyEventData", "StudyEventOID", ofEvent[0].slot.event, "StudyEventRepeatKey", key)
		for _, ofForm := range parted(ofEvent, func(c taken) string { return c.slot.form }) {
			l.form(ofForm)
		}
		l.x.close("StudyEventData")
	}
	l.x.close("SubjectData")
}

// form writes a form that stays open for people: without the status it would be complete.
func (l *libreFile) form(cells []taken) {
	l.x.open("FormData", "FormOID", cells[0].slot.form, "OpenClinica:Status", "initial data entry")
	for _, group := range parted(cells, func(c taken) string { return c.item.group + "\x00" + c.key }) {
		l.x.open("ItemGroupData", "ItemGroupOID", group[0].item.group, "ItemGroupRepeatKey", group[0].key, "TransactionType", "Insert")
		for _, c := range group {
			l.x.empty("ItemData", "ItemOID", c.item.oid, "Value", c.value)
			l.cells++
		}
		l.x.close("ItemGroupData")
	}
	l.x.close("FormData")
}

// parted groups cells by a key, in the order in which the keys first come.
func parted(cells []taken, key func(taken) string) [][]taken {
	var parts [][]taken
	at := map[string]int{}
	for _, c := range cells {
		k := key(c)
		if _, ok := at[k]; !ok {
			at[k] = len(parts)
			parts = append(parts, nil)
		}
		parts[at[k]] = append(parts[at[k]], c)
	}
	return parts
}

// taken returns the cells with a value that the system takes, and counts the others. An empty cell is never sent: it would
// clear what a person entered. Where the system holds something else, a person may have entered it: it stays.
func (l *libreFile) taken(subject *libreSubject, book *ecrf.StoredCasebook) []taken {
	var all []taken
	for i := range book.Cells {
		c := &book.Cells[i]
		slot := l.to.slots[[2]string{c.Event, c.Form}]
		if slot == nil || c.Value == "" {
			continue
		}
		item, ok := slot.items[c.Item]
		switch {
		case !ok:
		case subject.closed[slot.event]:
			l.closed++
		default:
			value, ok := item.spell(l.d.Dictionary.Item(c.Item), c.Value)
			if !ok {
				l.left[c.Item]++
				continue
			}
			key := strconv.Itoa(max(c.Repeat, 1))
			switch held, there := subject.held[slot.place(item, key)]; {
			case there && held != value:
				l.theirs++
			case !there && l.freezes.Hold(l.d.AsOf, book.Facts.Site, c.Form):
				l.frozen++
			default:
				all = append(all, taken{slot, item, key, value})
			}
		}
	}
	return all
}

// spell writes a canonical text as the item takes it; ok is false when it does not.
func (it libreItem) spell(ours *ecrf.Item, value string) (spelled string, ok bool) {
	if ours != nil && ours.Type == ecrf.Boolean && (it.codes["1"] || it.codes == nil && it.dataType == "integer") {
		value = map[string]string{"true": "1", "false": "0"}[value]
	}
	fits := it.length <= 0 || len([]rune(value)) <= it.length
	return value, fits && lexical(it.dataType, value) && (it.codes == nil || it.codes[value])
}

func (l *libreFile) problems() []string {
	var all []string
	for item, n := range l.left {
		all = append(all, fmt.Sprintf("item %s: %d values are not of the type, length or codes that LibreClinica has for it, and were left out", item, n))
	}
	slices.Sort(all)
	if l.closed > 0 {
		all = append(all, fmt.Sprintf("%d cells belong to events that are locked, signed, stopped or skipped in LibreClinica, and were left out", l.closed))
	}
	if l.frozen > 0 {
		all = append(all, fmt.Sprintf("%d cells belong to forms that are frozen, and were left out", l.frozen))
	}
	if l.theirs > 0 {
		all = append(all, fmt.Sprintf("%d cells hold something else in LibreClinica, entered by a person or transferred before, and were left out; a person has to decide", l.theirs))
	}
	if l.unknown > 0 {
		all = append(all, fmt.Sprintf("%d subjects are not in the export of LibreClinica, and were left out; create them there, schedule their events, and export again", l.unknown))
	}
	return all
}
