package redcap

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read.
const (
	maxBytes = 64 << 20
	maxRows  = 100_000
)

// sheet is a CSV file with named columns.
type sheet struct {
	columns map[string]int
	first   string // header of the first column
	rows    [][]string
	latin   bool // was not UTF-8 and was read as Windows-1252
}

func (s *sheet) get(row []string, column string) string {
	i, ok := s.columns[column]
	if !ok || i >= len(row) {
		return ""
	}
	return strings.TrimSpace(row[i])
}

func (s *sheet) has(columns ...string) bool {
	for _, c := range columns {
		if _, ok := s.columns[c]; !ok {
			return false
		}
	}
	return true
}

// readSheet reads a CSV file with commas, semicolons or tabs, with or without a byte order mark. aliases gives the API's
// name of a column for a normalised title.
func readSheet(r io.Reader, aliases map[string]string) (*sheet, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the CSV file: %w", err)
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("the CSV file is larger than %d MiB", maxBytes>>20)
	}
	s := &sheet{columns: map[string]int{}}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, errors.New("the file holds null bytes; save it as CSV in UTF-8")
	}
	if !utf8.Valid(text) {
		text, s.latin = fromWindows1252(text), true
	}
	if err := s.read(text); err != nil {
		return nil, err
	}
	if len(s.rows) == 0 {
		return nil, errors.New("the CSV file is empty")
	}
	s.head(s.rows[0], aliases)
	s.rows = s.rows[1:]
	return s, nil
}

func (s *sheet) read(text []byte) error {
	c := csv.NewReader(bytes.NewReader(text))
	c.Comma, c.FieldsPerRecord, c.LazyQuotes = delimiter(text), -1, true
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the file is not readable as CSV: %w", err)
		}
		if len(s.rows) > maxRows {
			return fmt.Errorf("the CSV file has more than %d rows", maxRows)
		}
		s.rows = append(s.rows, row)
	}
}

func (s *sheet) head(row []string, aliases map[string]string) {
	for i, cell := range row {
		name := normal(cell)
		if i == 0 {
			s.first = name
		}
		if alias, ok := aliases[name]; ok {
			name = alias
		}
		if _, taken := s.columns[name]; !taken && name != "" {
			s.columns[name] = i
		}
	}
}

// delimiter is the most frequent of comma, semicolon and tab in the first line, outside of quotes.
func delimiter(text []byte) rune {
	counts := map[byte]int{}
	quoted := false
	for _, b := range text {
		if b == '"' {
			quoted = !quoted
		}
		if b == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[b]++
		}
	}
	best := byte(',')
	for _, b := range []byte{';', '\t'} {
		if counts[b] > counts[best] {
			best = b
		}
	}
	return rune(best)
}

// normal spells a column title with a-z, 0-9 and underscores.
func normal(title string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "_")
}

// windows1252 are the characters 0x80 to 0x9f of that code page; zero is undefined there.
var windows1252 = [32]rune{
	0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
	0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
}

func fromWindows1252(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, b := range text {
		r := rune(b)
		if b >= 0x80 && b < 0xa0 {
			if r = windows1252[b-0x80]; r == 0 {
				r = utf8.RuneError
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
