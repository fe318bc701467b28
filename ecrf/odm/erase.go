package odm

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
)

var _ ecrf.Eraser = (*Target)(nil)

// Erase rewrites the document without the SubjectData of the subjects; all other bytes stay as they are.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	in, err := os.Open(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	defer func() { _ = in.Close() }() // read only
	out, err := atomicfile.Create(t.file, 0o600)
	if err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	defer out.Abort()
	c := cut{w: out, subjects: e.Subjects}
	if err := c.copy(ctx, in); err != nil {
		return 0, fmt.Errorf("target %s: %s: %w", t.name, t.file, err)
	}
	if c.removed == 0 {
		return 0, nil
	}
	if _, err := out.Commit(); err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	return c.cells, nil
}

// cut copies a document but for some subjects.
type cut struct {
	w              io.Writer
	subjects       []string
	removed, cells int

	in     *xml.Decoder
	raw    bytes.Buffer // what was read, and neither copied nor left out
	before int64        // where it begins
}

func (c *cut) copy(ctx context.Context, r io.Reader) error {
	c.in = xml.NewDecoder(io.TeeReader(r, &c.raw))
	var space []byte // in front of an element: it goes with it
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		token, err := c.in.Token()
		if errors.Is(err, io.EOF) {
			_, err := c.w.Write(space)
			return err
		}
		if err != nil {
			return errors.New("this is no document of ours any more: it cannot be read as XML")
		}
		switch e := token.(type) {
		case xml.CharData:
			space = append(space, c.next()...)
			continue
		case xml.StartElement:
			if e.Name.Local == "SubjectData" && c.meant(e) {
				if err := c.leaveOut(); err != nil {
					return err
				}
				space = space[:0]
				continue
			}
		}
		if _, err := c.w.Write(append(space, c.next()...)); err != nil {
			return err
		}
		space = space[:0]
	}
}

// next returns the bytes since the last call, up to the end of the token.
func (c *cut) next() []byte {
	end := c.in.InputOffset()
	text := c.raw.Next(int(end - c.before))
	c.before = end
	return text
}

func (c *cut) meant(e xml.StartElement) bool {
	return slices.ContainsFunc(e.Attr, func(a xml.Attr) bool {
		return a.Name.Local == "SubjectKey" && slices.Contains(c.subjects, a.Value)
	})
}

// leaveOut reads to the end of the element that has begun.
func (c *cut) leaveOut() error {
	c.removed++
	for depth := 1; depth > 0; {
		token, err := c.in.Token()
		if err != nil {
			return errors.New("this is no document of ours any more: it cannot be read as XML")
		}
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			if e.Name.Local == "ItemData" {
				c.cells++
			}
		case xml.EndElement:
			depth--
		}
		c.next()
	}
	return nil
}
