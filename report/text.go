package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds a text from outside in characters: a report must stay legible.
const maxText = 300

// clean makes a text from outside harmless for people's eyes: control characters (a terminal obeys them), invisible
// and direction-changing characters become a visible sign, and the length is bounded.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return string([]rune(s)[:maxText]) + "…"
}

// label returns the label of something, or its name.
func label(name, text string) string {
	if text == "" {
		return clean(name)
	}
	return clean(text)
}
