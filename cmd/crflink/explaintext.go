package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pipeline"
)

// Measures of the text: the column where a section's lines begin, the greatest width, and how many lines of a list
// are shown.
const (
	explainIndent = 12
	explainWidth  = 100
	explainLines  = 6
)

// page writes sections: a name in the margin, lines beside it.
type page struct {
	b       strings.Builder
	section string // not yet written
}

// explanationText writes an explanation for a person.
func explanationText(e *pipeline.Explanation) string {
	p := &page{}
	p.head(e)
	p.consent(e.Consent)
	p.veil(e.Veil)
	for i := range e.Events {
		p.event(&e.Events[i])
	}
	p.form(e)
	if e.Rule != nil {
		p.rule(e.Rule)
	}
	p.ledger(e.Ledger)
	return p.b.String()
}

// line writes a line of the section, wrapped at spaces.
func (p *page) line(format string, args ...any) {
	text := printable(fmt.Sprintf(format, args...))
	lead := text[:len(text)-len(strings.TrimLeft(text, " "))]
	for i, part := range wrap(text, explainWidth-explainIndent, lead+"  ") {
		if i > 0 {
			p.section = ""
		}
		p.b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s%s", explainIndent, p.section, part), " ") + "\n")
	}
	p.section = ""
}

// wrap breaks a text at spaces, a word that is too long before a point, and else anywhere; further lines begin with
// the lead, which is shorter than the width.
func wrap(text string, width int, lead string) []string {
	var lines []string
	for utf8.RuneCountInString(text) > width {
		head := string([]rune(text)[:width])
		at := strings.LastIndexByte(head, ' ')
		if at <= len(lead) {
			at = strings.LastIndexByte(head, '.')
		}
		if at <= len(lead) {
			at = len(head)
		}
		lines = append(lines, text[:at])
		text = lead + strings.TrimLeft(text[at:], " ")
	}
	return append(lines, text)
}

// printable replaces control characters: what a source wrote must not steer a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

func (p *page) head(e *pipeline.Explanation) {
	name := e.Item.Name
	if e.Item.Repeat > 0 {
		name += fmt.Sprintf(" #%d", e.Item.Repeat)
	}
	about := e.Item.Label + ", " + e.Item.Type
	if e.Item.Unit != "" {
		about += " in " + e.Item.Unit
	}
	fmt.Fprintf(&p.b, "%s  %s\n", name, printable(about))
	subject := "subject unknown"
	if e.Subject != "" {
		subject = "subject " + printable(e.Subject)
	}
	fmt.Fprintf(&p.b, "%s, event %s, study %s %s, as of %s\n\n", subject, e.Item.Event, e.Study, e.Version, e.AsOf)
	p.section = "result"
	if e.Rule == nil {
		p.line("%s: %s", e.Status, e.Says)
	} else {
		p.line("%s%s", content(e.Rule.Value, e.Rule.Missing, e.Item.Unit), between("  (", e.ValueLabel, ")"))
		if e.Rule.Because != "" {
			p.line("%s", e.Rule.Because)
		}
	}
}

// content is a value with its unit, or the reason why there is none.
func content(value string, missing ecrf.MissingReason, unit string) string {
	if value == "" {
		return "empty: " + string(missing)
	}
	return strings.TrimSpace(value + " " + unit)
}

func (p *page) consent(c *pipeline.ConsentStep) {
	if c == nil {
		return
	}
	p.section = "consent"
	if c.Outcome == consent.Granted.String() {
		p.line("%s (%s)%s", c.Outcome, c.Reason, between(", data from ", strings.Join(c.Windows, "; "), ""))
	} else {
		p.line("%s (%s): %s", c.Outcome, c.Reason, c.Means)
	}
	for i, d := range c.Dropped {
		if i > 0 && slices.ContainsFunc(c.Dropped[:i], func(o pipeline.Drop) bool { return o.Reason == d.Reason }) {
			continue
		}
		var what []string
		for _, o := range c.Dropped {
			if o.Reason == d.Reason {
				what = append(what, fmt.Sprintf("%d %s", o.Count, o.Type))
			}
		}
		p.line("dropped %s: %s (%s)", strings.Join(what, ", "), d.Means, d.Reason)
	}
}

