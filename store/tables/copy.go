package tables

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf/tabular"
)

// load streams the rows to the server by COPY, in its text format: canonical texts are what its types read.
func (s *postgresSession) load(ctx context.Context, t *tabular.Table, rows []string) error {
	s.copied = s.copied[:0]
	for row := range slices.Chunk(rows, len(t.Columns)) {
		s.copied = appendCopied(s.copied, t.Keys, row)
	}
	_, err := s.conn.PgConn().CopyFrom(ctx, bytes.NewReader(s.copied), "COPY "+s.name(t.Name)+" FROM STDIN")
	if err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	return nil
}

// appendCopied adds a row as COPY reads it: columns end with a tab, rows with a line feed, \N is null.
func appendCopied(b []byte, keys int, row []string) []byte {
	for i, text := range row {
		if i > 0 {
			b = append(b, '\t')
		}
		if text == "" && i >= keys {
			b = append(b, '\\', 'N')
			continue
		}
		b = appendEscaped(b, text)
	}
	return append(b, '\n')
}

// appendEscaped adds a text. PostgreSQL holds no character NUL; it becomes U+FFFD.
func appendEscaped(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\':
			b = append(b, '\\', '\\')
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case 0:
			b = append(b, "\uFFFD"...)
		default:
			b = append(b, c)
		}
	}
	return b
}
