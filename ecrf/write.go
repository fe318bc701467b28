package ecrf

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// WriteDictionary writes the dictionary as a file that ParseDictionary reads back as the same dictionary. Texts must be valid
// UTF-8. Equal content gives equal bytes.
func WriteDictionary(w io.Writer, d *Dictionary, comments Comments) error {
	y := &yamlWriter{w: bufio.NewWriter(w)}
	for _, line := range comments.Head {
		y.line("#" + comment(line))
	}
	y.line("study: " + scalarText(d.Study))
	y.line("version: " + quoted(d.Version))
	y.line("")
	y.line("events:")
	for _, e := range d.Events {
		y.line("  - {" + fields("name", e.Name, "label", unless(e.Label, e.Name)) + ", forms: [" + names(e.Forms) + "]}" + behind(comments.Events[e.Name]))
	}
	if len(d.CodeLists) > 0 {
		y.line("")
		y.line("codelists:")
	}
	for i := range d.CodeLists {
		y.codeList(&d.CodeLists[i], comments)
	}
	y.line("")
	y.line("forms:")
	for i := range d.Forms {
		if i > 0 {
			y.line("")
		}
		y.form(&d.Forms[i], comments)
	}
	if y.err == nil {
		y.err = y.w.Flush()
	}
	if y.err != nil {
		return fmt.Errorf("write the dictionary: %w", y.err)
	}
	return nil
}

type yamlWriter struct {
	w   *bufio.Writer
	err error
}

func (y *yamlWriter) line(s string) {
	if y.err == nil {
		_, y.err = y.w.WriteString(s + "\n")
	}
}

func (y *yamlWriter) codeList(l *CodeList, comments Comments) {
	y.line("  " + scalarText(l.Name) + ":" + behind(comments.CodeLists[l.Name]))
	for _, c := range l.Codes {
		y.line("    " + scalarText(c.Value) + ": " + scalarText(c.Label))
	}
}

func (y *yamlWriter) form(f *Form, comments Comments) {
	y.line("  - name: " + scalarText(f.Name) + behind(comments.Forms[f.Name]))
	if f.Label != f.Name {
		y.line("    label: " + scalarText(f.Label))
	}
	if f.Repeating {
		y.line("    repeating: true")
	}
	y.line("    items:")
	for i := range f.Items {
		it := &f.Items[i]
		y.line("      - {" + itemFields(it) + "}" + behind(comments.Items[it.Name]))
	}
}

func itemFields(it *Item) string {
	required := ""
	if it.Required {
		required = "true"
	}
	s := fields("name", it.Name, "label", unless(it.Label, it.Name), "type", string(it.Type), "unit", it.Unit)
	for _, n := range []struct {
		key   string
		value string
	}{
		{"decimals", whole(it.Decimals)}, {"min", it.Min}, {"max", it.Max}, {"length", whole(it.Length)},
	} {
		switch {
		case n.value == "":
		case plainNumber.MatchString(n.value):
			s += ", " + n.key + ": " + n.value
		default:
			s += ", " + n.key + ": " + quoted(n.value)
		}
	}
	s += fieldsBehind("codelist", it.CodeList)
	if required != "" {
		s += ", required: true"
	}
	return s
}

// names writes names between commas; some, such as null, need quotes.
func names(all []string) string {
	written := make([]string, len(all))
	for i, n := range all {
		written[i] = scalarText(n)
	}
	return strings.Join(written, ", ")
}

func whole(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func unless(s, same string) string {
	if s == same {
		return ""
	}
	return s
}

// fields writes the pairs whose value is not empty.
func fields(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+": "+scalarText(pairs[i+1]))
		}
	}
	return strings.Join(parts, ", ")
}

func fieldsBehind(pairs ...string) string {
	if s := fields(pairs...); s != "" {
		return ", " + s
	}
	return ""
}

func behind(text string) string {
	if text == "" {
		return ""
	}
	return " #" + comment(text)
}

func comment(text string) string {
	text, _ = plainText(text)
	if text == "" {
		return ""
	}
	return " " + text
}

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$`)

// Words that YAML readers take for something else than a text.
var yamlWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// scalarText writes a text plainly where every YAML reader reads it as that text, else in double quotes.
func scalarText(s string) string {
	if isPlain(s) {
		return s
	}
	return quoted(s)
}

func isPlain(s string) bool {
	if s == "" || strings.HasSuffix(s, " ") || slices.Contains(yamlWords, strings.ToLower(s)) {
		return false
	}
	for i, r := range s {
		letter := unicode.IsLetter(r) && r < 0x250
		switch {
		case letter:
		case i > 0 && (r >= '0' && r <= '9' || strings.ContainsRune(" ._/()+-*%;?!=<>'", r)):
		default:
			return false
		}
	}
	return true
}

// quoted writes a text in double quotes (YAML 1.2, section 7.3.1).
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
