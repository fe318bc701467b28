package workbook

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
)

// book is a workbook under way. What is too large for memory waits in a hidden folder beside the file.
type book struct {
	path, waiting string
	file          *excelize.File
	sheets        []*sheet
	styles        map[int]int // of numbers, by their decimals
}

// sheet is one of a workbook.
type sheet struct {
	name   string
	out    *excelize.StreamWriter
	types  []ecrf.Type
	styles []int
	rows   int
	cells  []any // reused
	cut    int   // texts
}

// errTooLong is what to do about a sheet that has no more rows.
var errTooLong = errors.New("a spreadsheet cannot have so many rows; deliver the study as csv or parquet")

func newBook(path string) (*book, error) {
	b := &book{path: path, waiting: waitingFor(path), styles: map[int]int{}}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.RemoveAll(b.waiting), os.Mkdir(b.waiting, 0o700)); err != nil {
		return nil, err
	}
	b.file = excelize.NewFile(excelize.Options{TmpDir: b.waiting})
	b.file.Pkg.Store("docProps/core.xml", []byte(properties))
	return b, nil
}

// properties are those of the document: who made it, and no time.
const properties = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>crflink</dc:creator></cp:coreProperties>`

func waitingFor(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial.d")
}

func (b *book) abort() {
	_ = b.file.Close()          // nothing of it is kept
	_ = os.RemoveAll(b.waiting) // a leftover is removed next time
}

// column says what a column of a sheet holds.
type column struct {
	name     string
	kind     ecrf.Type
	decimals int
}

// add begins a sheet with its first row: the names of the columns.
func (b *book) add(name string, columns []column) (*sheet, error) {
	var err error
	if len(b.sheets) == 0 {
		err = b.file.SetSheetName("Sheet1", name)
	} else {
		_, err = b.file.NewSheet(name)
	}
	if err != nil {
		return nil, err
	}
	s := &sheet{name: name, cells: make([]any, len(columns))}
	b.sheets = append(b.sheets, s)
	if s.out, err = b.file.NewStreamWriter(name); err != nil {
		return nil, err
	}
	if err := s.out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return nil, err
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
		s.types = append(s.types, ecrf.Text)
		style, err := b.style(c)
		if err != nil {
			return nil, err
		}
		s.styles = append(s.styles, style)
	}
	if err := s.put(names); err != nil {
		return nil, err
	}
	for i, c := range columns {
		s.types[i] = c.kind
	}
	return s, nil
}

// style shows a number with its decimals.
func (b *book) style(c column) (int, error) {
	if c.kind != ecrf.Decimal {
		return 0, nil
	}
	if style, ok := b.styles[c.decimals]; ok {
		return style, nil
	}
	format := "0"
	if c.decimals > 0 {
		format += "." + strings.Repeat("0", c.decimals)
	}
	style, err := b.file.NewStyle(&excelize.Style{CustomNumFmt: &format})
	b.styles[c.decimals] = style
	return style, err
}

// put adds a row.
func (s *sheet) put(texts []string) error {
	if s.rows++; s.rows > excelize.TotalRows {
		return errTooLong
	}
	for i, text := range texts {
		text, cut := fitting(text)
		if cut {
			s.cut++
		}
		s.cells[i] = valueOf(s.types[i], text)
		if n, ok := s.cells[i].(float64); ok {
			s.cells[i] = excelize.Cell{StyleID: s.styles[i], Value: n}
		}
	}
	return s.out.SetRow(fmt.Sprintf("A%d", s.rows), s.cells)
}

// commit puts the workbook in place of the old one.
func (b *book) commit() (atomicfile.Placed, error) {
	for _, s := range b.sheets {
		if err := s.out.Flush(); err != nil {
			return atomicfile.Placed{}, err
		}
	}
	unsorted := filepath.Join(b.waiting, "unsorted.xlsx")
	if err := b.file.SaveAs(unsorted); err != nil {
		return atomicfile.Placed{}, err
	}
	c, err := atomicfile.Replace(b.path, func(w io.Writer) error { return sorted(w, unsorted) })
	return atomicfile.Placed{Path: b.path, Content: c}, err
}

// sorted copies an archive with its members in order: the library writes them in another one each time.
func sorted(w io.Writer, path string) (err error) {
	in, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	slices.SortFunc(in.File, func(a, b *zip.File) int { return cmp.Compare(a.Name, b.Name) })
	out := zip.NewWriter(w)
	for _, f := range in.File {
		if err := out.Copy(f); err != nil {
			return err
		}
	}
	return out.Close()
}
