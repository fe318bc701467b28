// Package finding holds what is wrong with a file that a person wrote.
//
// A Finding is one mistake with its place (file, line, column), what is wrong
// and a hint how to mend it. A List holds all findings of one check; as an
// error it carries every one of them, so that nobody mends a file one run at a
// time. Render shows each with its source line and a caret.
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding stops the work.
type Severity uint8

// An Error makes the file unusable; a Warning should be looked at; a Note explains another finding.
const (
	Error Severity = iota
	Warning
	Note
)

func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return "note"
}

// Finding is one mistake in a file. Line and Col count from 1, Col in characters; 0 where the place is not known.
type Finding struct {
	File      string
	Line, Col int
	Severity  Severity
	Message   string
	Hint      string // how to mend it; may be ""
}

// String writes `file:line:col: severity: message (hint)`, leaving out what is unknown.
func (f Finding) String() string {
	s := f.place() + f.Severity.String() + ": " + f.Message
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

func (f Finding) place() string {
	switch {
	case f.File == "" && f.Line == 0:
		return ""
	case f.Line == 0:
		return f.File + ": "
	case f.File == "":
		return fmt.Sprintf("%d:%d: ", f.Line, f.Col)
	}
	return fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Col)
}

// List is all findings of a check. It is an error.
type List []Finding

// Add appends a finding.
func (l *List) Add(f Finding) { *l = append(*l, f) }

// Error writes one finding a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Failed reports whether any finding is an Error.
func (l List) Failed() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Severity == Error })
}

// Err returns the sorted list as an error when it holds an Error, else nil.
func (l List) Err() error {
	if !l.Failed() {
		return nil
	}
	l.Sort()
	return l
}

// Sort orders the list by file, line, column and message.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Message, b.Message))
	})
}
