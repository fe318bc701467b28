package ecrf

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
)

// Dump writes the ledger's facts, form instances, cells and states as one JSON object per line, in canonical order, without
// run ids, wall time or version of the program. Two ledgers with the same dump hold the same study.
func Dump(ctx context.Context, w io.Writer, l Ledger) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for book, err := range l.Casebooks(ctx) {
		if err != nil {
			return err
		}
		if err := dumpBook(encoder, book); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

func dumpBook(encoder *json.Encoder, book *StoredCasebook) error {
	if err := encoder.Encode(map[string]Facts{"subject": book.Facts}); err != nil {
		return err
	}
	for _, in := range book.Instances {
		if err := encoder.Encode(map[string]Numbered{"instance": in}); err != nil {
			return err
		}
	}
	for i := range book.Cells {
		if err := encoder.Encode(&book.Cells[i]); err != nil {
			return err
		}
	}
	return nil
}
