package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	_ "embed"

	"github.com/jedib0t/go-pretty/v6/table"
)

// PreviewFormat is the version of a Preview's JSON form.
const PreviewFormat = "crflink-preview/1"

// Preview is what a run would change, cell by cell. It holds study numbers and values, unlike a Run: it is for people who may see
// the study's data.
type Preview struct {
	Format    string        `json:"format"`
	Study     Study         `json:"study"`
	AsOf      string        `json:"as_of"`
	Mapping   string        `json:"mapping"` // SHA-256, hexadecimal
	Forms     []PreviewForm `json:"forms"`   // in the order of the dictionary, those with changes
	Cells     []PreviewCell `json:"cells"`
	Unchanged int           `json:"unchanged"` // cells that were computed and stay
	Warnings  []string      `json:"warnings"`
}

// PreviewForm counts the changes of a form by action; empty ones are cells that would be new and have no value.
type PreviewForm struct {
	At      string `json:"at"` // the target, or ledger
	Form    string `json:"form"`
	Label   string `json:"label"`
	Actions Tally  `json:"actions"`
}

// PreviewCell is a cell that would change.
type PreviewCell struct {
	Subject  string `json:"subject"`
	At       string `json:"at"`
	Event    string `json:"event"`
	Form     string `json:"form"`
	Repeat   int    `json:"repeat"`
	Item     string `json:"item"`
	Stored   string `json:"stored"`
	Incoming string `json:"incoming"`
	Missing  string `json:"missing"` // why nothing comes in
	Action   string `json:"action"`
	Source   string `json:"source"` // server, keyed reference and element
	Original string `json:"original"`
	Rule     string `json:"rule"`
}

// Name is the cell's form, repeat and item.
func (c PreviewCell) Name() string {
	if c.Repeat == 0 {
		return c.Form + "." + c.Item
	}
	return c.Form + "[" + strconv.Itoa(c.Repeat) + "]." + c.Item
}

// In is what comes in, or why nothing does.
func (c PreviewCell) In() string {
	if c.Incoming == "" && c.Missing != "" {
		return "(" + c.Missing + ")"
	}
	return c.Incoming
}

// cleaned makes the texts harmless for people's eyes.
func (p Preview) cleaned() Preview {
	p.Cells, p.Forms = slices.Clone(p.Cells), slices.Clone(p.Forms)
	for i := range p.Cells {
		c := &p.Cells[i]
		for _, text := range []*string{&c.Subject, &c.At, &c.Event, &c.Stored, &c.Incoming, &c.Source, &c.Original, &c.Rule} {
			*text = clean(*text)
		}
	}
	for i := range p.Forms {
		p.Forms[i].Label = label(p.Forms[i].Form, p.Forms[i].Label)
	}
	return p
}

// WritePreviewJSON writes the Preview as indented JSON with a final newline. Lists are never null.
func WritePreviewJSON(w io.Writer, p Preview) error {
	p.Format = PreviewFormat
	p.Forms, p.Cells, p.Warnings = some(p.Forms), some(p.Cells), some(p.Warnings)
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(p); err != nil {
		return fmt.Errorf("write the preview as JSON: %w", err)
	}
	return nil
}

// WritePreview writes the Preview for a terminal: what each form would change, then every cell.
func WritePreview(w io.Writer, p Preview) error {
	p = p.cleaned()
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s %s), as of %s, mapping %s\n", label(p.Study.ID, p.Study.Title), clean(p.Study.ID), clean(p.Study.Version), clean(p.AsOf), short(p.Mapping))
	b.WriteString("preview: nothing was written\n")
	for _, warning := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", clean(warning))
	}
	b.WriteString(p.changes())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the preview: %w", err)
	}
	return nil
}

// WriteChanges writes only what would change: by form, then every cell.
func WriteChanges(w io.Writer, p Preview) error {
	if _, err := io.WriteString(w, p.cleaned().changes()); err != nil {
		return fmt.Errorf("write what would change: %w", err)
	}
	return nil
}

func (p Preview) changes() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cells would change, %d were computed and stay\n", len(p.Cells), p.Unchanged)
	for _, f := range p.Forms {
		fmt.Fprintf(&b, "  %s, %s: %s\n", clean(f.At), f.Label, f.Said())
	}
	if len(p.Cells) > 0 {
		b.WriteString("\n" + cellTable(p.Cells) + "\n")
	}
	return b.String()
}

// Said is the actions with their numbers.
func (f PreviewForm) Said() string {
	var parts []string
	for _, r := range f.Actions.Sorted() {
		parts = append(parts, fmt.Sprintf("%s %s", r.Name, r.Count))
	}
	return strings.Join(parts, ", ")
}

func short(hash string) string { return hash[:min(len(hash), 12)] }

func cellTable(cells []PreviewCell) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.AppendHeader(table.Row{"subject", "at", "event", "item", "stored", "incoming", "action", "source", "rule"})
	for _, c := range cells {
		t.AppendRow(table.Row{c.Subject, c.At, c.Event, c.Name(), c.Stored, c.In(), c.Action, c.Source, c.Rule})
	}
	return t.Render()
}

//go:embed page/preview.html.tmpl
var previewText string

var previewTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("preview").Parse(previewText)) })

// WritePreviewHTML writes the Preview as one file for a browser, which loads nothing and runs no script.
func WritePreviewHTML(w io.Writer, p Preview) error {
	p = p.cleaned()
	page := struct {
		Preview
		CSP, Title, Short string
		CSS               template.CSS
	}{p, contentPolicy(), label(p.Study.ID, p.Study.Title), short(p.Mapping), template.CSS(style)} // #nosec G203 -- our own style sheet
	if err := previewTemplate().Execute(w, page); err != nil {
		return fmt.Errorf("write the preview as HTML: %w", err)
	}
	return nil
}
