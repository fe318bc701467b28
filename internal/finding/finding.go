// Package finding holds what a check has to say about a configuration file: where, what is wrong, and how to mend it.
// Checks collect findings and report all of them at once.
package finding

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Severity orders findings: an Error stops the run, a Warning does not.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Finding is one remark about a place in a file. Line and Col count from 1; Col counts characters.
type Finding struct {
	File      string
	Line, Col int
	Severity  Severity
	Message   string // what is wrong
	Hint      string // how to mend it; may be empty
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Col, f.Severity, f.Message)
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// List is a set of findings; it is an error when it holds one of severity Error.
type List []Finding

// Add appends a finding of severity Error.
func (l *List) Add(file string, line, col int, hint, format string, args ...any) {
	*l = append(*l, Finding{File: file, Line: line, Col: col, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Err returns the list as an error, or nil when nothing in it is an error.
func (l List) Err() error {
	if l.HasErrors() {
		return l
	}
	return nil
}

// HasErrors reports whether a finding has severity Error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Severity == Error })
}

// In returns the findings with their files named from the folder that dir lies in.
func (l List) In(dir string) List {
	moved := slices.Clone(l)
	for i := range moved {
		moved[i].File = filepath.Join(dir, moved[i].File)
	}
	return moved
}

// Sort orders by file and place.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Message, b.Message))
	})
}

func (l List) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Render writes each finding with its source line, a caret under the column and the hint. source returns the text
// of a file, "" when it is not known.
func (l List) Render(w io.Writer, source func(file string) string) error {
	for _, f := range l {
		text := fmt.Sprintf("%s:%d:%d: %s: %s\n", f.File, f.Line, f.Col, f.Severity, f.Message)
		if line, ok := lineOf(source(f.File), f.Line); ok {
			text += "    " + line + "\n    " + indent(line, f.Col) + "^\n"
		}
		if f.Hint != "" {
			text += "    " + f.Hint + "\n"
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func lineOf(text string, n int) (string, bool) {
	for line := range strings.Lines(text) {
		if n--; n == 0 {
			return strings.TrimRight(line, "\r\n"), true
		}
	}
	return "", false
}

// indent returns white space as wide as the line up to the column, keeping tabs.
func indent(line string, col int) string {
	var b strings.Builder
	for _, r := range line {
		if col--; col < 1 {
			break
		}
		if r == '\t' {
			b.WriteRune('\t')
		} else {
			b.WriteRune(' ')
		}
	}
	return b.String()
}

// Nearest returns the candidate with the smallest edit distance to name, for a hint; "" when none is near.
func Nearest(name string, candidates []string) string {
	best, least := "", max(2, utf8.RuneCountInString(name)/3)+1
	for _, c := range candidates {
		if d := distance([]rune(strings.ToLower(name)), []rune(strings.ToLower(c))); d < least {
			best, least = c, d
		}
	}
	return best
}

// DidYouMean words the nearest candidate as a hint, or lists what there is.
func DidYouMean(name string, candidates []string) string {
	if n := Nearest(name, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(candidates) == 0 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(candidates))
	if len(sorted) > 20 {
		sorted = append(sorted[:20], "…")
	}
	return "known here: " + strings.Join(sorted, ", ")
}

// distance is the Levenshtein distance.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
