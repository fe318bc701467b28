package viewdef

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// form is what a JSON value is.
type form uint8

const (
	null form = iota
	boolean
	number
	text
	array
	object
)

var formNames = [...]string{"null", "true or false", "a number", "a string", "an array", "an object"}

func (f form) String() string { return formNames[f] }

// value is a JSON value with its place.
type value struct {
	form    form
	text    string // of a string, number or Boolean
	pos     int    // byte offset
	items   []*value
	members []member
}

type member struct {
	name  string
	pos   int
	value *value
}

func (v *value) get(name string) *value {
	for i := range v.members {
		if v.members[i].name == name {
			return v.members[i].value
		}
	}
	return nil
}

const maxNesting = 100

// syntaxError is a text that is no JSON.
type syntaxError struct {
	pos     int
	problem string
}

func (e *syntaxError) Error() string { return e.problem }

// parseJSON reads one JSON value, keeping places, and refuses members that occur twice.
func parseJSON(src string) (*value, error) {
	if !utf8.ValidString(src) {
		return nil, &syntaxError{0, "the text is not UTF-8"}
	}
	p := &parser{src: src, in: json.NewDecoder(strings.NewReader(src))}
	p.in.UseNumber()
	v, err := p.value(0)
	if err != nil {
		return nil, p.placed(err)
	}
	end := p.next()
	if _, err := p.in.Token(); !errors.Is(err, io.EOF) {
		return nil, &syntaxError{end, "something follows the end of the object"}
	}
	return v, nil
}

type parser struct {
	src string
	in  *json.Decoder
}

// next is the offset where the next token begins.
func (p *parser) next() int {
	at := int(p.in.InputOffset())
	for at < len(p.src) && strings.IndexByte(" \t\r\n,:", p.src[at]) >= 0 {
		at++
	}
	return at
}

func (p *parser) placed(err error) error {
	var own *syntaxError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &syntax):
		return &syntaxError{p.next(), "not JSON: " + syntax.Error()}
	}
	return &syntaxError{len(p.src), "the JSON text is cut off"}
}

func (p *parser) value(depth int) (*value, error) {
	v := &value{pos: p.next()}
	if depth > maxNesting {
		return nil, &syntaxError{v.pos, "nested too deeply"}
	}
	token, err := p.in.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		v.form = null
	case bool:
		v.form, v.text = boolean, fmt.Sprint(t)
	case json.Number:
		v.form, v.text = number, t.String()
	case string:
		v.form, v.text = text, t
	case json.Delim:
		if t == '[' {
			return v, p.array(v, depth)
		}
		return v, p.object(v, depth)
	}
	return v, nil
}

func (p *parser) array(v *value, depth int) error {
	v.form = array
	for p.in.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := p.in.Token()
	return err
}

func (p *parser) object(v *value, depth int) error {
	v.form = object
	for p.in.More() {
		m := member{pos: p.next()}
		token, err := p.in.Token()
		if err != nil {
			return err
		}
		m.name, _ = token.(string)
		if v.get(m.name) != nil {
			return &syntaxError{m.pos, "the member " + m.name + " occurs twice"}
		}
		if m.value, err = p.value(depth + 1); err != nil {
			return err
		}
		v.members = append(v.members, m)
	}
	_, err := p.in.Token()
	return err
}

// place returns line and column of an offset.
func place(src string, pos int) (line, col int) {
	before := src[:max(0, min(pos, len(src)))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// within returns the offset at which the character at line and column of a string's value is written, for a string
// whose text begins at pos.
func within(src string, pos, line, col int) int {
	at := pos + 1
	for l, c := 1, 1; at < len(src) && src[at] != '"' && (l < line || l == line && c < col); c++ {
		if strings.HasPrefix(src[at:], `\n`) {
			l, c = l+1, 0
		}
		at += written(src[at:])
	}
	return min(at, len(src))
}

// written is the length of the first character of a string's JSON text; a surrogate pair is one character.
func written(s string) int {
	switch {
	case s[0] != '\\':
		_, n := utf8.DecodeRuneInString(s)
		return n
	case strings.HasPrefix(s, `\ud`) || strings.HasPrefix(s, `\uD`):
		if len(s) >= 12 && strings.IndexByte("89abAB", s[3]) >= 0 && s[6] == '\\' {
			return 12
		}
		return min(6, len(s))
	case strings.HasPrefix(s, `\u`):
		return min(6, len(s))
	}
	return min(2, len(s))
}
