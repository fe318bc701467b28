package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes the Run as indented JSON with a final newline. Lists and tallies are never null, the members of a
// tally are sorted: equal runs give equal bytes.
func WriteJSON(w io.Writer, r Run) error {
	r.Format = Format
	r.Inputs, r.Rejected, r.Targets = some(r.Inputs), some(r.Rejected), some(r.Targets)
	r.Stages, r.Warnings, r.Forms = some(r.Stages), some(r.Warnings), append([]Form{}, r.Forms...)
	for i := range r.Forms {
		r.Forms[i].Items = some(r.Forms[i].Items)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false) // it is a file of its own; "<5" stays legible
	if err := out.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
