package viewdef

import "io"

// Writer writes rows as a table. Rows count from Write to the Keep or Drop that decides on them all, so that a resource
// has all of its rows in the table or none.
type Writer interface {
	Write(*Row) error
	Keep() error  // the rows since the last Keep or Drop are part of the table
	Drop()        // they are not
	Close() error // ends the table; not the file
}

// buffer collects what was written and hands it on in large pieces.
type buffer struct {
	to   io.Writer
	text []byte
	kept int
}

const fullBuffer = 1 << 16

func (b *buffer) Keep() error {
	b.kept = len(b.text)
	if b.kept < fullBuffer {
		return nil
	}
	return b.Close()
}

func (b *buffer) Drop() { b.text = b.text[:b.kept] }

func (b *buffer) Close() error {
	text := b.text[:b.kept]
	b.text, b.kept = b.text[:0], 0
	_, err := b.to.Write(text)
	return err
}

// NDJSON writes a JSON object for each row, its members in the order of the columns, null where there is no value.
type NDJSON struct {
	buffer
	names [][]byte // `{"a":`, `,"b":`
}

// NewNDJSON returns a writer of NDJSON.
func NewNDJSON(to io.Writer, columns []Column) *NDJSON {
	w := &NDJSON{buffer: buffer{to: to}}
	for i, c := range columns {
		before := `,"`
		if i == 0 {
			before = `{"`
		}
		w.names = append(w.names, []byte(before+c.Name+`":`)) // a name needs no escapes
	}
	return w
}

// Write writes a row.
func (w *NDJSON) Write(r *Row) error {
	for i, name := range w.names {
		w.text = append(w.text, name...)
		w.text = r.AppendJSON(w.text, i)
	}
	w.text = append(w.text, '}', '\n')
	return nil
}

// CSV writes comma-separated values (RFC 4180): a line with the names of the columns, then a line for each row. A list
// is written as a JSON array, what has members as JSON. Null is an empty field, an empty text is "". Only where a line
// would be empty, because null is all there is, it is "" too.
type CSV struct {
	buffer
	cell []byte
}

// NewCSV returns a writer of CSV.
func NewCSV(to io.Writer, columns []Column) *CSV {
	w := &CSV{buffer: buffer{to: to}}
	for i, c := range columns {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		w.text = append(w.text, c.Name...)
	}
	w.text = append(w.text, '\r', '\n')
	w.kept = len(w.text)
	return w
}

// Write writes a row.
func (w *CSV) Write(r *Row) error {
	for i := range r.columns {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		values, null := r.Cell(i)
		switch {
		case null && len(r.columns) == 1:
			w.text = append(w.text, '"', '"')
		case null:
		case r.columns[i].Collection:
			w.cell = r.AppendJSON(w.cell[:0], i)
			w.text = appendField(w.text, w.cell)
		default:
			w.cell = AppendText(w.cell[:0], values[0], r.columns[i].Type)
			w.text = appendField(w.text, w.cell)
		}
	}
	w.text = append(w.text, '\r', '\n')
	return nil
}

// appendField appends a field, quoted where it must be.
func appendField(dst, field []byte) []byte {
	plain := len(field) > 0 && field[0] != ' ' && field[len(field)-1] != ' '
	for _, c := range field {
		if c == ',' || c == '"' || c < ' ' {
			plain = false
			break
		}
	}
	if plain {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for _, c := range field {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
