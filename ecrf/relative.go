package ecrf

import (
	"context"
	"iter"
	"regexp"
	"strconv"
	"time"
)

// RelativeTo returns the delivery with every day written as the whole number of days from the subject's index event,
// negative before it. index tells the day of the event as the subject's dates have it; ok is false where it did not happen.
//
//   - Items of a date type become integers in days. A time of day is left out.
//   - Without the event the cell's value is withheld (NoEvent), and so is a date that has no day (Unconvertible).
//   - A text that holds a date is withheld (Unconvertible), also in a provenance.
func (d Delivery) RelativeTo(index func(Facts) (day string, ok bool)) Delivery {
	dates, all := d.Dictionary, d.Casebooks
	d.Dictionary = dates.inDays()
	d.Casebooks = func(ctx context.Context) iter.Seq2[*StoredCasebook, error] {
		return func(yield func(*StoredCasebook, error) bool) {
			var copied StoredCasebook
			for book, err := range all(ctx) {
				if err == nil {
					copied = book.inDays(copied.Cells[:0], dates, index)
					book = &copied
				}
				if !yield(book, err) || err != nil {
					return
				}
			}
		}
	}
	return d
}

// With returns a copy of the dictionary in which change has altered items. It may change neither their names nor their code
// lists.
func (d *Dictionary) With(change func(form string, it *Item)) *Dictionary {
	next := &Dictionary{Study: d.Study, Version: d.Version, Events: d.Events, CodeLists: d.CodeLists, Forms: make([]Form, len(d.Forms))}
	for i := range d.Forms {
		next.Forms[i] = d.Forms[i]
		next.Forms[i].Items = append([]Item(nil), d.Forms[i].Items...)
		for j := range next.Forms[i].Items {
			change(d.Forms[i].Name, &next.Forms[i].Items[j])
		}
	}
	next.index()
	return next
}

// inDays returns a copy in which items of a date type are whole numbers of days.
func (d *Dictionary) inDays() *Dictionary {
	return d.With(func(_ string, it *Item) {
		if it.Type.isDate() {
			it.Type, it.Unit, it.Min, it.Max = Integer, "d", "", ""
		}
	})
}

func (t Type) isDate() bool { return t == Date || t == PartialDate || t == DateTime }

// inDays returns the casebook with days in the place of dates; it appends the cells to an empty slice.
func (b *StoredCasebook) inDays(cells []StoredCell, d *Dictionary, index func(Facts) (string, bool)) StoredCasebook {
	text, ok := index(b.Facts)
	begin, err := time.Parse(time.DateOnly, text)
	r := reckoning{begin, ok && err == nil}
	for i := range b.Cells {
		cells = append(cells, r.cell(b.Cells[i], d.Item(b.Cells[i].Item)))
	}
	return StoredCasebook{Facts: b.Facts, Instances: b.Instances, Cells: cells}
}

// reckoning counts days from a subject's index event.
type reckoning struct {
	begin    time.Time
	happened bool
}

func (r reckoning) cell(c StoredCell, it *Item) StoredCell {
	p := &c.Provenance
	p.Effective, _ = r.days(p.Effective)
	if holdsDate(p.OriginalValue) {
		p.OriginalValue = ""
	}
	switch {
	case c.Value == "":
	case it != nil && it.Type.isDate():
		p.OriginalValue = ""
		days, ok := r.days(c.Value)
		if c.Value = days; !ok {
			c.Missing = r.why(c.Missing)
		}
	case (it == nil || it.Type == Text) && holdsDate(c.Value):
		c.Value = ""
		if c.Missing == "" {
			c.Missing = Unconvertible
		}
	}
	return c
}

// why is the reason for a date that cannot be counted; one that is there stays.
func (r reckoning) why(known MissingReason) MissingReason {
	switch {
	case known != "":
		return known
	case !r.happened:
		return NoEvent
	}
	return Unconvertible
}

// days counts from the index event to a date or an instant in local time.
func (r reckoning) days(text string) (string, bool) {
	const dayLength = len(time.DateOnly)
	if !r.happened || len(text) < dayLength {
		return "", false
	}
	day, err := time.Parse(time.DateOnly, text[:dayLength])
	if err != nil {
		return "", false
	}
	return strconv.Itoa(int(day.Sub(r.begin) / (24 * time.Hour))), true // both are midnights of UTC
}

// dateText finds dates of at least a month as FHIR and ISO 8601 write them.
var dateText = regexp.MustCompile(`(^|\D)(1[89]|2[01])\d\d-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?(\D|$)`)

func holdsDate(text string) bool { return dateText.MatchString(text) }
