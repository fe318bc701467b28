package scaffold

import (
	"fmt"
	"strings"

	"github.com/crflink/crflink/mapping/crtdl"
)

// Request is the data extraction of a CRTDL, and where it was read.
type Request struct {
	*crtdl.Request
	Source string // for a comment
}

const requestHead = `
# What %s asks for, an attribute group after the other. These rules belong to no item yet: copy one to the item that it fills, put the
# item's name for ITEM, and say with choose which of several decides. An item with a code list needs a map, too. Each rule fits items of
# the types that stand above it; "must" means that the CRTDL wants no patient without it.
`

// text writes the request as comments; nil is nothing.
func (r *Request) text(names crtdl.Names) (string, error) {
	if r == nil {
		return "", nil
	}
	seeds, err := r.Seeds(names)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, requestHead, oneLine(r.Source))
	for _, part := range []struct {
		word string
		all  []string
	}{{"parameters", seeds.Parameters}, {"lists", seeds.Lists}, {"expressions", seeds.Expressions}} {
		if len(part.all) > 0 {
			fmt.Fprintf(&b, "# %s:\n", part.word)
		}
		for _, line := range part.all {
			fmt.Fprintf(&b, "#   %s\n", line)
		}
	}
	for _, s := range seeds.Seeds {
		fmt.Fprintf(&b, "#\n# == %s\n", s.Title)
		for _, remark := range s.Remarks {
			fmt.Fprintf(&b, "# %s\n", remark)
		}
		for _, rule := range s.Rules {
			writeRule(&b, rule)
		}
	}
	return b.String(), nil
}

func writeRule(b *strings.Builder, r crtdl.Rule) {
	about := r.Attribute
	if r.MustHave {
		about += ", must"
	}
	if r.Note != "" {
		about += "; " + r.Note
	}
	fmt.Fprintf(b, "#     %s (%s)\n#     ITEM: %s\n", about, strings.Join(r.Fits, ", "), r.Text)
}