// between puts text between two others, or nothing where there is none.
func between(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

func (p *page) list(lines []string, lead string) {
	for i, l := range lines {
		if i == explainLines {
			p.line("%sand %d more; --json lists all", lead, len(lines)-i)
			return
		}
		p.line("%s%s", lead, l)
	}
}

func (p *page) veil(all []pipeline.VeilStep) {
	p.section = "privacy"
	for _, v := range all {
		p.line("de-identification dropped %d %s (%s) of the subject; the rule reads this element", v.Count, v.Path, v.Reason)
	}
}

// event is short where the event happened: the JSON has its steps.
func (p *page) event(s *mapping.Steps) {
	p.section = "event"
	if s.Missing == "" && len(s.Candidates) > 0 {
		p.line("%s = %s, %s of %d: %s", s.Rule, s.Value, s.Says.Choose, len(s.Candidates), short(s.Candidates[0].Resource))
		if s.Because != "" {
			p.line("  %s", s.Because)
		}
		return
	}
	p.line("%s = %s", s.Rule, content(s.Value, s.Missing, ""))
	p.line("  %s", s.Because)
	p.says(s, "  ")
	p.fates(s, "  ")
	p.candidates(s, "  ")
}

func (p *page) form(e *pipeline.Explanation) {
	if e.Form == nil {
		return
	}
	p.section = "instances"
	p.line("one for each %s that counts", strings.Join(e.Form.Says.Resource, ", "))
	p.says(e.Form, "  ")
	p.fates(e.Form, "  ")
	if e.Rule != nil {
		p.line("this is #%d of %d: %.10s %s", e.Item.Repeat, len(e.Repeats), e.Rule.Date, short(e.Rule.Instance))
		return
	}
	lines := make([]string, 0, len(e.Repeats))
	for _, r := range e.Repeats {
		lines = append(lines, fmt.Sprintf("#%-3d %-12.10s %s", r.Repeat, r.Date, content(r.Value, r.Missing, e.Item.Unit)))
	}
	p.lines(lines)
}

// lines writes a list whole: it is what was asked for.
func (p *page) lines(all []string) {
	for _, l := range all {
		p.line("%s", l)
	}
}

func (p *page) rule(s *mapping.Steps) {
	p.section = "rule"
	if s.Formula != "" {
		p.line("%s", s.Formula)
	}
	for _, u := range s.Inputs {
		p.line("  %s = %s", u.Name, content(u.Value, u.Missing, ""))
	}
	p.says(s, "")
	if len(s.Resources) > 0 {
		p.section = "resources"
		p.fates(s, "")
	}
	if s.ChosenBy != "" {
		p.section = "choice"
		p.line("%s", s.ChosenBy)
		p.candidates(s, "")
	}
	p.section = "value"
	for _, c := range s.Changes {
		to := c.To
		if to == "" {
			to = "nothing"
		}
		p.line("%-10s %s%s%s", c.What, between("", original(c), " -> "), digits(to), between("  (", c.Note, ")"))
	}
}

// original is what a change began with.
func original(c mapping.Change) string {
	if c.What == mapping.ChangeStudyUID {
		return short(c.From)
	}
	return digits(c.From)
}

// digits cuts a number that nobody reads to the end.
func digits(text string) string {
	const most = 16
	number, unit, spaced := strings.Cut(text, " ")
	if len(number) > most && strings.Trim(number, "0123456789.-") == "" {
		number = number[:most] + "…"
	}
	if !spaced {
		return number
	}
	return number + " " + unit
}

// short cuts a keyed reference to what tells it apart; the JSON has it whole.
func short(reference string) string {
	const most = 10
	typ, id, _ := strings.Cut(reference, "/")
	if len(id) > most {
		id = id[:most] + "…"
	}
	return typ + "/" + id
}

// says writes the rule as the mapping file has it.
//
// What sources say of their own stands behind it, without what is the same, and with the places of both.
func (p *page) says(s *mapping.Steps, lead string) {
	for _, part := range partsOf(s.Says) {
		if part.name != "at" || len(s.Own) > 0 {
			p.part(part, lead)
		}
	}
	p.own(s, lead)
}

type rulePart struct{ name, text string }

func partsOf(says mapping.Says) []rulePart {
	return []rulePart{
		{"at", says.At}, {"entered", says.Entered}, {"resource", strings.Join(says.Resource, ", ")}, {"where", says.Where}, {"date", says.Date},
		{"window", says.Window}, {"choose", says.Choose}, {"value", says.Value}, {"map", says.Map},
	}
}

func (p *page) part(part rulePart, lead string) {
	if part.text != "" {
		p.line("%s%-9s %s", lead, part.name, strings.Join(strings.Fields(part.text), " "))
	}
}

func (p *page) own(s *mapping.Steps, lead string) {
	for _, own := range s.Own {
		p.line("%sof %s, %s", lead, own.Source, own.Says.At)
		usual := partsOf(s.Says)
		for i, part := range partsOf(own.Says) {
			if part.name != "at" && part != usual[i] {
				p.part(part, lead+"  ")
			}
		}
	}
}

// fateTexts say what became of resources.
var fateTexts = map[mapping.Fate]string{
	mapping.WhereFalse:      "the condition does not hold",
	mapping.Reissued:        "a newer issue of the same result counts instead",
	mapping.StatusFate:      "the status never counts",
	mapping.CertaintyFate:   "the diagnosis is not confirmed",
	mapping.UndatedFate:     "without a date, and the rule has a window",
	mapping.OutsideFate:     "outside of the window",
	mapping.CountedFate:     "counts",
	mapping.AnotherInstance: "stands behind another one of the same key",
}

// fates counts the resources by what became of them, and names those that nearly counted.
func (p *page) fates(s *mapping.Steps, lead string) {
	for _, fate := range mapping.Fates() {
		var named [][]string
		n := 0
		for _, seen := range s.Resources {
			if seen.Fate != fate {
				continue
			}
			n++
			if fate != mapping.WhereFalse && fate != mapping.CountedFate {
				named = append(named, row("", seen.Source, seen.Date, seen.Days, seen.Detail, seen.Resource))
			}
		}
		if n > 0 {
			p.line("%s%4d  %s", lead, n, fateTexts[fate])
			p.list(aligned(named), lead+"      ")
		}
	}
}

// row is what is known of a resource, in columns.
func row(mark, source, date string, days *int, text, resource string) []string {
	from := ""
	if days != nil {
		from = fmt.Sprintf("day %+d", *days)
	}
	return []string{mark, source, fmt.Sprintf("%.10s", date), from, text, short(resource)}
}

// aligned pads columns, and leaves out those that are empty in all rows.
func aligned(rows [][]string) []string {
	lines := make([]string, len(rows))
	for c := 0; len(rows) > 0 && c < len(rows[0]); c++ {
		width := 0
		for _, r := range rows {
			width = max(width, utf8.RuneCountInString(r[c]))
		}
		for i, r := range rows {
			if width > 0 {
				lines[i] += r[c] + strings.Repeat(" ", width-utf8.RuneCountInString(r[c])+2)
			}
		}
	}
	return lines
}

func (p *page) candidates(s *mapping.Steps, lead string) {
	rows := make([][]string, 0, len(s.Candidates))
	for _, c := range s.Candidates {
		mark := ""
		if c.Chosen {
			mark = ">"
		}
		text := c.Value
		if c.Note != "" {
			text = c.Note
		}
		rows = append(rows, row(mark, c.Source, c.Date, c.Days, fmt.Sprintf("%.24s", text), c.Resource))
	}
	p.list(aligned(rows), lead)
}

func (p *page) ledger(l *pipeline.LedgerStep) {
	if l == nil {
		return
	}
	p.section = "ledger"
	p.line("%s", l.Says)
	if l.Known {
		text := l.Value
		if l.Missing != "" {
			text = strings.TrimSpace(text + " empty: " + string(l.Missing))
		}
		p.line("%s, state %s; last run %d as of %s", text, l.State, l.Run, l.RunAsOf)
	}
}
