package table

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Entered is what people entered in a target, as a CSV that was exported from it. It implements ecrf.Reader.
type Entered struct {
	name     string
	subjects map[string]ecrf.Entries
}

// enteredColumns are the columns of the file; event is needed for forms that are filled in several events. Others are
// not looked at.
var enteredColumns = []string{"subject", "form", "item", "value"}

// OpenEntered reads the export, separated by commas or semicolons, one row a cell. Rows of forms and items that the
// dictionary does not have, and of forms that repeat, are left out. The error names lines, no value and no study number.
func OpenEntered(path string, d *ecrf.Dictionary) (*Entered, error) {
	text, err := os.ReadFile(path) // #nosec G304 -- the file that the study names
	if err != nil {
		return nil, fmt.Errorf("read what people entered: %w", err)
	}
	e := &Entered{name: path, subjects: map[string]ecrf.Entries{}}
	if err := e.read(text, d); err != nil {
		return nil, fmt.Errorf("read what people entered: %s: %w", path, err)
	}
	return e, nil
}

// Name returns the file's path.
func (e *Entered) Name() string { return e.name }

// Entered implements ecrf.Reader.
func (e *Entered) Entered(ctx context.Context, subjects []string, cells []ecrf.CellKey) (map[string]ecrf.Entries, error) {
	all := map[string]ecrf.Entries{}
	for _, s := range subjects {
		for _, c := range cells {
			text, ok := e.subjects[s][c]
			if !ok {
				continue
			}
			if all[s] == nil {
				all[s] = ecrf.Entries{}
			}
			all[s][c] = text
		}
	}
	return all, ctx.Err()
}

func (e *Entered) read(text []byte, d *ecrf.Dictionary) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(text))
	if head, _, _ := bytes.Cut(text, []byte("\n")); !bytes.Contains(head, []byte(",")) {
		r.Comma = ';'
	}
	header, err := r.Read()
	if err != nil {
		return errors.New("it has no header: " + strings.Join(enteredColumns, ", "))
	}
	at := map[string]int{}
	for i, name := range header {
		at[strings.TrimSpace(name)] = i
	}
	for _, name := range enteredColumns {
		if _, ok := at[name]; !ok {
			return fmt.Errorf("its header lacks the column %s; it has the columns %s, and event where forms are filled in several events", name, strings.Join(enteredColumns, ", "))
		}
	}
	rows, known := 0, 0
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			if rows > 0 && known == 0 {
				return errors.New("no row is of a form and item of the dictionary")
			}
			return nil
		case err != nil:
			return unreadable(err)
		}
		line, _ := r.FieldPos(0)
		rows++
		in, err := e.add(row, at, d)
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		if in {
			known++
		}
	}
}

// unreadable tells where a CSV is broken, without its content.
func unreadable(err error) error {
	var at *csv.ParseError
	if errors.As(err, &at) {
		return fmt.Errorf("line %d: %w", at.Line, at.Err)
	}
	return errors.New("it is no CSV")
}

// add takes a row in and reports whether it is of an item of the dictionary.
func (e *Entered) add(row []string, at map[string]int, d *ecrf.Dictionary) (known bool, err error) {
	cell := func(name string) string {
		if i, ok := at[name]; ok {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	form := d.Form(cell("form"))
	if form == nil || form.Item(cell("item")) == nil {
		return false, nil
	}
	if form.Repeating {
		return true, nil
	}
	key := ecrf.CellKey{Event: cell("event"), Form: form.Name, Item: cell("item")}
	events := d.EventsOf(form.Name)
	switch {
	case key.Event == "" && len(events) == 1:
		key.Event = events[0]
	case key.Event == "":
		return true, fmt.Errorf("form %s is filled in %d events, and the row names none", form.Name, len(events))
	case !slices.Contains(events, key.Event):
		return true, fmt.Errorf("form %s is not filled in the event that the row names; its events are %s", form.Name, strings.Join(events, ", "))
	}
	subject, value := cell("subject"), cell("value")
	if subject == "" {
		return true, errors.New("the row names no subject")
	}
	if value == "" {
		return true, nil
	}
	if old, twice := e.subjects[subject][key]; twice && old != value {
		return true, errors.New("an earlier row has another value for the same cell")
	}
	if e.subjects[subject] == nil {
		e.subjects[subject] = ecrf.Entries{}
	}
	e.subjects[subject][key] = value
	return true, nil
}
