package workbook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

var errChanged = errors.New("this is no workbook of ours any more; somebody changed it")

// Erase writes the workbook anew without the rows of the subjects, and removes what an interrupted delivery left.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	if err := os.RemoveAll(waitingFor(t.file)); err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	if _, err := os.Stat(t.file); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	b, err := newBook(t.file)
	if err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	defer b.abort()
	removed, cells, err := b.without(ctx, e.Subjects)
	if err == nil && removed > 0 {
		_, err = b.commit()
	}
	if err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	return cells, nil
}

// without copies the workbook that is there, but for the rows of subjects.
func (b *book) without(ctx context.Context, subjects []string) (removed, cells int, err error) {
	old, err := excelize.OpenFile(b.path, excelize.Options{TmpDir: b.waiting, RawCellValue: true})
	if err != nil {
		return 0, 0, errChanged
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	items, err := itemsOf(old)
	if err != nil {
		return 0, 0, err
	}
	for _, name := range old.GetSheetList() {
		n, err := b.copySheet(ctx, old, name, items, subjects)
		if err != nil {
			return 0, 0, err
		}
		removed += n
		if name == "cells" {
			cells = n
		}
	}
	return removed, cells, nil
}

// itemsOf reads what the dictionary of a workbook says of its items' types.
func itemsOf(old *excelize.File) (map[string]column, error) {
	rows, err := old.GetRows("dictionary")
	if err != nil || len(rows) == 0 {
		return nil, errChanged
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	items := map[string]column{}
	for _, row := range rows[1:] {
		row = append(row, make([]string, len(rows[0]))...)
		decimals, _ := strconv.Atoi(row[at["decimals"]]) // none but of a decimal
		items[row[at["item"]]] = column{row[at["item"]], ecrf.Type(row[at["type"]]), decimals}
	}
	return items, nil
}

// columnOf is the column of that name: of an item, or of those that every table has.
func columnOf(sheet, name string, items map[string]column) column {
	for _, t := range []*tabular.Table{tabular.Of(&ecrf.Dictionary{}).Items, tabular.Of(&ecrf.Dictionary{}).Long} {
		for _, c := range t.Columns {
			if c.Name == name && (sheet == t.Name || name == "repeat") {
				return column{c.Name, c.Type, c.Decimals}
			}
		}
	}
	if c, ok := items[name]; ok && sheet != "cells" && sheet != "dictionary" && sheet != "codelists" {
		return c
	}
	return column{name: name, kind: ecrf.Text}
}

func (b *book) copySheet(ctx context.Context, old *excelize.File, name string, items map[string]column, subjects []string) (removed int, err error) {
	rows, err := old.Rows(name)
	if err != nil || !rows.Next() {
		return 0, errChanged
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	head, err := rows.Columns()
	if err != nil || len(head) == 0 {
		return 0, errChanged
	}
	var columns []column
	for _, h := range head {
		columns = append(columns, columnOf(name, h, items))
	}
	s, err := b.add(name, columns)
	if err != nil {
		return 0, err
	}
	ofSubjects := head[tabular.Subject] == "subject"
	for rows.Next() {
		texts, err := rows.Columns()
		if err != nil {
			return removed, errChanged
		}
		texts = append(texts, make([]string, max(0, len(head)-len(texts)))...)
		if ofSubjects && slices.Contains(subjects, texts[tabular.Subject]) {
			removed++
		} else if err := errors.Join(ctx.Err(), s.put(texts)); err != nil {
			return removed, err
		}
	}
	return removed, rows.Error()
}
