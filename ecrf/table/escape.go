package table

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// openers begin a formula in Excel, LibreOffice or Google Sheets; the wide forms do in Japanese Excel.
const openers = "=+-@\t\r\n＝＋－＠'"

// plainOpening are the bytes of ASCII with which a text may begin: it is neither space nor opener.
var plainOpening = func() (plain [256]bool) {
	for c := '!'; c < utf8.RuneSelf; c++ {
		plain[c] = !strings.ContainsRune(openers, c)
	}
	return plain
}()

// Escape makes a text harmless for spreadsheet programs. Unescape undoes it.
func Escape(s string) string {
	if s == "" || plainOpening[s[0]] {
		return s
	}
	start := strings.TrimLeft(s, " \u00a0")
	if start == "" || plainNumber.MatchString(s) {
		return s
	}
	if strings.ContainsAny(firstRune(start), openers) {
		return "'" + s
	}
	return s
}

// Unescape returns the text that Escape was given.
func Unescape(s string) string {
	rest, ok := strings.CutPrefix(s, "'")
	if ok && Escape(rest) == s {
		return rest
	}
	return s
}

func firstRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}
