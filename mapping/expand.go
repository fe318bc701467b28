package mapping

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
)

// origin is where a byte of an expanded expression was written: in a scalar of the file, at a byte of its text.
type origin struct {
	scalar yamldoc.Value
	at     int
}

// expander replaces %name of the file's names and parameters by a literal, and of its expressions by the expression in
// parentheses, outside of quoted text. Other %names are left to FHIRPath.
type expander struct {
	file    *file
	text    strings.Builder
	origins []origin        // one per byte of text
	open    []string        // expressions within which the place lies
	used    map[string]bool // names of expressions
}

// expand returns the expanded text of a scalar and the origin of each of its bytes and of its end.
func (f *file) expand(v yamldoc.Value, used map[string]bool) (expanded string, origins []origin) {
	x := expander{file: f, used: used}
	text := v.Text()
	x.scalar(v, text)
	return x.text.String(), append(x.origins, origin{v, len(text)})
}

func (x *expander) scalar(v yamldoc.Value, text string) {
	for i := 0; i < len(text); {
		end := i + 1
		switch text[i] {
		case '\'', '`', '"':
			end = quotedEnd(text, i)
		case '%':
			name := identifier(text[i+1:])
			end += len(name)
			if x.substitute(name, origin{v, i}) {
				i = end
				continue
			}
		}
		for ; i < end; i++ {
			x.emit(text[i:i+1], origin{v, i})
		}
	}
}

func (x *expander) emit(s string, from origin) {
	for range len(s) {
		x.origins = append(x.origins, from)
	}
	x.text.WriteString(s)
}

var quoting = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// substitute writes what %name stands for. An expression cannot use itself: within its text its own name is unknown.
func (x *expander) substitute(name string, from origin) bool {
	if s, ok := x.file.names[name]; ok {
		x.emit("'"+quoting.Replace(s)+"'", from)
		return true
	}
	if p := x.file.parameters[name]; p != nil {
		x.used["parameter "+name] = true
		if p.calendar() {
			return false
		}
		x.emit(p.literal, from)
		return true
	}
	e, ok := x.file.expressions[name]
	if !ok || slices.Contains(x.open, name) {
		return false
	}
	x.used[name] = true
	x.open = append(x.open, name)
	x.emit("(", from)
	x.scalar(e, e.Text())
	x.emit(")", from)
	x.open = x.open[:len(x.open)-1]
	return true
}

func quotedEnd(s string, start int) int {
	for i := start + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[start]:
			return i + 1
		}
	}
	return len(s)
}

func identifier(s string) string {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c-'0' > 9) {
			return s[:i]
		}
	}
	return s
}
