package finding

import (
	"strconv"
	"strings"
)

// Render writes every finding with its source line, a caret under the column, and the hint. source returns the text
// of a file by the name that the findings carry, and ok false where there is none: then only the message is shown.
func (l List) Render(source func(file string) (text string, ok bool)) string {
	var b strings.Builder
	lines := map[string][]string{}
	for i, f := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		text, known := lines[f.File]
		if !known {
			if s, ok := source(f.File); ok {
				text = strings.Split(s, "\n")
			}
			lines[f.File] = text
		}
		f.render(&b, text)
	}
	return b.String()
}

func (f Finding) render(b *strings.Builder, lines []string) {
	b.WriteString(f.place() + f.Severity.String() + ": " + f.Message + "\n")
	if f.Line >= 1 && f.Line <= len(lines) {
		number := strconv.Itoa(f.Line)
		line := strings.TrimRight(lines[f.Line-1], "\r")
		b.WriteString("  " + number + " | " + line + "\n")
		b.WriteString("  " + strings.Repeat(" ", len(number)) + " | " + caretPad(line, f.Col) + "^\n")
	}
	if f.Hint != "" {
		b.WriteString("  hint: " + f.Hint + "\n")
	}
}

// caretPad returns what stands before the caret: tabs stay tabs, so that the caret meets its column on any screen.
func caretPad(line string, col int) string {
	var b strings.Builder
	n := 1
	for _, c := range line {
		if n >= col {
			break
		}
		if c != '\t' {
			c = ' '
		}
		b.WriteRune(c)
		n++
	}
	for ; n < col; n++ {
		b.WriteByte(' ')
	}
	return b.String()
}
