package mapping

import "strings"

// word is a name, a %name, a @literal or a symbol of a FHIRPath text, with the byte where it stands. Quoted texts keep
// their quotes; comments and white space are no words.
type word struct {
	text string
	at   int
}

// words cuts a FHIRPath text into words.
func words(text string) []word {
	var all []word
	for i := 0; i < len(text); {
		end := wordEnd(text, i)
		if w := text[i:end]; strings.TrimSpace(w) != "" && !strings.HasPrefix(w, "//") && !strings.HasPrefix(w, "/*") {
			all = append(all, word{w, i})
		}
		i = end
	}
	return all
}

func wordEnd(text string, i int) int {
	rest := text[i:]
	switch c := text[i]; {
	case c == '\'' || c == '`' || c == '"':
		return quotedEnd(text, i)
	case strings.HasPrefix(rest, "//"):
		return i + cut(rest, "\n", 0)
	case strings.HasPrefix(rest, "/*"):
		return i + cut(rest, "*/", 2)
	case c == '%' && strings.HasPrefix(rest[1:], "`"):
		return quotedEnd(text, i+1)
	case c == '%':
		return i + 1 + len(identifier(rest[1:]))
	case c == '@':
		return i + 1 + len(rest[1:]) - len(strings.TrimLeft(rest[1:], "0123456789-:T"))
	}
	return i + max(1, len(identifier(rest)))
}

// cut returns the length of the text up to the end of the mark.
func cut(text, mark string, length int) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i + length
	}
	return len(text)
}

// variable returns the name of a %name or %`name`.
func (w word) variable() (string, bool) {
	name, ok := strings.CutPrefix(w.text, "%")
	return strings.Trim(name, "`"), ok && name != ""
}
